#pragma once

#include "notifier.hpp"

#include <perdure/backend_error.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace perdure::postgres {

// What the tests of the notifier share.

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

/// Long enough for anything that happens at all.
inline constexpr auto patience = 20s;
inline constexpr std::uint64_t orders = 1;
inline constexpr std::uint64_t refunds = 2;
/// What the store's clock says; it has nothing to do with ours.
inline const timestamp noon = std::chrono::sys_days{std::chrono::year{2040} / 1 / 1};

inline steady::time_point in(steady::duration time) {
    return steady::now() + time;
}

inline std::vector<instance_id> ids(const std::vector<std::string>& names) {
    return {names.begin(), names.end()};
}

/// Counts, and does nothing.
class idle_carrier final : public carrier {
  public:
    void stir() noexcept override { ++stirred; }
    std::atomic<int> stirred = 0;
};

/// A store that knows nothing but which instances have ended.
class ends {
  public:
    std::vector<instance_id> operator()(const std::vector<instance_id>& asked) {
        const std::lock_guard guard(mutex_);
        ++polls_;
        if (fails_) {
            throw backend_error(store_fault::unavailable, "the server is away");
        }
        std::vector<instance_id> found;
        for (const instance_id& id : asked) {
            if (ended_.contains(id.text())) {
                found.push_back(id);
            }
        }
        looked_.notify_all();
        return found;
    }
    void add(const std::string& id) {
        const std::lock_guard guard(mutex_);
        ended_.insert(id);
    }
    void fail() {
        const std::lock_guard guard(mutex_);
        fails_ = true;
    }
    int looks() {
        const std::lock_guard guard(mutex_);
        return polls_;
    }
    void await_polls(int count) {
        std::unique_lock lock(mutex_);
        REQUIRE(looked_.wait_for(lock, patience, [&] { return polls_ >= count; }));
    }

  private:
    std::mutex mutex_;
    std::condition_variable looked_;
    std::set<std::string> ended_;
    int polls_ = 0;
    bool fails_ = false;
};

struct a_notifier {
    explicit a_notifier(notifier::terms chosen = rare_polls()) : terms(chosen) {}

    /// Whoever wakes has been told.
    static notifier::terms rare_polls() { return {1h, 1h, 1h, 1h}; }

    /// An empty answer of the store.
    store_poll finds_nothing(std::uint64_t question, timestamp next_due = never) {
        const store_poll begun = shared_notifier.begin_poll(question);
        shared_notifier.end_poll(begun, {noon, next_due, true});
        return begun;
    }
    wake_token now() { return shared_notifier.begin_poll().token; }

    notifier::terms terms;
    ends store;
    notifier shared_notifier{terms, [this](const std::vector<instance_id>& asked) { return store(asked); }};
};

}  // namespace perdure::postgres
