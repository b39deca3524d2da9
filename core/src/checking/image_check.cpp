#include "checking/image_check.hpp"

#include <perdure/kit/images.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace perdure::checking {

namespace {

constexpr const char* put_where_found = "put it where its state says";
constexpr const char* delete_message = "delete the message";

class comparison {
  public:
    comparison(const instance_image& image, history_scan& scan, std::uint64_t last_sequence)
        : image_(image),
          record_(image.record),
          scan_(scan),
          last_sequence_(last_sequence),
          has_ended_(is_terminal(record_.status)) {}

    findings take() {
        found_.violations = std::move(scan_.violations());
        check_history_end();
        check_counts();
        check_messages();
        check_places();
        if (has_ended_) {
            check_end();
        } else if (!scan_.is_partial()) {
            check_awaited();
            check_activities();
        }
        check_contradictions();
        return std::move(found_);
    }

  private:
    void report(invariant broken, std::string text, const char* repair = "", std::uint64_t number = 0) {
        found_.violations.push_back({.broken = broken,
                                     .instance = record_.instance,
                                     .execution = record_.execution,
                                     .number = number,
                                     .found = std::move(text),
                                     .repair = repair});
    }

    void check_history_end() {
        if (scan_.length() != record_.history_length) {
            report(invariant::history_gapless,
                   fmt::format("the history has {} events, and should have {}",
                               scan_.length(),
                               record_.history_length));
            return;
        }
        if (scan_.is_partial() || record_.status == orchestration_status::cancelled) {
            return;
        }
        if (has_ended_ ? !ends_as_status_says() : scan_.end().has_value()) {
            report(invariant::status_follows_history,
                   fmt::format("it is {}, and its history {}",
                               to_string(record_.status),
                               scan_.end() ? fmt::format("has {}", to_string(*scan_.end()))
                                           : std::string("has no end")));
        }
    }

    [[nodiscard]] bool ends_as_status_says() const {
        switch (record_.status) {
            case orchestration_status::completed:
                return scan_.end() == event_kind::execution_completed;
            case orchestration_status::failed:
                return scan_.end() == event_kind::execution_failed;
            default:
                return scan_.end() == event_kind::execution_terminated;
        }
    }

    void check_counts() {
        if (record_.inbox_length != image_.inbox.size()) {
            report(invariant::counted_right,
                   fmt::format("its inbox has {} messages, and {} are counted",
                               image_.inbox.size(),
                               record_.inbox_length),
                   "count them");
        }
    }

    void check_messages() {
        std::set<std::uint64_t> sequences;
        for (const message_image& each : image_.inbox) {
            const inbox_message& message = each.message;
            if (!sequences.insert(message.sequence).second) {
                report(invariant::messages_distinct,
                       fmt::format("two messages have the sequence {}", message.sequence),
                       "",
                       message.sequence);
            }
            if (message.sequence > last_sequence_) {
                report(invariant::messages_distinct,
                       fmt::format("a message has the sequence {}, and the hub has given none above {}",
                                   message.sequence,
                                   last_sequence_),
                       "let the hub go on from there",
                       message.sequence);
            }
            if (each.is_timer && scan_.fate_of(message.task) == history_scan::fate::ended) {
                report(invariant::consumed_once,
                       fmt::format("timer {} has fired, and is in the inbox", message.task.value),
                       delete_message,
                       message.sequence);
                found_.violations.back().place = "inbox";
            }
        }
        std::set<std::string_view> ids;
        for (const accepted_message& known : image_.accepted) {
            if (!ids.insert(known.id).second) {
                report(invariant::messages_distinct,
                       fmt::format("message id \"{}\" was accepted twice", known.id));
            }
        }
    }

    [[nodiscard]] std::optional<timestamp> due() const {
        if (has_ended_ || !record_.parked_reason.empty()) {
            return std::nullopt;
        }
        if (image_.needs_turn) {
            return image_.not_before;
        }
        return image_.inbox.empty()
                   ? std::nullopt
                   : std::optional(std::max(image_.not_before, image_.inbox.front().due));
    }

