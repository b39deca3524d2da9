#pragma once

#include "nouns/checks.hpp"
#include "replay/event_buffer.hpp"
#include "replay/live_instance.hpp"
#include "replay/task_table.hpp"

#include <coroutine>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace perdure::replay {

/// The inside of a live instance: the seam that authoring code calls (`detail::turn`), and the
/// machine that applies events. live_state.cpp has the machine, live_result.cpp what it gives back,
/// live_authoring.cpp the seam.
class live_instance::state final : public detail::turn {
  public:
    state(instance_id instance,
          execution_id execution,
          const orchestration_definition& definition,
          turn_limits limits);
    state(const state&) = delete;
    state& operator=(const state&) = delete;
    ~state();

    void rebuild(std::span<const history_event> history, history_ends end);
    /// The events are the turn's bracket and the messages that it consumes.
    void begin_turn(std::vector<history_event> events);
    /// In place of `begin_turn`: this is what the turn comes to, whatever else is wrong.
    void refuse_turn(turn_fault fault);
    [[nodiscard]] turn_result collect();
    void show(match_observer& observer) noexcept { observer_ = &observer; }
    /// The first one counts.
    void fail(turn_fault::kind what, std::string report);
    [[nodiscard]] std::uint64_t history_length() const noexcept { return applied_; }
    [[nodiscard]] std::size_t bytes() const noexcept;
    [[nodiscard]] bool awaits_only(task_id task) noexcept { return tasks_.awaits_only(task); }
    [[nodiscard]] const orchestration_definition& definition() const noexcept {
        return definition_;
    }

    // detail::turn
    detail::task_slot& schedule_activity(std::string_view name,
                                         payload input,
                                         const call_options& options) override;
    detail::task_slot& start_child(std::string_view name,
                                   payload input,
                                   const child_options& options) override;
    instance_id start_detached(std::string_view name,
                               payload input,
                               const child_options& options) override;
    detail::task_slot& create_timer(timestamp fire_at) override;
    void cancel(detail::task_slot& slot) override;
    void cancel_timer(detail::task_slot& slot) override;
    void await(std::span<detail::task_slot* const> slots) override;
    void read_event(detail::task_slot& slot) override;
    detail::task_slot& wait_for_event(std::string_view name,
                                      std::optional<duration> timeout) override;
    void send_event(const instance_id& target, std::string_view name, payload content) override;
    void continue_as_new(payload input, const continue_options& options) override;
    void set_custom_status(payload status) override;
    void log(log_level level, std::string text) override;
    [[nodiscard]] timestamp now() const noexcept override { return now_; }
    [[nodiscard]] std::uint64_t random() override;
    [[nodiscard]] bool is_replaying() const noexcept override { return replaying_; }
    [[nodiscard]] const instance_id& instance() const noexcept override { return instance_; }
    [[nodiscard]] execution_id execution() const noexcept override { return execution_; }
    [[nodiscard]] const history_event& start() const noexcept override { return start_; }
    void push(std::coroutine_handle<> handle) override { ready_.push_back(handle); }
    void report_undecodable(const detail::task_slot& slot, const std::string& problem) override;

  private:
    struct continuation {
        payload input;
        continue_options options;
    };

    // The machine.
    void apply(const history_event& event);
    void apply_turn_started(const history_event& event);
    void apply_completion(const history_event& event);
    void apply_event_raised(const history_event& event);
    void apply_resumed();
    void apply_terminated(const history_event& event);
    void end_task(open_task& task, const history_event& event);
    /// May add to the reason why there is no further attempt.
    [[nodiscard]] bool try_again(open_task& task, std::shared_ptr<const failure>& reason);
    void match(const history_event& recorded);
    /// Of the decision that the code made first of those that are pending.
    void note_drift(const history_event& recorded);
    /// Every decision comes here once, in the order of the history.
    void check_task_id(const history_event& made);
    /// The code begins once the messages of its first turn are in, unless these suspend it.
    void begin_if_due();
    void begin();
    void drain();
    void finish_root();
    void destroy_frame();
    void diverge(const history_event* recorded);
    void describe_end(turn_result& result) const;

    // The seam's parts.
    [[nodiscard]] bool is_closed();
    decision& decide(event_kind kind, task_id task, std::string_view name);
    void check_payload(const checks::subject& what, const payload& value) const;
    /// Whether the history has this value for the decision that the code makes next.
    [[nodiscard]] bool is_recorded(const payload& value) const;
    void check_call(std::string_view name, const payload& input, const call_options& options) const;
    void check_start(std::string_view name,
                     const payload& input,
                     const child_options& options) const;
    [[nodiscard]] tag_map tags_of_child(const child_options& options) const;
    /// For the newest task of the table, which the slot is told.
    decision& decide_activity(detail::task_slot& slot,
                              std::string_view name,
                              payload input,
                              const call_options& options);
    void schedule_attempt(const std::shared_ptr<retried_call>& call, detail::task_slot& slot);
    void schedule_child_attempt(const std::shared_ptr<retried_call>& call, detail::task_slot* slot);
    open_task& schedule_timer(timestamp fire_at, open_task::purpose why, detail::task_slot* slot);
    void cancel_task(task_id task);
    /// An event is there for this wait no more, or not yet.
    void guard_deadline(event_wait& wait);
    void time_out(event_wait& wait);
    void note(remark::kind what, std::string text);

    instance_id instance_;
    execution_id execution_;
    const orchestration_definition& definition_;
    turn_limits limits_;
    context context_;
    history_event start_;

    std::uint64_t applied_ = 0;
    timestamp now_{};
    std::uint64_t dice_;
    bool open_ = false;
    bool replaying_ = false;
    bool in_a_turn_ = false;
    bool begun_ = false;
    /// The event that suspended it, until it is resumed.
    std::optional<history_event> suspension_;
    std::optional<turn_fault> fault_;
    /// Null when nobody wants to know.
    match_observer* observer_ = nullptr;

    task_table tasks_;
    /// The task id of the newest scheduling decision that the history has.
    task_id recorded_task_{};
    event_buffer events_;
    /// What came while suspended, in order.
    std::deque<history_event> held_;
    /// Decisions without their event in the history yet.
    std::deque<decision> pending_;
    /// Of the turn that has begun.
    std::vector<history_event> turn_events_;
    std::size_t turn_decisions_ = 0;
    std::size_t turn_bytes_ = 0;
    std::size_t kept_bytes_ = 0;
    std::deque<std::coroutine_handle<>> ready_;
    std::optional<payload> custom_status_;
    std::optional<continuation> next_;

    turn_end end_ = turn_end::open;
    payload output_;
    std::shared_ptr<const failure> reason_;
    bool recursive_ = false;
    std::vector<log_line> author_log_;
    std::vector<remark> remarks_;
    std::uint64_t late_calls_ = 0;
    /// What calls outside of a turn get.
    detail::task_slot dead_slot_;
    /// The history that is being repeated, and how far, for reports.
    std::span<const history_event> repeated_;
    std::size_t repeated_position_ = 0;

    /// Last, so that the frame dies while everything that its destructors touch still lives.
    std::unique_ptr<detail::root_frame> root_;
};

}  // namespace perdure::replay
