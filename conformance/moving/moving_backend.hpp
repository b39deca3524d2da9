#pragma once

#include <perdure/adjustable_clock.hpp>
#include <perdure/hub.hpp>
#include <perdure/kit/forwarding_backend.hpp>
#include <perdure/plugin.hpp>

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>

namespace perdure::conformance {

/// An empty hub of the reference, or of the plugin under test when there is none or it is wanted.
[[nodiscard]] hub another_hub(bool of_reference = true);

/// Opens a hub of the plugin under test as a host does: it follows where other processes move it.
[[nodiscard]] hub open_following(const backend_config& config);

/// A hub that moves to an empty hub of the plugin under test, or of the reference, before each n-th
/// call, with its leases, waits and frames: whatever the suite asks of a hub holds for one that is
/// promoted. Safe from any thread.
class moving_backend : public forwarding_backend, public adjustable_clock {
  public:
    moving_backend(hub first, std::size_t calls_between_moves);

    [[nodiscard]] backend& inner() const noexcept override { return hub_.store(); }
    /// Not while it moves: the next hub got its clock when the move began.
    [[nodiscard]] bool advance_clock(duration by) override;
    [[nodiscard]] create_result create(const lock_request& next,
                                       std::span<const new_instance> instances) override;
    [[nodiscard]] send_result send(const lock_request& next,
                                   std::span<const new_message> messages) override;
    [[nodiscard]] std::vector<terminate_outcome> terminate(
        const request_id& request, std::span<const termination> terminations) override;
    [[nodiscard]] std::vector<std::optional<instance_record>> get(
        std::span<const instance_id> instances) override;
    [[nodiscard]] instance_page query(const instance_filter& filter,
                                      std::size_t limit,
                                      const std::string& after) override;
    [[nodiscard]] std::optional<history_page> read_history(const instance_id& instance,
                                                           std::uint64_t from,
                                                           std::size_t bytes) override;
    [[nodiscard]] purge_result purge(const purge_request& request) override;
    [[nodiscard]] std::vector<unpark_outcome> unpark(
        const request_id& request, std::span<const instance_id> instances) override;
    [[nodiscard]] work_batch lock(const lock_request& request) override;
    [[nodiscard]] commit_result commit(const commit_request& request) override;
    [[nodiscard]] std::vector<lease_outcome> renew(const renewal& request) override;
    [[nodiscard]] std::vector<lease_outcome> return_leases(const lease_return& request) override;
    void take_over(const request_id& request, std::span<const worker_id> workers) override;

    /// How often all hubs of this process have moved.
    [[nodiscard]] static std::size_t moves() noexcept;

  protected:
    [[nodiscard]] const hub& here() const noexcept { return hub_; }
    /// Gives a hub that tests have moved the clock of by so much the time of the present one.
    void set_clock_of(const hub& next, duration already);
    /// By how much tests have moved the clock.
    [[nodiscard]] duration advanced() const noexcept { return advanced_; }

  private:
    virtual void move();
    backend& after_move();

    const hub hub_;
    const std::size_t calls_between_moves_;
    std::mutex mutex_;
    std::size_t calls_ = 0;
    bool is_elsewhere_ = false;
    duration advanced_{};
};

/// How another process opens this hub.
[[nodiscard]] std::string uri_of(const backend_config& config);

/// The same with a hub that another process moves: to an empty hub of the plugin under test and
/// back, while calls go through this one, which follows.
class live_moving_backend final : public moving_backend {
  public:
    live_moving_backend(const backend_config& first, std::size_t calls_between_moves);

  private:
    void move() override;

    const backend_config home_;
    backend_config away_{};
    bool is_away_ = false;
    /// By how much, when the hub left home.
    duration advanced_at_home_{};
};

}  // namespace perdure::conformance
