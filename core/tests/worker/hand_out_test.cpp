#include "samples.hpp"

#include <perdure/client.hpp>
#include <perdure/kit/forwarding_backend.hpp>
#include <perdure/worker.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

// Work that comes with a client's call, before anybody has looked for it.

namespace perdure {
namespace {

using namespace testing;

/// Leases what a client's call makes ready to the worker whose room it brings, over a backend that
/// hands out nothing, and can fail after that.
class handing_over final : public forwarding_backend {
  public:
    explicit handing_over(backend& inner) : forwarding_backend(inner) {}

    create_result create(const lock_request& next,
                         std::span<const new_instance> instances) override {
        return with_work(next, inner().create({next.request}, instances));
    }
    send_result send(const lock_request& next, std::span<const new_message> messages) override {
        return with_work(next, inner().send({next.request}, messages));
    }
    work_batch lock(const lock_request& request) override {
        work_batch batch = inner().lock(request);
        const std::lock_guard guard(mutex_);
        if (failed_ && *failed_ == request.request) {
            asked_again_ += static_cast<int>(batch.orchestrations.size());
        }
        return batch;
    }

    /// Called with what a client's call has leased, before the client is told.
    void before_answers(std::function<void()> what) { before_answer_ = std::move(what); }
    /// The next call that leases something is the last that the client makes: it is not told what
    /// happened, and does not repeat it.
    void fail_once(store_fault how) {
        const std::lock_guard guard(mutex_);
        fault_ = how;
    }
    [[nodiscard]] int handed() const { return handed_; }
    [[nodiscard]] int asked_again() const { return asked_again_; }

  private:
    template <class Result>
    Result with_work(const lock_request& next, Result result) {
        if (next.orchestrations == 0) {
            return result;
        }
        result.work = inner().lock(next);
        if (result.work.orchestrations.empty()) {
            return result;
        }
        {
            const std::lock_guard guard(mutex_);
            if (const auto fault = std::exchange(fault_, std::nullopt)) {
                failed_ = next.request;
                throw backend_error(*fault, "something was leased all the same");
            }
        }
        ++handed_;
        before_answer_();
        return result;
    }

    std::function<void()> before_answer_ = [] {};
    std::mutex mutex_;
    std::optional<store_fault> fault_;
    std::optional<request_id> failed_;
    std::atomic<int> handed_ = 0;
    std::atomic<int> asked_again_ = 0;
};

struct workplace {
    workplace() { w.start(); }

    hub inner = a_hub();
    std::shared_ptr<handing_over> store = std::make_shared<handing_over>(inner.store());
    hub where{store, "handing over:"};
    client c{where};
    worker w{where, a_registry(), quick()};
};

TEST_CASE("work that comes with a client's call is executed", "[worker][HANDOFF-3]") {
    workplace here;

    while (here.store->handed() < 20) {
        CHECK(here.c.wait<int>(here.c.start(chain, 5), 20s) == 5);
    }

    here.w.stop();
    CHECK(here.w.statistics().turns == 6 * here.w.statistics().activities / 5);
}

TEST_CASE("an event comes with its call, too", "[worker][HANDOFF-3]") {
    workplace here;

    for (int before = 0; before == here.store->handed();) {
        const auto id = here.c.start(waiting);
        before = here.store->handed();
        here.c.raise_event(id, "word", std::string("hello"));
        CHECK(here.c.wait<std::string>(id, 20s) == "hello");
    }
}

TEST_CASE("a lost answer to a client's call is repeated, and leases once",
          "[worker][HANDOFF-3][REPEAT-1]") {
    workplace here;
    here.store->fail_once(store_fault::outcome_unknown);

    while (here.store->handed() < 5) {
        CHECK(here.c.wait<int>(here.c.start(chain, 5), 10s) == 5);
    }

    CHECK(here.store->asked_again() == 0);
}

TEST_CASE("the worker asks for what a client has leased that gave up",
          "[worker][HANDOFF-3][REPEAT-1]") {
    workplace here;
    here.store->fail_once(store_fault::corrupt);
    std::optional<instance_id> lost;

    // Its lease is longer than this test is patient.
    for (int n = 0; !lost; ++n) {
        start_options options;
        options.id = instance_id("order-" + std::to_string(n));
        try {
            static_cast<void>(here.c.wait<int>(here.c.start(chain, 5, options), 10s));
        } catch (const backend_error&) {
            lost = options.id;
        }
    }

    CHECK(here.c.wait<int>(*lost, 10s) == 5);
    CHECK(here.store->asked_again() == 1);
}

TEST_CASE("after a stop nothing that came with a client's call is held",
          "[worker][HANDOFF-3][GIVE-1]") {
    for (int n = 0; n < 20; ++n) {
        workplace here;
        const auto id = here.c.start(chain, 5);

        here.w.stop();

        const auto found = here.c.get(id);
        REQUIRE(found);
        CHECK(found->leased_by.empty());
    }
}

TEST_CASE("what is leased for a worker that has stopped meanwhile is given back",
          "[worker][HANDOFF-3][GIVE-1]") {
    // Several times, because the worker may not be idle yet.
    for (int handed = 0; handed == 0;) {
        workplace here;
        here.store->before_answers([&] { here.w.stop(); });
        const auto id = here.c.start(chain, 5);
        handed = here.store->handed();
        here.w.stop();

        const work_batch found =
            here.inner.store().lock({.request = {random_uuid()}, .orchestrations = 10});

        if (handed > 0) {
            REQUIRE(found.orchestrations.size() == 1);
            CHECK(found.orchestrations.front().instance == id);
            CHECK(found.orchestrations.front().deliveries == 1);
        }
    }
}

TEST_CASE("of two workers of a hub the one that has the definition is handed the start",
          "[worker][HANDOFF-3]") {
    workplace here;
    registry others;
    others.add(waiting, wait_for_word);
    worker other(here.where, others, quick());
    other.start();

    for (int before = 0; before == here.store->handed();) {
        before = here.store->handed();
        const auto id = here.c.start(hello, std::string("Ada"));
        CHECK(here.c.wait<std::string>(id, 20s) == "Hello, Ada!");
    }

    CHECK(other.statistics().turns == 0);
}

}  // namespace
}  // namespace perdure
