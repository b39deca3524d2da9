#include "worker/samples.hpp"
#include "worker/text_executor.hpp"
#include "worker/worker_access.hpp"

#include <perdure/client.hpp>
#include <perdure/kit/forwarding_backend.hpp>
#include <perdure/worker.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

// A worker executes orchestrations that are no coroutines but texts, where a turn begins or at the
// other end of a connection.

namespace perdure {
namespace {

using namespace testing;

constexpr orchestrator<void, std::string> text_order{"TextOrder"};
constexpr orchestrator<void, std::string> text_chain{"TextChain"};
constexpr orchestrator<void, std::string> text_measure{"TextMeasure"};
constexpr const char* three_greetings = "Hello, Ada!; Hello, Bob!; Hello, Cid!";

/// What the worker asks for, says that it has, commits and returns.
class watched_store final : public forwarding_backend {
  public:
    using forwarding_backend::forwarding_backend;

    work_batch lock(const lock_request& request) override {
        note(locked_, request.filter);
        return inner().lock(request);
    }
    std::vector<lease_outcome> renew(const renewal& request) override {
        auto outcomes = inner().renew(request);
        note(renewed_, request.filter);
        return outcomes;
    }
    commit_result commit(const commit_request& request) override {
        for (const finished_work& each : request.finished) {
            turns += each.turn ? 1 : 0;
            speculative += each.turn && each.activity ? 1 : 0;
        }
        commit_result answer = inner().commit(request);
        const std::lock_guard guard(mutex_);
        ++commits_;
        changed_.notify_all();
        return answer;
    }
    std::vector<lease_outcome> return_leases(const lease_return& request) override {
        returned += static_cast<int>(request.items.size());
        return inner().return_leases(request);
    }

    enum class has { it, it_not };
    [[nodiscard]] bool await_lock(const std::string& name, has wanted) {
        return await(locked_, name, wanted);
    }
    [[nodiscard]] bool await_renewal(const std::string& name, has wanted) {
        return await(renewed_, name, wanted);
    }

    /// Whether a commit makes it true.
    template <class Predicate>
    [[nodiscard]] bool await_commit(Predicate&& is_true) {
        for (int seen = 0; !is_true();) {
            std::unique_lock guard(mutex_);
            if (!changed_.wait_for(guard, 20s, [&] { return commits_ != seen; })) {
                return false;
            }
            seen = commits_;
        }
        return true;
    }

    std::atomic<int> turns{0};
    std::atomic<int> speculative{0};
    std::atomic<int> returned{0};

  private:
    using names = std::vector<std::string>;

    void note(names& place, const work_filter* filter) {
        const std::lock_guard guard(mutex_);
        place.clear();
        for (const auto& each : filter->orchestrations) {
            place.push_back(each.name);
        }
        changed_.notify_all();
    }
    bool await(const names& place, const std::string& name, has wanted) {
        std::unique_lock guard(mutex_);
        return changed_.wait_for(guard, 20s, [&] {
            const bool is_there = std::ranges::count(place, name) != 0;
            return !place.empty() && is_there == (wanted == has::it);
        });
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    names locked_;
    names renewed_;
    int commits_ = 0;
};

using has = watched_store::has;

worker_options no_second_delivery() {
    worker_options options = quick();
    options.deliveries_max = 1;
    options.renew_interval = 10ms;
    return options;
}

/// A worker with a second executor, and a client.
class office {
  public:
    explicit office(std::shared_ptr<text_source> second = std::make_shared<text_source>(),
                    const worker_options& options = no_second_delivery(),
                    hub on = a_hub())
        : inner(std::move(on)),
          store(std::make_shared<watched_store>(inner.store())),
          where(store, "watched:"),
          source(std::move(second)),
          c(where) {
        w = detail::worker_access::make(where, a_registry(), options, source);
        w->start();
    }
    office(const office&) = delete;
    office& operator=(const office&) = delete;
    ~office() {
        w->stop();
        source->end();
    }

