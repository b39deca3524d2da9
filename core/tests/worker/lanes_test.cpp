#include "samples.hpp"

#include <perdure/client.hpp>
#include <perdure/kit/forwarding_backend.hpp>
#include <perdure/worker.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

// A store that takes two commits at once gets two commits at once.

namespace perdure {
namespace {

using namespace testing;

/// Says that it takes two commits at once, and can hold back the first one until the second comes.
class two_lanes final : public forwarding_backend {
  public:
    using forwarding_backend::forwarding_backend;

    capabilities abilities() const noexcept override {
        capabilities all = inner().abilities();
        all.commit_lanes = 2;
        return all;
    }
    commit_result commit(const commit_request& request) override {
        {
            std::unique_lock guard(mutex_);
            most_ = std::max(most_, ++inside_);
            changed_.notify_all();
            changed_.wait_for(guard, 20s, [&] { return !holds_back_ || inside_ > 1; });
            holds_back_ = false;
        }
        commit_result answer = inner().commit(request);
        const std::lock_guard guard(mutex_);
        --inside_;
        return answer;
    }

    void hold_back_the_next() {
        const std::lock_guard guard(mutex_);
        holds_back_ = true;
    }
    /// Waits until a commit is held back; false when none comes.
    [[nodiscard]] bool wait_for_one() {
        std::unique_lock guard(mutex_);
        return changed_.wait_for(guard, 20s, [&] { return inside_ > 0; });
    }
    [[nodiscard]] int most() const {
        const std::lock_guard guard(mutex_);
        return most_;
    }

  private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool holds_back_ = false;
    int inside_ = 0;
    int most_ = 0;
};

struct door {
    std::mutex mutex;
    std::condition_variable changed;
    int waiting = 0;
    int open = 0;

    void pass() {
        std::unique_lock guard(mutex);
        ++waiting;
        changed.notify_all();
        changed.wait(guard, [&] { return open > 0; });
        --open;
    }
    [[nodiscard]] bool wait_for_waiting(int count) {
        std::unique_lock guard(mutex);
        return changed.wait_for(guard, 20s, [&] { return waiting >= count; });
    }
    void let_one_pass() {
        const std::lock_guard guard(mutex);
        ++open;
        changed.notify_all();
    }
};

TEST_CASE("while one commit is under way, the second lane takes the next", "[worker][lanes]") {
    const hub inner = a_hub();
    const auto lanes = std::make_shared<two_lanes>(inner.store());
    const hub where(lanes, "two lanes");
    const auto exit = std::make_shared<door>();
    registry known;
    known.add(holding, hold_on);
    known.add(hold, [exit] { exit->pass(); });
    client c(where);
    const auto first = c.start(holding);
    const auto second = c.start(holding);
    worker w(where, known, quick());
    w.start();
    REQUIRE(exit->wait_for_waiting(2));

    lanes->hold_back_the_next();
    exit->let_one_pass();
    REQUIRE(lanes->wait_for_one());
    exit->let_one_pass();

    c.wait<void>(first, 20s);
    c.wait<void>(second, 20s);
    w.stop();
    CHECK(lanes->most() == 2);
}

TEST_CASE("everything ends once with two lanes, and a stop leaves nothing behind",
          "[worker][lanes]") {
    const hub inner = a_hub();
    const auto lanes = std::make_shared<two_lanes>(inner.store());
    const hub where(lanes, "two lanes");
    client c(where);
    const std::vector<int> steps(300, 5);
    const auto ids = c.start_many(chain, std::span(steps));
    const auto wide = c.start(fan, 500);
    worker w(where, a_registry(), quick());
    w.start();

    for (const auto& id : ids) {
        REQUIRE(c.wait<int>(id, 60s) == 5);
    }
    CHECK(c.wait<int>(wide, 60s) == 500 * 501 / 2);
    w.stop();

    const hub_status after = where.store().status();
    CHECK(after.ready_orchestrations == 0);
    CHECK(after.ready_activities == 0);
    CHECK(w.statistics().activities == 300 * 5 + 500);
    for (const auto& id : ids) {
        CHECK(c.history(id).size() == 1 + 5 * 2 + 6 + 1);
    }
}

}  // namespace
}  // namespace perdure
