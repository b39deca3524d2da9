#include "call.hpp"

// What reaches an instance from outside its own turn: messages and terminations.

namespace perdure::sqlite {

namespace {

// How much [SEND-2] promises to remember.
constexpr std::int64_t message_ids_max = 10'000;
constexpr std::int64_t message_id_age_max = std::int64_t{24} * 3600 * 1'000'000;
// An instance's ids are trimmed at every so many messages of the hub.
constexpr std::int64_t trim_messages_every = 1024;

}  // namespace

void call::post(instance_row& target, arrival message) {
    message.sequence = ++last_sequence_;
    message.due = std::max(message.visible_at, now_);
    const auto completed_by =
        message.completed_by == 0 ? std::nullopt : std::optional(message.completed_by);
    sql().add_message.run(target.row,
                          message.due,
                          message.sequence,
                          message.visible_at,
                          message.task.value,
                          message.for_execution,
                          message.is_timer,
                          completed_by,
                          message.event);
    ++target.inbox_length;
    target.is_changed = true;
    target.arrivals.push_back(message);
    settle(target);
}

void call::tell_parent(const std::optional<parent_link>& parent, const std::string& event) {
    if (!parent) {
        return;
    }
    instance_row* target = find(parent->instance);
    if (target != nullptr && !is_terminal(target->status) &&
        target->execution == parent->execution) {
        post(*target,
             {.visible_at = now_, .task = parent->task, .event = event, .for_execution = true});
    }
}

void call::remember_message_id(const instance_row& target, const std::string& id) {
    sql().add_message_id.run(target.row, id, last_sequence_, now_);
    if (last_sequence_ % trim_messages_every == 0) {
        sql().trim_message_ids.run(target.row, now_ - message_id_age_max, message_ids_max);
    }
}

send_outcome call::send(const new_message& message) {
    const auto& [to, event, id, execution, task, visible_at, level] = message;
    instance_row* target = find(to);
    if (target == nullptr) {
        return send_outcome::no_such_instance;
    }
    if (is_terminal(target->status)) {
        return send_outcome::instance_is_terminal;
    }
    if (!id.empty() && sql().find_message_id.number(target->row, id)) {
        return send_outcome::duplicate;
    }
    const bool for_execution = execution != execution_id{};
    if (for_execution && execution != target->execution) {
        return send_outcome::accepted;  // [SEND-4]
    }
    if (!id.empty()) {
        remember_message_id(*target, id);
    }
    raise_level(*target, level);
    post(*target,
         {.visible_at = visible_at ? visible_at->time_since_epoch().count() : now_,
          .task = task,
          .event = event,
          .for_execution = for_execution});
    return send_outcome::accepted;
}

terminate_outcome call::terminate(const termination& wish) {
    instance_row* target = find(wish.target);
    if (target == nullptr) {
        return terminate_outcome::no_such_instance;
    }
    if (is_terminal(target->status)) {
        return terminate_outcome::instance_is_terminal;
    }
    const bool has_no_turn = target->status == orchestration_status::pending || target->parked;
    if (has_no_turn && !is_leased(*target)) {
        // [TERM-1]
        append_event(*target, wish.final_event);
        ++target->history_version;
        target->output = &wish.output;
        end(*target, orchestration_status::terminated);
        tell_parent(parent(*target), wish.parent_event);
        return terminate_outcome::terminated;
    }
    // [TERM-2]
    target->not_before = 0;
    post(*target, {.visible_at = now_, .event = wish.event});
    return terminate_outcome::requested;
}

}  // namespace perdure::sqlite
