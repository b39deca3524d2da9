#include "replay/live_state.hpp"

#include "nouns/invariant.hpp"
#include "replay/match.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace perdure::replay {

namespace {

/// The kind of decision that a completion answers.
event_kind answered_kind(event_kind kind) noexcept {
    switch (kind) {
        case event_kind::task_completed:
        case event_kind::task_failed:
            return event_kind::task_scheduled;
        case event_kind::child_completed:
        case event_kind::child_failed:
            return event_kind::child_created;
        default:
            return event_kind::timer_created;
    }
}

/// A number from 0 up to 1 that depends on these three alone: the jitter of one retry must be the
/// same at every replay, whatever else the code has drawn.
double retry_dice(const execution_id& execution, task_id first, unsigned attempt) noexcept {
    const auto mixed =
        derive_token({execution.value}, static_cast<std::uint32_t>(first.value) ^ (attempt << 24U));
    return static_cast<double>(mixed.value >> 11U) * 0x1.0p-53;
}

}  // namespace

live_instance::state::state(instance_id instance,
                            execution_id execution,
                            const orchestration_definition& definition,
                            turn_limits limits)
    : instance_(std::move(instance)),
      execution_(execution),
      definition_(definition),
      limits_(limits),
      context_(*this),
      dice_(execution.value.high ^ execution.value.low) {}

live_instance::state::~state() {
    destroy_frame();
}

void live_instance::state::rebuild(std::span<const history_event> history, history_ends end) {
    replaying_ = true;
    open_ = true;
    repeated_ = history;
    for (std::size_t i = 0; i < history.size() && !fault_; ++i) {
        repeated_position_ = i;
        apply(history[i]);
        ++applied_;
    }
    repeated_position_ = history.size();
    if (end == history_ends::after_a_turn) {
        begin_if_due();
        if (!fault_ && !pending_.empty()) {
            diverge(nullptr);
        }
    }
    repeated_ = {};
    repeated_position_ = 0;
    open_ = false;
    replaying_ = false;
    if (!limits_.log_replay) {
        author_log_.clear();
    }
    custom_status_.reset();
}

void live_instance::state::begin_turn(std::vector<history_event> events) {
    require(fault_ || end_ != turn_end::open || (pending_.empty() && ready_.empty()),
            "a turn begins while an earlier one is not over");
    turn_decisions_ = 0;
    turn_bytes_ = 0;
    turn_events_ = std::move(events);
    open_ = true;
    for (const history_event& event : turn_events_) {
        if (fault_) {
            break;
        }
        try {
            apply(event);
        } catch (const error&) {
            // A retry, which no author's code is there to catch, may be one decision too many.
            if (!fault_) {
                throw;
            }
        }
    }
    begin_if_due();
    open_ = false;
}

void live_instance::state::refuse_turn(turn_fault fault) {
    fault_ = std::move(fault);
}

std::size_t live_instance::state::bytes() const noexcept {
    constexpr std::size_t frame_estimate = 2048;
    return sizeof(state) + frame_estimate + tasks_.bytes() + events_.bytes() + kept_bytes_;
}

void live_instance::state::apply(const history_event& event) {
    if (feature_level_of(event.kind) > supported_feature_level()) {
        fail(turn_fault::kind::unimplemented,
             fmt::format("this version does not implement the event {}", describe(event)));
        return;
    }
    if (is_decision(event.kind)) {
        begin_if_due();
        match(event);
        return;
    }
    switch (event.kind) {
        case event_kind::execution_started:
            start_ = event;
            kept_bytes_ += event.data.bytes.size();
            return;
        case event_kind::turn_started:
            apply_turn_started(event);
            return;
        case event_kind::execution_terminated:
            apply_terminated(event);
            return;
        case event_kind::execution_resumed:
            apply_resumed();
            return;
        case event_kind::execution_suspended:
            suspension_ = event;
            return;
        default:
            break;
    }
    if (suspension_ && end_ == turn_end::open) {
        held_.push_back(event);
        return;
    }
    switch (event.kind) {
        case event_kind::event_raised:
#ifdef PERDURE_TEST_NEXT_LEVEL
        case event_kind::entity_operation_signalled:
#endif
            apply_event_raised(event);
            break;
        case event_kind::task_completed:
        case event_kind::task_failed:
        case event_kind::child_completed:
        case event_kind::child_failed:
        case event_kind::timer_fired:
            apply_completion(event);
            break;
        default:
            break;
    }
    drain();
}

void live_instance::state::apply_turn_started(const history_event& event) {
    begin_if_due();
    if (!pending_.empty()) {
        diverge(&event);
        return;
    }
    now_ = std::max(now_, event.at);
    in_a_turn_ = true;
}

void live_instance::state::apply_event_raised(const history_event& event) {
    kept_bytes_ += event.data.bytes.size();
    if (event_wait* wait = events_.add(event, tasks_.next_end())) {
        task_table::wake(*wait);
    }
}

void live_instance::state::apply_resumed() {
    suspension_.reset();
    while (!held_.empty() && !fault_) {
        const history_event event = std::move(held_.front());
        held_.pop_front();
        apply(event);
    }
}

void live_instance::state::apply_terminated(const history_event& event) {
    if (end_ != turn_end::open && end_ != turn_end::continued) {
        return;
    }
    // What the code asked for in this turn, the next execution too, is recorded nowhere: this
    // execution has ended before.
    pending_.clear();
    ready_.clear();
    custom_status_.reset();
    next_.reset();
    end_ = turn_end::terminated;
    output_ = codec<std::string>::encode(event.note);
    recursive_ = event.tags.contains("recursive");
}

