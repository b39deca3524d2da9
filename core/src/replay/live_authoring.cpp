#include "nouns/checks.hpp"
#include "replay/live_state.hpp"
#include "replay/match.hpp"

#include <fmt/format.h>

// What authoring code asks for becomes decisions.

namespace perdure::replay {

namespace {

/// The execution id of a child: the same whenever this decision is made again.
execution_id child_execution(const execution_id& parent, task_id task) {
    const auto mix = [&](std::uint32_t salt) {
        return derive_token({{parent.value.high ^ task.value, parent.value.low + salt}}, salt)
            .value;
    };
    return {{mix(1), mix(2)}};
}

/// The first attempt has the id that was chosen, the others have their number behind it.
std::string attempt_id(const instance_id& chosen, unsigned attempt) {
    return attempt == 1 ? chosen.text() : fmt::format("{}:{}", chosen.text(), attempt);
}

/// What a slot is, for messages.
std::string name_of(const detail::task_slot& slot) {
    switch (slot.kind) {
        case event_kind::timer_created:
            return fmt::format("the timer (task {})", slot.id.value);
        case event_kind::event_raised:
            return fmt::format("the wait for event \"{}\"", slot.name);
        case event_kind::child_created:
            return fmt::format("child orchestration \"{}\" (task {})", slot.name, slot.id.value);
        default:
            return fmt::format("activity \"{}\" (task {})", slot.name, slot.id.value);
    }
}

}  // namespace

bool live_instance::state::is_closed() {
    if (open_) {
        return false;
    }
    ++late_calls_;
    return true;
}

decision& live_instance::state::decide(event_kind kind, task_id task, std::string_view name) {
    decision& made = pending_.emplace_back();
    made.event.kind = kind;
    made.event.at = now_;
    made.event.task = task;
    made.event.name = name;
    if (++turn_decisions_ > limits_.decisions_max && !replaying_) {
        fail(
            turn_fault::kind::too_large,
            fmt::format("one turn made more than {} decisions; spread the work over several turns, "
                        "child orchestrations, or continue-as-new",
                        limits_.decisions_max));
        throw error("too many decisions in one turn");
    }
    return made;
}

void live_instance::state::check_payload(const checks::subject& what, const payload& value) const {
    // What a worker with a higher limit has recorded is asked for again.
    const std::size_t size = value.bytes.size();
    const bool is_known = size > limits_.payload_bytes_max && is_recorded(value);
    checks::check_payload(what, value, is_known ? size : limits_.payload_bytes_max);
}

bool live_instance::state::is_recorded(const payload& value) const {
    if (!replaying_) {
        return false;
    }
    // The decisions that the code has made and the history has yet to confirm come before.
    std::size_t before = pending_.size();
    for (const history_event& event : repeated_.subspan(repeated_position_)) {
        if (is_decision(event.kind) && before-- == 0) {
            return event.data == value;
        }
    }
    return false;
}

void live_instance::state::check_call(std::string_view name,
                                      const payload& input,
                                      const call_options& options) const {
    check_name("activity name", name);
    constexpr std::string_view owner = "activity";
    check_payload({owner, name, "input"}, input);
    checks::check_optional_name({owner, name, "queue"}, options.queue_);
    checks::check_tags({owner, name, "tags"}, options.tags_);
}

void live_instance::state::check_start(std::string_view name,
                                       const payload& input,
                                       const child_options& options) const {
    check_name("orchestration name", name);
    constexpr std::string_view owner = "orchestration";
    check_payload({owner, name, "input"}, input);
    checks::check_optional_name({owner, name, "version"}, options.version_.value_or(""));
    checks::check_tags({owner, name, "tags, with those that it inherits"}, tags_of_child(options));
    if (!options.id_ || !options.retry_ || options.retry_->attempts_max() == 1) {
        return;
    }
    const std::string last = attempt_id(*options.id_, options.retry_->attempts_max());
    if (last.size() > id_bytes_max) {
        throw invalid_input(
            fmt::format("orchestration \"{}\": id: it has {} bytes, and a retry appends its "
                        "number; the id of the last attempt that "
                        "the retry policy allows would have {} bytes, and at most {} are allowed",
                        name,
                        options.id_->text().size(),
                        last.size(),
                        id_bytes_max));
    }
}

tag_map live_instance::state::tags_of_child(const child_options& options) const {
    tag_map tags = options.tags_;
    tags.insert(start_.tags.begin(), start_.tags.end());
    return tags;
}

detail::task_slot& live_instance::state::schedule_activity(std::string_view name,
                                                           payload input,
                                                           const call_options& options) {
    if (is_closed()) {
        return dead_slot_;
    }
    check_call(name, input, options);
    auto& slot = tasks_.make_slot(event_kind::task_scheduled, name);
    if (options.retry_) {
        auto call = std::make_shared<retried_call>(retried_call{*options.retry_,
                                                                std::string(name),
                                                                std::move(input),
                                                                options,
                                                                {},
                                                                event_kind::task_scheduled,
                                                                {},
                                                                now_,
                                                                1});
        schedule_attempt(call, slot);
        return slot;
    }
    tasks_.schedule(event_kind::task_scheduled, &slot);
    decide_activity(slot, name, std::move(input), options).first_task = slot.id;
    return slot;
}

decision& live_instance::state::decide_activity(detail::task_slot& slot,
                                                std::string_view name,
                                                payload input,
                                                const call_options& options) {
    decision& made = decide(event_kind::task_scheduled, slot.id, name);
    turn_bytes_ += input.bytes.size();
    made.event.data = std::move(input);
    made.event.tags = options.tags_;
    made.queue = options.queue_;
    made.priority = options.priority_;
    return made;
}

void live_instance::state::schedule_attempt(const std::shared_ptr<retried_call>& call,
                                            detail::task_slot& slot) {
    tasks_.schedule(event_kind::task_scheduled, &slot).call = call;
    decision& made = decide_activity(slot, call->name, call->input, call->activity);
    if (!call->first_task) {
        call->first_task = slot.id;
    }
    made.first_task = call->first_task;
    made.attempt = call->attempt;
}

detail::task_slot& live_instance::state::start_child(std::string_view name,
                                                     payload input,
                                                     const child_options& options) {
    if (is_closed()) {
        return dead_slot_;
    }
    check_start(name, input, options);
    auto& slot = tasks_.make_slot(event_kind::child_created, name);
    auto call = std::make_shared<retried_call>(
        retried_call{options.retry_.value_or(retry_policy(1, std::chrono::seconds(1))),
                     std::string(name),
                     std::move(input),
                     {},
                     options,
                     event_kind::child_created,
                     {},
                     now_,
                     1});
    schedule_child_attempt(call, &slot);
    return slot;
}

instance_id live_instance::state::start_detached(std::string_view name,
                                                 payload input,
                                                 const child_options& options) {
    if (is_closed()) {
        return instance_id("closed");
    }
    check_start(name, input, options);
    if (options.retry_) {
        throw invalid_input(
            fmt::format("orchestration \"{}\": it is started detached, so nobody hears of its "
                        "failure; a retry policy is not allowed",
                        name));
    }
    const auto call =
        std::make_shared<retried_call>(retried_call{retry_policy(1, std::chrono::seconds(1)),
                                                    std::string(name),
                                                    std::move(input),
                                                    {},
                                                    options,
                                                    event_kind::child_created,
                                                    {},
                                                    now_,
                                                    1});
    schedule_child_attempt(call, nullptr);
    return instance_id(pending_.back().event.instance);
}

void live_instance::state::schedule_child_attempt(const std::shared_ptr<retried_call>& call,
                                                  detail::task_slot* slot) {
    open_task& task = tasks_.schedule(event_kind::child_created, slot);
    const task_id id = tasks_.last_id();
    task.call = call;
    if (call->child.id_) {
        task.child = attempt_id(*call->child.id_, call->attempt);
    } else {
        task.child = fmt::format("{}:{}", to_string(execution_.value), id.value);
    }
    if (!call->first_task) {
        call->first_task = id;
    }
    const std::string child = task.child;
    decision& made = decide(event_kind::child_created, id, call->name);
    turn_bytes_ += call->input.bytes.size();
    made.event.data = call->input;
    made.event.version = call->child.version_.value_or(std::string());
    made.event.instance = child;
    made.event.execution = child_execution(execution_, id);
    made.event.tags = tags_of_child(call->child);
    made.attempt = call->attempt;
    made.detached = slot == nullptr;
}

detail::task_slot& live_instance::state::create_timer(timestamp fire_at) {
    if (is_closed()) {
        return dead_slot_;
    }
    auto& slot = tasks_.make_slot(event_kind::timer_created, {});
    schedule_timer(fire_at, open_task::purpose::author, &slot);
    return slot;
}

open_task& live_instance::state::schedule_timer(timestamp fire_at,
                                                open_task::purpose why,
                                                detail::task_slot* slot) {
    open_task& task = tasks_.schedule(event_kind::timer_created, slot);
    task.why = why;
    decide(event_kind::timer_created, tasks_.last_id(), {}).event.fire_at = fire_at;
    return task;
}

void live_instance::state::cancel(detail::task_slot& slot) {
    if (is_closed()) {
        return;
    }
    if (slot.kind == event_kind::child_created) {
        throw invalid_input(fmt::format(
            "{} cannot be taken back, because it is an instance of its own; activities, timers and "
            "waits for events can",
            name_of(slot)));
    }
    if (event_wait* wait = event_buffer::waiting(slot)) {
        events_.leave(*wait);
    } else if (slot.is_settled()) {
        return;
    }
    cancel_task(slot.id);
    slot.cancelled = true;
    slot.reason = std::make_shared<const failure>(
        failure_type::cancelled,
        fmt::format("{} was taken back by context::cancel", name_of(slot)));
}

void live_instance::state::cancel_timer(detail::task_slot& slot) {
    if (!is_closed() && slot.kind != event_kind::timer_created) {
        throw invalid_input(fmt::format(
            "cancel_timer: {} is no timer; context::cancel takes everything back", name_of(slot)));
    }
    cancel(slot);
}

void live_instance::state::cancel_task(task_id id) {
    open_task* task = tasks_.find(id);
    if (task == nullptr || !task->open) {
        return;
    }
    tasks_.close(*task);
    decide(event_kind::task_cancelled, id, {}).cancelled_kind = task->kind;
}

void live_instance::state::await(std::span<detail::task_slot* const> slots) {
    for (event_wait* passed_over : events_.await(slots)) {
        guard_deadline(*passed_over);
    }
}

void live_instance::state::read_event(detail::task_slot& slot) {
    if (event_wait* wait = event_buffer::waiting(slot)) {
        wait->result = events_.take(*wait);
        cancel_task(wait->id);
    }
}

void live_instance::state::guard_deadline(event_wait& wait) {
    if (wait.time_up != 0) {
        time_out(wait);
    } else if (wait.deadline && !wait.id) {
        schedule_timer(*wait.deadline, open_task::purpose::event_timeout, &wait);
    }
}

void live_instance::state::time_out(event_wait& wait) {
    events_.leave(wait);
    wait.done = true;
    wait.timed_out = true;
    wait.done_order = wait.time_up;
}

detail::task_slot& live_instance::state::wait_for_event(std::string_view name,
                                                        std::optional<duration> timeout) {
    if (is_closed()) {
        return dead_slot_;
    }
    check_name("event name", name);
    event_wait& wait = events_.wait(name);
    if (timeout) {
        wait.deadline = saturating_add(now_, *timeout);
    }
    if (!wait.done) {
        guard_deadline(wait);
    }
    return wait;
}

void live_instance::state::send_event(const instance_id& target,
                                      std::string_view name,
                                      payload content) {
    if (is_closed()) {
        return;
    }
    check_name("event name", name);
    check_payload({"event", name, "content"}, content);
    tasks_.close(tasks_.schedule(event_kind::event_sent, nullptr));
    decision& made = decide(event_kind::event_sent, tasks_.last_id(), name);
    turn_bytes_ += content.bytes.size();
    made.event.data = std::move(content);
    made.event.instance = target.text();
}

void live_instance::state::continue_as_new(payload input, const continue_options& options) {
    if (is_closed()) {
        return;
    }
    check_payload({"continue_as_new: input"}, input);
    checks::check_optional_name({"continue_as_new: version"}, options.version_.value_or(""));
    next_ = continuation{std::move(input), options};
}

void live_instance::state::set_custom_status(payload status) {
    if (is_closed()) {
        return;
    }
    check_payload({"custom status"}, status);
    decide(event_kind::custom_status_set, {}, {}).event.data = status;
    custom_status_ = std::move(status);
}

void live_instance::state::log(log_level level, std::string text) {
    if (!is_closed() && (!replaying_ || limits_.log_replay)) {
        author_log_.push_back({level, std::move(text)});
    }
}

std::uint64_t live_instance::state::random() {
    // splitmix64: a full-period sequence from one 64-bit seed.
    dice_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t mixed = dice_;
    mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBULL;
    return mixed ^ (mixed >> 31U);
}

void live_instance::state::report_undecodable(const detail::task_slot& slot,
                                              const std::string& problem) {
    fail(turn_fault::kind::undecodable,
         fmt::format("the result of {} #{} \"{}\" cannot be read: {}",
                     slot.kind == event_kind::child_created ? "child" : "activity",
                     slot.id.value,
                     slot.name,
                     problem));
}

void live_instance::state::note(remark::kind what, std::string text) {
    // A drift shows only in what is repeated; everything else was said when it was new.
    if (!replaying_ || what == remark::kind::drift) {
        remarks_.push_back({what, std::move(text)});
    }
}

}  // namespace perdure::replay