    void check_places() {
        const lease_image& held = image_.held;
        if (held.token && held.until) {
            return;
        }
        const auto from = due();
        const bool waits = from && *from < timestamp::max();
        if (waits && !held.ready_at) {
            report(held.token ? invariant::lease_can_end : invariant::work_is_found,
                   held.token ? "its lease has no end" : "it has work, and waits for no worker",
                   held.token ? "end the lease" : put_where_found);
        } else if (!waits && held.ready_at && !has_ended_) {
            report(invariant::work_is_found, "it waits for a worker, and has no work", put_where_found);
        }
        for (const activity_image& task : image_.activities) {
            if (!task.held.until && !task.held.ready_at) {
                report(task.held.token ? invariant::lease_can_end : invariant::work_is_found,
                       fmt::format("activity {} is neither leased nor waits for a worker",
                                   task.scheduled.task.value),
                       put_where_found,
                       task.scheduled.task.value);
                found_.violations.back().place = "activity";
                found_.violations.back().execution = task.execution;
            }
        }
    }

    void check_end() {
        const bool is_at_rest = image_.inbox.empty() && !image_.held.token &&
                                !image_.held.ready_at && record_.parked_reason.empty();
        if (!is_at_rest) {
            report(invariant::nothing_after_end,
                   fmt::format("it is {}, and {}",
                               to_string(record_.status),
                               !image_.inbox.empty()            ? "has messages"
                               : image_.held.token              ? "is leased"
                               : image_.held.ready_at           ? "waits for a worker"
                                                                : "is parked"),
                   "leave it nothing but its history");
        }
    }

    void check_awaited() {
        std::set<std::uint64_t> known;
        for (const message_image& each : image_.inbox) {
            known.insert(each.message.task.value);
        }
        for (const activity_image& each : image_.activities) {
            if (each.execution == record_.execution) {
                known.insert(each.scheduled.task.value);
            }
        }
        for (const auto& [task, what] : scan_.awaited()) {
            if (known.contains(task)) {
                continue;
            }
            switch (what.kind) {
                case event_kind::task_scheduled:
                    report(invariant::activity_can_end,
                           fmt::format("activity {} \"{}\" is awaited, and is neither queued, leased "
                                       "nor ended",
                                       task,
                                       what.name),
                           "",
                           task);
                    break;
                case event_kind::timer_created:
                    report(invariant::timer_can_fire,
                           fmt::format("timer {} is awaited, and is not in the inbox", task),
                           "set the timer again",
                           task);
                    found_.violations.back().at = what.fire_at;
                    break;
                default:
                    found_.children.push_back(
                        {.broken = invariant::child_end_told,
                         .instance = record_.instance,
                         .execution = record_.execution,
                         .number = task,
                         .place = what.child,
                         .found = fmt::format(
                             "task {}, its child \"{}\", has ended, and it was not told",
                             task,
                             what.child),
                         .repair = "tell it"});
                    break;
            }
        }
    }

    void check_activities() {
        for (const activity_image& each : image_.activities) {
            const task_id task = each.scheduled.task;
            const auto fate = scan_.fate_of(task);
            if (each.execution == record_.execution && fate != history_scan::fate::awaited) {
                report(fate == history_scan::fate::ended ? invariant::consumed_once
                                                         : invariant::activity_is_awaited,
                       fmt::format("activity {} \"{}\" is {}, and its history {}",
                                   task.value,
                                   each.scheduled.name,
                                   each.held.until ? "leased" : "queued",
                                   fate == history_scan::fate::ended  ? "has its end"
                                   : fate ? "has taken it back"
                                          : "does not know it"),
                       "delete the activity",
                       task.value);
                found_.violations.back().place = "activity";
            }
        }
    }

    // Whatever else no store can have had.
    void check_contradictions() {
        if (!found_.violations.empty()) {
            return;
        }
        try {
            refuse_contradictions({&image_, 1}, last_sequence_);
        } catch (const backend_error& wrong) {
            report(invariant::no_contradiction, wrong.what());
        }
    }

    const instance_image& image_;
    const instance_record& record_;
    history_scan& scan_;
    std::uint64_t last_sequence_;
    bool has_ended_;
    findings found_;
};

}  // namespace

findings check_image(const instance_image& image, history_scan& scan, std::uint64_t last_sequence) {
    return comparison(image, scan, last_sequence).take();
}

}  // namespace perdure::checking
