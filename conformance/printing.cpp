#define CATCH_CONFIG_FAST_COMPILE
#include "printing.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <ctime>
#include <deque>
#include <mutex>
#include <ostream>

namespace perdure {

namespace {

template <class Outcome, std::size_t Count>
std::ostream& write(std::ostream& out,
                    Outcome outcome,
                    const std::array<const char*, Count>& words) {
    const auto n = static_cast<std::size_t>(outcome);
    return n < Count ? out << words[n] : out << "unknown outcome " << n;
}

std::string text_of(const std::optional<timestamp>& at) {
    return at ? conformance::text_of(*at) : "-";
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const instance_id& id) {
    return out << id.text();
}

std::ostream& operator<<(std::ostream& out, execution_id execution) {
    return out << to_string(execution.value);
}

std::ostream& operator<<(std::ostream& out, task_id task) {
    return out << "task " << task.value;
}

std::ostream& operator<<(std::ostream& out, const worker_id& worker) {
    return out << worker.text;
}

std::ostream& operator<<(std::ostream& out, lease_token token) {
    return out << fmt::format("token {:x}", token.value);
}

std::ostream& operator<<(std::ostream& out, const lease& held) {
    return out << held.token << " of row " << held.row;
}

std::ostream& operator<<(std::ostream& out, const payload& value) {
    return value.is_none() ? out << "none" : out << value.codec << ':' << value.bytes;
}

std::ostream& operator<<(std::ostream& out, orchestration_status status) {
    return out << to_string(status);
}

std::ostream& operator<<(std::ostream& out, const history_chunk& chunk) {
    return out << fmt::format("{}+{}:{}", chunk.first, chunk.count, chunk.text);
}

std::ostream& operator<<(std::ostream& out, const inbox_message& message) {
    return out << fmt::format("#{} task {} at {} {}",
                              message.sequence,
                              message.task.value,
                              conformance::text_of(message.visible_at),
                              message.event);
}

std::ostream& operator<<(std::ostream& out, const instance_record& r) {
    out << r.instance << ' ' << r.execution << ' ' << r.name << '/' << r.version << ' ' << r.status;
    out << ", created " << text_of(std::optional(r.created_at)) << ", updated "
        << text_of(std::optional(r.updated_at)) << ", completed " << text_of(r.completed_at)
        << ", start " << text_of(r.start_at);
    out << ", custom status " << r.custom_status << ", output " << r.output << ", failure \""
        << r.failure << "\", tags [";
    for (const auto& [key, value] : r.tags) {
        out << ' ' << key << '=' << value;
    }
    out << " ]";
    if (r.parent) {
        out << ", child of " << r.parent->instance << ' ' << r.parent->execution << ' '
            << r.parent->task;
    }
    return out << ", parked \"" << r.parked_reason << "\", history " << r.history_length
               << ", inbox " << r.inbox_length << ", leased by \"" << r.leased_by << "\", "
               << to_string(r.kind) << " of level " << r.level;
}

std::ostream& operator<<(std::ostream& out, create_code code) {
    return write(out, code, std::array{"created", "already_exists"});
}

std::ostream& operator<<(std::ostream& out, send_outcome outcome) {
    return write(out,
                 outcome,
                 std::array{"accepted", "duplicate", "no_such_instance", "instance_is_terminal"});
}

std::ostream& operator<<(std::ostream& out, terminate_outcome outcome) {
    return write(out,
                 outcome,
                 std::array{"terminated", "requested", "no_such_instance", "instance_is_terminal"});
}

std::ostream& operator<<(std::ostream& out, lease_outcome outcome) {
    return write(out, outcome, std::array{"done", "lease_lost"});
}

std::ostream& operator<<(std::ostream& out, commit_outcome outcome) {
    return write(out,
                 outcome,
                 std::array{"committed", "lease_lost", "instance_is_terminal", "turn_declined"});
}

std::ostream& operator<<(std::ostream& out, unpark_outcome outcome) {
    return write(out, outcome, std::array{"released", "not_parked", "no_such_instance"});
}

std::ostream& operator<<(std::ostream& out, purge_outcome outcome) {
    return write(out, outcome, std::array{"purged", "not_terminal", "no_such_instance"});
}

namespace conformance {

namespace {

constexpr std::size_t notes_kept = 6;

struct notes {
    std::mutex mutex;
    std::deque<std::string> last;
};

notes& all_notes() {
    static notes all;
    return all;
}

}  // namespace

std::string text_of(timestamp at) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(at);
    const auto rest = std::chrono::duration_cast<duration>(at - seconds).count();
    // As a system_clock's time, in nanoseconds, it would end with the year 2262.
    const std::time_t whole = seconds.time_since_epoch().count();
    return fmt::format("{:%FT%T}.{:06}Z", fmt::gmtime(whole), rest);
}

std::string text_of(const work_batch& batch) {
    std::string text;
    for (const orchestration_work& work : batch.orchestrations) {
        text += fmt::format(" {} ({} messages, {}. delivery{})",
                            work.instance.text(),
                            work.inbox.size(),
                            work.deliveries,
                            work.suspect ? ", suspect" : "");
    }
    for (const activity_work& work : batch.activities) {
        text += fmt::format(" {}/{} ({}, {}. delivery{})",
                            work.instance.text(),
                            work.task.value,
                            work.name,
                            work.deliveries,
                            work.suspect ? ", suspect" : "");
    }
    return fmt::format("at {}:{}{}{}",
                       text_of(batch.store_time),
                       text.empty() ? " nothing" : text,
                       batch.contended ? ", contended" : "",
                       batch.suspects_waiting ? ", suspects wait" : "");
}

void note(std::string what) {
    const std::lock_guard guard(all_notes().mutex);
    all_notes().last.push_back(std::move(what));
    if (all_notes().last.size() > notes_kept) {
        all_notes().last.pop_front();
    }
}

std::string recent_notes() {
    const std::lock_guard guard(all_notes().mutex);
    std::string text;
    for (const std::string& one : all_notes().last) {
        text += "  " + one + "\n";
    }
    return text;
}

void forget_notes() {
    const std::lock_guard guard(all_notes().mutex);
    all_notes().last.clear();
}

}  // namespace conformance

}  // namespace perdure
