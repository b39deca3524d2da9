#include "samples.hpp"

#include <perdure/client.hpp>
#include <perdure/kit/forwarding_backend.hpp>
#include <perdure/worker.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

// Work that comes with the end of a wait, before anybody has looked for it.

namespace perdure {
namespace {

using namespace testing;

/// Leases what becomes ready to whoever waits, and can lose the answer.
class handing_over final : public forwarding_backend {
  public:
    explicit handing_over(backend& inner) : forwarding_backend(inner) {}

    work_batch wait_for_work(const lock_request& wanted,
                             wake_token token,
                             std::chrono::steady_clock::time_point deadline) override {
        work_batch batch = inner().wait_for_work({}, token, deadline);
        if (batch.token.value == token.value) {
            return batch;
        }
        work_batch leased = inner().lock(wanted);
        if (leased.orchestrations.empty() && leased.activities.empty()) {
            return batch;
        }
        ++handed_;
        if (loses_) {
            const std::lock_guard guard(mutex_);
            lost_ = wanted.request;
            throw backend_error(store_fault::outcome_unknown, "the answer was lost");
        }
        leased.token = token;
        return leased;
    }
    work_batch lock(const lock_request& request) override {
        {
            const std::lock_guard guard(mutex_);
            if (lost_ && lost_->value == request.request.value) {
                ++repeated_;
                loses_ = false;
            }
        }
        return inner().lock(request);
    }

    void lose() { loses_ = true; }
    [[nodiscard]] int handed() const { return handed_; }
    [[nodiscard]] int repeated() const { return repeated_; }

  private:
    std::mutex mutex_;
    std::optional<request_id> lost_;
    std::atomic<bool> loses_ = false;
    std::atomic<int> handed_ = 0;
    std::atomic<int> repeated_ = 0;
};

struct workplace {
    workplace() { w.start(); }

    hub inner = a_hub();
    std::shared_ptr<handing_over> store = std::make_shared<handing_over>(inner.store());
    hub where{store, "handing over:"};
    client c{where};
    worker w{where, a_registry(), quick()};
};

TEST_CASE("work that comes with a wait is executed", "[worker][WAKE-4]") {
    workplace here;

    for (int n = 0; n < 20; ++n) {
        CHECK(here.c.wait<int>(here.c.start(chain, 5), 20s) == 5);
    }

    here.w.stop();
    CHECK(here.store->handed() > 0);
    CHECK(here.w.statistics().activities == 20 * 5);
    CHECK(here.w.statistics().turns == 20 * 6);
}

TEST_CASE("a wait whose answer is lost is repeated as a lock", "[worker][WAKE-4][REPEAT-1]") {
    workplace here;
    here.store->lose();

    // The first one that is handed over is lost; its lease is longer than this test is patient.
    while (here.store->repeated() == 0) {
        CHECK(here.c.wait<int>(here.c.start(chain, 5), 10s) == 5);
    }

    here.w.stop();
    CHECK(here.store->repeated() == 1);
}

TEST_CASE("after a stop nothing that came with a wait is held", "[worker][WAKE-4][GIVE-1]") {
    for (int n = 0; n < 20; ++n) {
        workplace here;
        const auto id = here.c.start(chain, 5);

        here.w.stop();

        const auto found = here.c.get(id);
        REQUIRE(found);
        CHECK(found->leased_by.empty());
    }
}

}  // namespace
}  // namespace perdure