    hub inner;
    std::shared_ptr<watched_store> store;
    hub where;
    std::shared_ptr<text_source> source;
    client c;
    std::unique_ptr<worker> w;
};

int count(client& c, const instance_id& id, event_kind kind) {
    const auto history = c.history(id);
    return static_cast<int>(
        std::ranges::count_if(history, [&](const auto& event) { return event.kind == kind; }));
}

/// Another worker has the one turn of this worker for a moment.
void take_and_give_back(backend& store, const worker_id& holder) {
    lock_request request{.worker = {"another"}, .orchestrations = 1, .suspects = true};
    work_batch taken;
    // A renewal may come first.
    for (int i = 0; i < 1000 && taken.orchestrations.empty(); ++i) {
        store.take_over(request_id{random_uuid()}, {&holder, 1});
        request.request = request_id{random_uuid()};
        taken = store.lock(request);
    }
    REQUIRE(taken.orchestrations.size() == 1);
    const orchestration_work& work = taken.orchestrations.front();
    const held_item held{work.instance, {}, work.held};
    const auto outcomes = store.return_leases({request_id{random_uuid()}, {&held, 1}});
    REQUIRE(outcomes == std::vector<lease_outcome>{lease_outcome::done});
}

// ---------------------------------------------------------------------------- where a turn begins

TEST_CASE("an orchestration that is a text calls activities, also speculatively",
          "[worker][machine]") {
    office here(std::make_shared<text_source>(texts()));

    const auto id = here.c.start(text_chain);

    CHECK(here.c.wait<std::string>(id, 20s) == three_greetings);
    CHECK(here.store->speculative == 3);
    here.w->stop();
    CHECK(here.w->statistics().rebuilds == 1);
}

TEST_CASE("a turn that waits for steps goes on, and all of it is one checkpoint",
          "[worker][machine]") {
    const bool is_elsewhere = GENERATE(false, true);
    office here(is_elsewhere ? std::make_shared<text_source>()
                             : std::make_shared<text_source>(texts()));
    if (is_elsewhere) {
        here.source->connect(texts());
    }

    const auto id = here.c.start(text_measure);

    const std::string words = here.c.wait<std::string>(id, 20s);
    CHECK(words.starts_with("1cm; 1kg; "));
    const auto history = here.c.history(id);
    std::vector<event_kind> first_turn;
    for (std::size_t i = 1; i < 6; ++i) {
        first_turn.push_back(history.at(i).kind);
    }
    CHECK(first_turn == std::vector<event_kind>{event_kind::turn_started,
                                                event_kind::task_scheduled,
                                                event_kind::custom_status_set,
                                                event_kind::custom_status_set,
                                                event_kind::task_scheduled});
    CHECK(count(here.c, id, event_kind::turn_started) == here.store->turns);
}

// ---------------------------------------------------------------------- at the end of a connection

TEST_CASE("turns that end late commit what they decide, and none goes ahead", "[worker][machine]") {
    office here;
    here.source->connect(texts());

    const auto chained = here.c.start(text_chain);
    const auto ordered = here.c.start(text_order);
    here.c.raise_event(ordered, "word", std::string("one"));
    here.c.raise_event(ordered, "word", std::string("two"));

    CHECK(here.c.wait<std::string>(chained, 20s) == three_greetings);
    const auto words = here.c.wait<std::string>(ordered, 20s);
    for (const char* word : {"Hello, Ada!", "Hello, Bob!", "one", "two"}) {
        CHECK(words.find(word) != std::string::npos);
    }
    CHECK(words.find("one") < words.find("two"));
    CHECK(here.store->speculative == 0);
    CHECK(here.store->returned == 0);
}

TEST_CASE("a coroutine's turns go on while every turn elsewhere waits", "[worker][machine]") {
    worker_options options = no_second_delivery();
    options.turns_max = 3;
    office here(std::make_shared<text_source>(), options);
    const auto slow = here.source->connect(texts(), 0);

    const auto one = here.c.start(text_chain);
    const auto other = here.c.start(text_chain);
    REQUIRE(slow->await_asked(2));

    CHECK(here.c.wait<int>(here.c.start(chain, 5), 20s) == 5);
    slow->go_on();
    CHECK(here.c.wait<std::string>(one, 20s) == three_greetings);
    CHECK(here.c.wait<std::string>(other, 20s) == three_greetings);
}

TEST_CASE("a turn whose connection is lost comes to the next one, uncounted", "[worker][machine]") {
    office here;
    const auto id = here.c.start(text_chain);

    // A second counted delivery would park it.
    for (int i = 0; i < 5; ++i) {
        const auto mute = here.source->connect(texts(), 0);
        REQUIRE(mute->await_asked(1));
        here.source->disconnect();
    }
    here.source->connect(texts());

    CHECK(here.c.wait<std::string>(id, 20s) == three_greetings);
    CHECK(count(here.c, id, event_kind::task_scheduled) == 3);
    CHECK(here.store->returned == 5);
}

TEST_CASE("with connections that are lost again and again nothing is lost or done twice",
          "[worker][machine]") {
    office here;
    std::vector<instance_id> ids;
    for (int i = 0; i < 60; ++i) {
        ids.push_back(here.c.start(i % 2 == 0 ? text_chain : text_measure));
    }

    for (int i = 0; i < 12; ++i) {
        const auto brief = here.source->connect(texts(), 7);
        REQUIRE(brief->await_asked(1));
        here.source->disconnect();
    }
    here.source->connect(texts());

    for (std::size_t i = 0; i < ids.size(); ++i) {
        const auto words = here.c.wait<std::string>(ids[i], 20s);
        CHECK(words.starts_with(i % 2 == 0 ? three_greetings : "1cm; 1kg; Hello, "));
        CHECK(count(here.c, ids[i], event_kind::task_scheduled) == (i % 2 == 0 ? 3 : 2));
    }
    CHECK(here.store->inner().status().parked == 0);
}

TEST_CASE("a frame whose connection was lost between two turns is replaced by a rebuilt one",
          "[worker][machine]") {
    office here;
    here.source->connect(texts());
    const auto id = here.c.start(text_order);
    here.c.raise_event(id, "word", std::string("one"));
    REQUIRE(here.store->await_commit(
        [&] { return count(here.c, id, event_kind::task_completed) == 2; }));

    here.source->disconnect();
    here.source->connect(texts());
    here.c.raise_event(id, "word", std::string("two"));

    CHECK(here.c.wait<std::string>(id, 20s).ends_with("two"));
    CHECK(here.store->returned == 0);
    here.w->stop();
    CHECK(here.w->statistics().rebuilds == 2);
}

TEST_CASE("what answers after its lease was lost changes nothing, and keeps no place",
          "[worker][machine]") {
    worker_options options = quick();
    options.renew_interval = 10ms;
    options.turns_max = 1;
    office here(std::make_shared<text_source>(), options);
    const auto slow = here.source->connect(texts(), 0);
    const auto id = here.c.start(text_chain);
    REQUIRE(slow->await_asked(1));

    take_and_give_back(here.inner.store(), here.w->id());
    REQUIRE(slow->await_asked(2));
    slow->go_on();

    CHECK(here.c.wait<std::string>(id, 20s) == three_greetings);
    CHECK(count(here.c, id, event_kind::task_scheduled) == 3);
}

TEST_CASE("a worker that stops gives the turns back that wait elsewhere, uncounted",
          "[worker][machine]") {
    worker_options options = no_second_delivery();
    options.stop_grace = GENERATE(0ms, 20ms);
    office here(std::make_shared<text_source>(), options);
    const auto mute = here.source->connect(texts(), 0);
    const auto id = here.c.start(text_chain);
    REQUIRE(mute->await_asked(1));

    here.w->stop();
    CHECK(here.store->returned == 1);
    mute->go_on();

    office there(std::make_shared<text_source>(texts()), no_second_delivery(), here.inner);
    CHECK(there.c.wait<std::string>(id, 20s) == three_greetings);
}

// ------------------------------------------------------------------- definitions that come and go

TEST_CASE("locks and renewals ask for what there is, and what there is not waits",
          "[worker][machine]") {
    office here;
    const auto measured = here.c.start(text_measure);
    REQUIRE(here.store->await_renewal("TextMeasure", has::it_not));
    CHECK(here.c.get(measured)->status == orchestration_status::pending);
    CHECK(here.inner.store().status().unserved ==
          std::vector<std::string>{"orchestration TextMeasure"});

    here.source->connect(texts());
    CHECK(here.c.wait<std::string>(measured, 20s).starts_with("1cm; 1kg; "));
    REQUIRE(here.store->await_renewal("TextMeasure", has::it));

    here.source->disconnect();
    REQUIRE(here.store->await_lock("TextMeasure", has::it_not));
    const auto later = here.c.start(text_measure);
    CHECK(here.c.wait<std::string>(here.c.start(hello, "you"), 20s) == "Hello, you!");
    CHECK(here.c.get(later)->status == orchestration_status::pending);

    here.source->connect(texts());
    CHECK(here.c.wait<std::string>(later, 20s).starts_with("1cm; 1kg; "));
}

}  // namespace
}  // namespace perdure
