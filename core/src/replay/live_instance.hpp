#pragma once

#include "replay/turn_machine.hpp"

#include <perdure/registry.hpp>

#include <memory>
#include <span>
#include <string>

namespace perdure::replay {

class match_observer;

/// The turn machine of a coroutine: its frame and what it waits for. The pure core: no I/O, clock,
/// thread, lock or log; the same history and messages give the same answer. Its turns end where
/// they begin. The definition must outlive it.
class PERDURE_EXPORT live_instance final : public turn_machine {
  public:
    live_instance(instance_id instance,
                  execution_id execution,
                  const orchestration_definition& definition,
                  turn_limits limits);
    live_instance(const live_instance&) = delete;
    live_instance& operator=(const live_instance&) = delete;
    ~live_instance() override;

    void rebuild(std::span<const history_event> history, history_ends end) override;
    [[nodiscard]] turn_state begin(timestamp now, std::span<const inbox_message> inbox) override;
    [[nodiscard]] turn_state resume(std::optional<ended_step> step) override;
    void when_ready(std::function<void()> listener) override;
    [[nodiscard]] turn_result collect() override;
    void condemn(std::string report) override;
    [[nodiscard]] std::uint64_t history_length() const noexcept override;
    [[nodiscard]] std::size_t bytes() const noexcept override;
    [[nodiscard]] bool ends_late() const noexcept override { return false; }
    [[nodiscard]] bool awaits_only(task_id task) const noexcept override;
    [[nodiscard]] const std::string& name() const noexcept override;
    [[nodiscard]] const std::string& version() const noexcept override;

    /// Tells it from now on; it must outlive this.
    void show(match_observer& observer) noexcept;

    /// A whole turn: `begin`, then `collect`.
    [[nodiscard]] turn_result advance(timestamp now, std::span<const inbox_message> inbox);

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
