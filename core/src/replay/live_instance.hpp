#pragma once

#include "replay/turn_result.hpp"

#include <perdure/registry.hpp>
#include <perdure/work_item.hpp>

#include <memory>
#include <span>
#include <string>

namespace perdure::replay {

struct turn_limits {
    std::size_t decisions_max = 100'000;
    std::size_t bytes_max = turn_bytes_max_default;
    std::size_t payload_bytes_max = payload_bytes_max_default;
    /// Hand out the author's log lines while replaying as well.
    bool log_replay = false;
};

/// Whether the history given to `rebuild` ends where a turn ended.
enum class history_ends { after_a_turn, anywhere };

/// One execution of an orchestration, live: its coroutine frame and what it waits for. The pure
/// core: no I/O, clock, thread, lock or log; the same history and messages give the same answer.
///
/// One thread at a time; which one may change between calls. The definition must outlive it.
class PERDURE_EXPORT live_instance {
  public:
    live_instance(instance_id instance,
                  execution_id execution,
                  const orchestration_definition& definition,
                  turn_limits limits);
    live_instance(const live_instance&) = delete;
    live_instance& operator=(const live_instance&) = delete;
    ~live_instance();

    /// Repeats recorded history, from event 0 on; may be called again with what follows. A history
    /// that the code does not match becomes the fault of the next `advance`.
    void rebuild(std::span<const history_event> history, history_ends end);

    /// One turn: consumes these messages at the time `now` and says what the code asks for. The
    /// times of messages and earlier turns move `now` forward if need be. Message texts that cannot
    /// be read are a fault. Throws `broken_invariant`; after that it can only be destroyed.
    [[nodiscard]] turn_result advance(timestamp now, std::span<const inbox_message> inbox);

    /// Makes this the fault of the next `advance`, unless there is one already.
    void condemn(std::string report);

    /// Events applied so far, by rebuild and advance; equals the stored history's length while the
    /// frame is current.
    [[nodiscard]] std::uint64_t history_length() const noexcept;
    /// What keeping the frame costs, roughly, in bytes.
    [[nodiscard]] std::size_t bytes() const noexcept;
    /// Whether this is an activity that has not ended, and no other activity, timer or child is
    /// open.
    [[nodiscard]] bool awaits_only(task_id task) const noexcept;
    [[nodiscard]] const orchestration_definition& definition() const noexcept;

  private:
    class state;
    std::unique_ptr<state> state_;
};

/// `rebuild` then `advance` of a fresh instance: history and messages in, decisions out.
[[nodiscard]] PERDURE_EXPORT turn_result run_turn(const orchestration_definition& definition,
                                                  std::span<const history_event> history,
                                                  std::span<const inbox_message> inbox,
                                                  timestamp now,
                                                  const turn_limits& limits);

}  // namespace perdure::replay