void live_instance::state::apply_completion(const history_event& event) {
    open_task* task = tasks_.find(event.task);
    if (task == nullptr || !task->open || task->kind != answered_kind(event.kind)) {
        if (end_ == turn_end::open) {
            note(remark::kind::ignored,
                 fmt::format("{} is ignored: {}",
                             describe(event),
                             task == nullptr ? "nothing was scheduled under this task id"
                             : !task->open   ? "the task has ended before"
                                             : "the task is of another kind"));
        }
        return;
    }
    tasks_.close(*task);
    if (end_ == turn_end::open) {
        end_task(*task, event);
    }
}

void live_instance::state::end_task(open_task& task, const history_event& event) {
    detail::task_slot* slot = task.slot;
    if (slot == nullptr) {
        return;
    }
    switch (task.why) {
        case open_task::purpose::retry_delay:
            ++task.call->attempt;
            if (task.call->kind == event_kind::task_scheduled) {
                schedule_attempt(task.call, *slot);
            } else {
                schedule_child_attempt(task.call, slot);
            }
            return;
        case open_task::purpose::event_timeout: {
            auto& wait = static_cast<event_wait&>(*slot);
            wait.time_up = tasks_.next_end();
            if (!wait.done) {
                time_out(wait);
                task_table::wake(wait);
            }
            return;
        }
        case open_task::purpose::author:
            slot->reason = event.reason;
            if (event.reason && try_again(task, slot->reason)) {
                slot->reason = nullptr;
                return;
            }
            slot->result = event.data;
            kept_bytes_ += event.data.bytes.size();
            break;
    }
    tasks_.finish(*slot);
}

bool live_instance::state::try_again(open_task& task, std::shared_ptr<const failure>& reason) {
    if (!task.call) {
        return false;
    }
    const retried_call& call = *task.call;
    std::optional<duration> delay;
    try {
        delay = call.policy.next_delay(call.attempt,
                                       *reason,
                                       now_ - call.first_at,
                                       retry_dice(execution_, call.first_task, call.attempt));
    } catch (...) {
        // The author's predicate: what it was asked about stays the failure of the call.
        const failure thrown = detail::describe_exception(std::current_exception());
        failure both = *reason;
        both.properties["perdure.retry_predicate"] = thrown.type + ": " + thrown.message;
        reason = std::make_shared<const failure>(std::move(both));
    }
    if (!delay) {
        return false;
    }
    open_task& timer =
        schedule_timer(saturating_add(now_, *delay), open_task::purpose::retry_delay, task.slot);
    timer.call = task.call;
    return true;
}

void live_instance::state::match(const history_event& recorded) {
    if (pending_.empty() || !is_same_act(recorded, pending_.front().event)) {
        diverge(&recorded);
        return;
    }
    if (has_drifted(recorded, pending_.front().event)) {
        note_drift(recorded);
    }
    check_task_id(pending_.front().event);
    pending_.pop_front();
}

void live_instance::state::check_task_id(const history_event& made) {
    if (is_scheduling(made.kind)) {
        require(made.task.value == recorded_task_.value + 1,
                "the task ids of an execution have a gap");
        recorded_task_ = made.task;
    }
}

void live_instance::state::begin_if_due() {
    if (in_a_turn_ && !begun_ && !suspension_ && !fault_ && end_ == turn_end::open) {
        begun_ = true;
        begin();
        drain();
    }
}

void live_instance::state::begin() {
    try {
        root_ = definition_.begin(context_, start_.data);
        if (!root_) {
            throw invalid_input("orchestration \"" + start_.name +
                                "\": its definition makes no coroutine");
        }
        ready_.push_back(root_->handle());
    } catch (const payload_error& problem) {
        fail(turn_fault::kind::undecodable,
             fmt::format("the input of orchestration \"{}\" cannot be read: {}",
                         start_.name,
                         problem.what()));
    } catch (...) {
        // The function itself threw, before there was a coroutine: the author's failure.
        reason_ =
            std::make_shared<const failure>(detail::describe_exception(std::current_exception()));
        end_ = turn_end::failed;
        decide(event_kind::execution_failed, {}, {}).event.reason = reason_;
    }
}

void live_instance::state::drain() {
    while (!ready_.empty() && !fault_ && end_ == turn_end::open) {
        const auto handle = ready_.front();
        ready_.pop_front();
        handle.resume();
        if (root_->handle().done() && !fault_) {
            finish_root();
        }
    }
}

void live_instance::state::finish_root() {
    ready_.clear();
    try {
        output_ = root_->result();
        if (!next_) {
            check_payload({"result"}, output_);
            end_ = turn_end::completed;
            decide(event_kind::execution_completed, {}, {}).event.data = output_;
            return;
        }
    } catch (...) {
        next_.reset();
        output_ = payload();
        reason_ =
            std::make_shared<const failure>(detail::describe_exception(std::current_exception()));
        end_ = turn_end::failed;
        decide(event_kind::execution_failed, {}, {}).event.reason = reason_;
        return;
    }
    end_ = turn_end::continued;
    history_event& event = decide(event_kind::execution_continued_as_new, {}, {}).event;
    event.data = next_->input;
    event.version = next_->options.version_.value_or(start_.version);
}

void live_instance::state::destroy_frame() {
    open_ = false;
    ready_.clear();
    root_.reset();
}

}  // namespace perdure::replay
