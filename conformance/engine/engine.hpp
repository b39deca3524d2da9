#pragma once

#include "fixture.hpp"
#include "soundness.hpp"

#include <perdure/client.hpp>
#include <perdure/instance_image.hpp>
#include <perdure/kit/forwarding_backend.hpp>
#include <perdure/worker.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

// What engine scenarios start from: a fresh hub of the plugin under test, a client, and workers.

namespace perdure::conformance {

/// Collects what the engine logs. Safe from any thread.
class log_collector {
  public:
    [[nodiscard]] log_sink sink() {
        return [this](const log_record& record) {
            const std::lock_guard guard(mutex_);
            records_.push_back(record);
            changed_.notify_all();
        };
    }
    [[nodiscard]] std::size_t count(log_event event) const {
        const std::lock_guard guard(mutex_);
        return count_locked(event);
    }
    /// Waits until the event was logged at least `times` times; false when patience is over.
    [[nodiscard]] bool wait_for(log_event event, std::size_t times = 1) {
        std::unique_lock guard(mutex_);
        return changed_.wait_for(guard, patience, [&] { return count_locked(event) >= times; });
    }
    [[nodiscard]] std::vector<log_record> records() const {
        const std::lock_guard guard(mutex_);
        return records_;
    }

  private:
    [[nodiscard]] std::size_t count_locked(log_event event) const {
        std::size_t found = 0;
        for (const auto& record : records_) {
            found += record.event == event ? 1 : 0;
        }
        return found;
    }

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<log_record> records_;
};

/// A door that threads wait at until somebody opens it.
class gate {
  public:
    void open() {
        const std::lock_guard guard(mutex_);
        is_open_ = true;
        changed_.notify_all();
    }
    void pass() {
        std::unique_lock guard(mutex_);
        ++waiting_;
        changed_.notify_all();
        changed_.wait(guard, [&] { return is_open_; });
        --waiting_;
    }
    /// Waits until `count` threads stand before the door.
    [[nodiscard]] bool wait_for_waiting(std::size_t count) {
        std::unique_lock guard(mutex_);
        return changed_.wait_for(guard, patience, [&] { return waiting_ >= count; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_open_ = false;
    std::size_t waiting_ = 0;
};

/// A hub with one worker and one client, ready to use.
class engine {
  public:
    explicit engine(registry known, worker_options options = {})
        : engine(a_hub(), std::move(known), std::move(options)) {}
    engine(hub where, registry known, worker_options options = {})
        : where_(std::move(where)),
          options_(with_log(std::move(options))),
          client_(where_),
          worker_(std::make_unique<worker>(where_, std::move(known), options_)) {
        worker_->start();
    }

    engine(const engine&) = delete;
    engine& operator=(const engine&) = delete;
    /// Whatever has happened, the hub must be sound, unless the test has damaged it.
    ~engine() {
        worker_->stop();
        if (std::uncaught_exceptions() == 0) {
            const std::string faults = faults_of(where_);
            INFO(faults);
            CHECK(faults.empty() == (is_sound_ || interface_of<image_store>(where_.store()) == nullptr));
        }
    }

    [[nodiscard]] client& clients() noexcept { return client_; }
    [[nodiscard]] worker& workers() noexcept { return *worker_; }
    [[nodiscard]] const hub& where() const noexcept { return where_; }
    [[nodiscard]] log_collector& log() noexcept { return log_; }

    /// Stops the worker and starts one with other code.
    void redeploy(registry known) {
        worker_->stop();
        worker_ = std::make_unique<worker>(where_, std::move(known), options_);
        worker_->start();
    }
    void stop() { worker_->stop(); }
    /// The test leaves something in the hub that no orchestration can have written.
    void expect_damage() noexcept { is_sound_ = false; }

    /// Waits until the instance satisfies the condition; false when patience is over.
    [[nodiscard]] bool wait_until(const instance_id& id,
                                  const std::function<bool(const instance_record&)>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + patience;
        while (std::chrono::steady_clock::now() < deadline) {
            const auto found = client_.get(id);
            if (found && condition(*found)) {
                return true;
            }
            static_cast<void>(where_.store().wait(
                id, std::chrono::steady_clock::now() + std::chrono::milliseconds(5)));
        }
        return false;
    }
    [[nodiscard]] bool wait_for_status(const instance_id& id, orchestration_status status) {
        return wait_until(id, [&](const instance_record& found) { return found.status == status; });
    }
    [[nodiscard]] bool wait_for_parked(const instance_id& id) {
        return wait_until(
            id, [](const instance_record& found) { return !found.parked_reason.empty(); });
    }

  private:
    [[nodiscard]] worker_options with_log(worker_options options) {
        if (!options.log) {
            options.log = log_.sink();
        }
        return options;
    }

    hub where_;
    log_collector log_;
    worker_options options_;
    client client_;
    std::unique_ptr<worker> worker_;
    bool is_sound_ = true;
};

}  // namespace perdure::conformance
