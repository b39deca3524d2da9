#include <perdure/migration.hpp>
#include <perdure/printable.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

namespace perdure {
inline namespace v1 {

namespace {

std::string shown(const std::string& text) {
    constexpr std::size_t enough = 80;
    return '"' + printable(text.substr(0, enough)) + (text.size() > enough ? "..." : "") + '"';
}
std::string shown(bool value) {
    return value ? "yes" : "no";
}
std::string shown(std::uint64_t value) {
    return std::to_string(value);
}
std::string shown(timestamp at) {
    return std::to_string(at.time_since_epoch().count()) + " us";
}
std::string shown(const execution_id& id) {
    return to_string(id.value);
}
std::string shown(const lease_token& token) {
    return shown(token.value);
}
std::string shown(const worker_id& worker) {
    return shown(worker.text);
}
std::string shown(const payload& value) {
    return value.codec + ' ' + shown(value.bytes);
}
std::string shown(orchestration_status status) {
    return std::string(to_string(status));
}
std::string shown(instance_kind kind) {
    return std::string(to_string(kind));
}
std::string shown(const parent_link& parent) {
    return fmt::format("{} task {}", shown(parent.instance.text()), parent.task.value);
}
std::string shown(const tag_map& tags) {
    std::string text;
    for (const auto& [key, value] : tags) {
        text += (text.empty() ? "" : ", ") + shown(key) + '=' + shown(value);
    }
    return text.empty() ? "none" : text;
}
template <class Value>
std::string shown(const std::optional<Value>& value) {
    return value ? shown(*value) : "none";
}

// Notes the first thing that differs.
class comparison {
  public:
    template <class Value>
    comparison& of(std::string_view what, const Value& first, const Value& second) {
        if (found_.empty() && first != second) {
            found_ = fmt::format("{}: {} and {}", what, shown(first), shown(second));
        }
        return *this;
    }

    void leases(const std::string& of_what, const lease_image& first, const lease_image& second) {
        of(of_what + "lease", first.token, second.token)
            .of(of_what + "holder", first.holder, second.holder)
            .of(of_what + "end of the lease", first.until, second.until)
            .of(of_what + "suspect", first.suspect, second.suspect)
            .of(of_what + "deliveries",
                std::uint64_t{first.deliveries},
                std::uint64_t{second.deliveries})
            .of(of_what + "ready since", first.ready_at, second.ready_at);
    }

    /// Compares lists item by item; `Item` says what of two items differs.
    template <class Items, class Compare>
    void lists(std::string_view what, const Items& first, const Items& second, Compare compare) {
        of(fmt::format("number of {}", what),
           std::uint64_t{std::size(first)},
           std::uint64_t{std::size(second)});
        for (std::size_t n = 0; found_.empty() && n < std::size(first); ++n) {
            compare(fmt::format("{} {}, ", what, n + 1), first[n], second[n]);
        }
    }

    [[nodiscard]] std::string take() { return std::move(found_); }

  private:
    std::string found_;
};

void compare_records(comparison& both, const instance_record& a, const instance_record& b) {
    both.of("execution", a.execution, b.execution)
        .of("name", a.name, b.name)
        .of("version", a.version, b.version)
        .of("status", a.status, b.status)
        .of("created at", a.created_at, b.created_at)
        .of("updated at", a.updated_at, b.updated_at)
        .of("completed at", a.completed_at, b.completed_at)
        .of("start at", a.start_at, b.start_at)
        .of("custom status", a.custom_status, b.custom_status)
        .of("output", a.output, b.output)
        .of("failure", a.failure, b.failure)
        .of("tags", a.tags, b.tags)
        .of("parent", a.parent, b.parent)
        .of("reason of the park", a.parked_reason, b.parked_reason)
        .of("history length", a.history_length, b.history_length)
        .of("kind", a.kind, b.kind)
        .of("feature level", std::uint64_t{a.level}, std::uint64_t{b.level});
}

void compare_messages(comparison& both,
                      const std::string& which,
                      const message_image& a,
                      const message_image& b) {
    both.of(which + "sequence", a.message.sequence, b.message.sequence)
        .of(which + "visible at", a.message.visible_at, b.message.visible_at)
        .of(which + "task", a.message.task.value, b.message.task.value)
        .of(which + "event", a.message.event, b.message.event)
        .of(which + "due", a.due, b.due)
        .of(which + "for one execution", a.for_execution, b.for_execution)
        .of(which + "timer", a.is_timer, b.is_timer)
        .of(which + "completed by", a.completed_by, b.completed_by);
}

void compare_activities(comparison& both,
                        const std::string& which,
                        const activity_image& a,
                        const activity_image& b) {
    both.of(which + "task", a.scheduled.task.value, b.scheduled.task.value)
        .of(which + "execution", a.execution, b.execution)
        .of(which + "name", a.scheduled.name, b.scheduled.name)
        .of(which + "version", a.scheduled.version, b.scheduled.version)
        .of(which + "queue", a.scheduled.queue, b.scheduled.queue)
        .of(which + "priority",
            std::to_string(a.scheduled.priority),
            std::to_string(b.scheduled.priority))
        .of(which + "input", a.scheduled.input, b.scheduled.input)
        .of(which + "details", a.scheduled.details, b.scheduled.details);
    both.leases(which, a.held, b.held);
}

}  // namespace

std::string difference(const instance_image& first, const instance_image& second) {
    comparison both;
    both.of("id", first.record.instance.text(), second.record.instance.text());
    compare_records(both, first.record, second.record);
    both.of("created as", first.created_as, second.created_as)
        .of("history version", first.history_version, second.history_version)
        .of("last commit", first.last_committed, second.last_committed)
        .of("last committer", first.last_committer, second.last_committer)
        .of("needs a turn", first.needs_turn, second.needs_turn)
        .of("not before", first.not_before, second.not_before);
    both.leases("", first.held, second.held);
    const auto of_both = [&](auto compare) {
        return [&both, compare](const auto&... items) { compare(both, items...); };
    };
    both.lists("message", first.inbox, second.inbox, of_both(compare_messages));
    both.lists("activity", first.activities, second.activities, of_both(compare_activities));
    both.lists("accepted message",
               first.accepted,
               second.accepted,
               [&](const std::string& which, const auto& a, const auto& b) {
                   both.of(which + "id", a.id, b.id).of(which + "time", a.at, b.at);
               });
    const std::size_t common = std::min(first.history.size(), second.history.size());
    for (std::size_t n = 0; n < common; ++n) {
        const history_chunk& a = first.history[n];
        const history_chunk& b = second.history[n];
        const std::string which = fmt::format("history from event {}, ", a.first);
        both.of(which + "first event", a.first, b.first)
            .of(which + "events", std::uint64_t{a.count}, std::uint64_t{b.count})
            .of(which + "text", a.text, b.text);
    }
    return both.take();
}

}  // namespace v1
}  // namespace perdure
