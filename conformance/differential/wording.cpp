#include "differential/wording.hpp"

#include <fmt/format.h>

namespace perdure::conformance {

std::string word(create_outcome outcome) {
    return outcome.code == create_code::created
               ? "created"
               : "already_exists " + std::string(to_string(outcome.status));
}

std::string word(send_outcome outcome) {
    switch (outcome) {
        case send_outcome::accepted:
            return "accepted";
        case send_outcome::duplicate:
            return "duplicate";
        case send_outcome::no_such_instance:
            return "no_such_instance";
        case send_outcome::instance_is_terminal:
            return "instance_is_terminal";
    }
    return "unknown";
}

std::string word(terminate_outcome outcome) {
    switch (outcome) {
        case terminate_outcome::terminated:
            return "terminated";
        case terminate_outcome::requested:
            return "requested";
        case terminate_outcome::no_such_instance:
            return "no_such_instance";
        case terminate_outcome::instance_is_terminal:
            return "instance_is_terminal";
    }
    return "unknown";
}

std::string word(lease_outcome outcome) {
    return outcome == lease_outcome::done ? "done" : "lease_lost";
}

std::string word(commit_outcome outcome) {
    switch (outcome) {
        case commit_outcome::committed:
            return "committed";
        case commit_outcome::lease_lost:
            return "lease_lost";
        case commit_outcome::instance_is_terminal:
            return "instance_is_terminal";
        case commit_outcome::turn_declined:
            return "turn_declined";
    }
    return "unknown";
}

std::string word(unpark_outcome outcome) {
    switch (outcome) {
        case unpark_outcome::unparked:
            return "released";
        case unpark_outcome::not_parked:
            return "not_parked";
        case unpark_outcome::no_such_instance:
            return "no_such_instance";
    }
    return "unknown";
}

std::string word(purge_outcome outcome) {
    switch (outcome) {
        case purge_outcome::purged:
            return "purged";
        case purge_outcome::not_terminal:
            return "not_terminal";
        case purge_outcome::no_such_instance:
            return "no_such_instance";
    }
    return "unknown";
}

std::string word(execution_id execution) {
    return fmt::format("x{}", execution.value.low);
}

namespace {

std::string chunks_text(const std::vector<history_chunk>& chunks) {
    std::string text;
    for (const history_chunk& chunk : chunks) {
        text += fmt::format(" {}+{}:{}", chunk.first, chunk.count, chunk.text);
    }
    return text;
}

std::string payload_text(const payload& value) {
    return value.is_none() ? "none" : value.codec + ":" + value.bytes;
}

std::string parent_text(const std::optional<parent_link>& parent) {
    return parent ? fmt::format("{} {} task {}",
                                parent->instance.text(),
                                word(parent->execution),
                                parent->task.value)
                  : "none";
}

std::string joined(std::vector<std::string> lines) {
    std::ranges::sort(lines);
    std::string text;
    for (const std::string& line : lines) {
        text += "\n    " + line;
    }
    return text;
}

}  // namespace

std::string wording::of(timestamp at) const {
    return fmt::format("{}min", std::chrono::floor<std::chrono::minutes>(at - origin_).count());
}

std::string wording::of(const std::optional<timestamp>& at) const {
    return at ? of(*at) : "-";
}

std::string wording::of(const orchestration_work& work) const {
    const bool is_exact = shown_ == detail::exact;
    std::string inbox;
    for (const inbox_message& message : work.inbox) {
        inbox += fmt::format(" task {} at {} {}{}",
                             message.task.value,
                             of(message.visible_at),
                             message.event,
                             is_exact ? fmt::format(" #{}", message.sequence) : std::string());
    }
    return fmt::format(
        "{} {} {}/{} {} deliveries {}{} v{}{} length {} history [{}] inbox [{}]{}",
        work.instance.text(),
        word(work.execution),
        work.name,
        work.version,
        to_string(work.status),
        work.deliveries,
        work.suspect ? " suspect" : "",
        work.history_version,
        work.last_committed ? "" : ", no turn yet",
        work.history_length,
        chunks_text(work.history),
        inbox,
        is_exact ? fmt::format(" {:x} after {:x}", work.held.token.value, work.last_committed.value)
                 : std::string());
}

std::string wording::of(const activity_work& work) const {
    return fmt::format(
        "{} {} task {} {}/{} queue \"{}\" input {} details {} deliveries {}{}{}",
        work.instance.text(),
        word(work.execution),
        work.task.value,
        work.name,
        work.version,
        work.queue,
        payload_text(work.input),
        work.details,
        work.deliveries,
        work.suspect ? " suspect" : "",
        shown_ == detail::exact ? fmt::format(" {:x}", work.held.token.value) : std::string());
}

std::string wording::of(const work_batch& batch) const {
    std::string text = fmt::format("{} orchestrations, {} activities{}{}",
                                   batch.orchestrations.size(),
                                   batch.activities.size(),
                                   batch.contended ? ", contended" : "",
                                   batch.suspects_waiting ? ", suspects wait" : "");
    if (shown_ == detail::comparable) {
        return text + ", at " + of(batch.store_time);
    }
    std::vector<std::string> lines;
    for (const orchestration_work& work : batch.orchestrations) {
        lines.push_back(of(work));
    }
    for (const activity_work& work : batch.activities) {
        lines.push_back(of(work));
    }
    return text + joined(std::move(lines));
}

std::string wording::of(const create_result& result) const {
    const std::string text = of(result.outcomes);
    return shown_ == detail::comparable ? text : text + "; " + of(result.work);
}

std::string wording::of(const send_result& result) const {
    const std::string text = of(result.outcomes);
    return shown_ == detail::comparable ? text : text + "; " + of(result.work);
}

std::string wording::of(const commit_answer& result) const {
    return fmt::format("[{}] [{}], {} messages dropped; {}",
                       of(result.turns),
                       of(result.activities),
                       result.dropped_messages,
                       of(result.work));
}

std::string wording::of(const purge_result& result) const {
    return fmt::format(
        "{} purged{} [{}]", result.purged, result.more ? ", more" : "", of(result.outcomes));
}

std::string wording::of(const instance_record& record) const {
    std::string tags;
    for (const auto& [key, value] : record.tags) {
        tags += fmt::format(" {}={}", key, value);
    }
    const std::string times = fmt::format("created {} updated {} completed {} start {}",
                                          of(record.created_at),
                                          of(record.updated_at),
                                          of(record.completed_at),
                                          of(record.start_at));
    return fmt::format(
        "{} {} {}/{} {} {} custom {} output {} failure \"{}\" tags [{}] parent {} parked \"{}\" "
        "history {} inbox {} leased by \"{}\" level {}",
        record.instance.text(),
        word(record.execution),
        record.name,
        record.version,
        to_string(record.status),
        times,
        payload_text(record.custom_status),
        payload_text(record.output),
        record.failure,
        tags,
        parent_text(record.parent),
        record.parked_reason,
        record.history_length,
        record.inbox_length,
        record.leased_by,
        record.level);
}

std::string wording::of(const instance_page& page) const {
    std::string text = fmt::format("{} instances, then \"{}\"", page.instances.size(), page.next);
    for (const instance_record& record : page.instances) {
        text += "\n    " + of(record);
    }
    return text;
}

std::string wording::of(const history_page& page) const {
    return fmt::format("{} v{}{} length {}{}",
                       word(page.execution),
                       page.history_version,
                       page.last_committed ? "" : ", no turn yet",
                       page.history_length,
                       chunks_text(page.chunks));
}

std::string wording::of(const hub_status& status) const {
    std::vector<std::string> names = status.unserved;
    for (const worker_id& worker : status.live_workers) {
        names.push_back("live " + worker.text);
    }
    for (const std::string& what : status.unserved_leftovers) {
        names.push_back("leftover " + what);
    }
    return fmt::format("{} orchestrations and {} activities ready, {} left over, {} parked{}",
                       status.ready_orchestrations,
                       status.ready_activities,
                       status.leftover_activities,
                       status.parked,
                       joined(std::move(names)));
}

}  // namespace perdure::conformance
