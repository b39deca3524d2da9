#include "memory_hub.hpp"

#include <string>
#include <vector>

// What workers lock, renew and return, on the reference backend.

using namespace perdure;
using namespace perdure::memory_tests;

TEST_CASE("a delayed start waits for its time", "[TIME-2][LOCK-4]") {
    memory_hub hub;
    auto fresh = hub.order("a");
    fresh.start_at = hub.store.status().store_time + 1h;
    hub.create(fresh);

    CHECK(hub.lock().orchestrations.empty());
    hub.advance(1h);
    CHECK(hub.lock().orchestrations.size() == 1);
}

TEST_CASE("work that the filter does not name is not handed out", "[LOCK-4]") {
    memory_hub hub;
    auto fresh = hub.order("a");
    fresh.version = std::string("2");
    hub.create(fresh);

    CHECK(hub.lock().orchestrations.empty());
    CHECK(hub.store.status().unserved == std::vector<std::string>{"orchestration Order 2"});
}

TEST_CASE("a worker that renews is live and serves its names", "[RENEW-1]") {
    memory_hub hub;
    hub.create(hub.order("a"));
    REQUIRE(hub.store.renew({{"w1"}, &hub.filter, 15s, {}}).empty());

    CHECK(hub.store.status().live_workers == std::vector<worker_id>{{"w1"}});
    CHECK(hub.store.status().unserved.empty());
    hub.advance(15s);
    CHECK(hub.store.status().live_workers.empty());
}

TEST_CASE("the inbox comes by visibility, then sequence, and only a prefix", "[LOCK-5]") {
    memory_hub hub;
    hub.create(hub.order("a"));
    const auto now = hub.store.status().store_time;
    const std::vector<new_message> messages{
        {instance_id("a"), "late", "", {}, {}, now + 2s},
        {instance_id("a"), "first", "", {}, {}, {}},
        {instance_id("a"), "second", "", {}, {}, {}},
    };
    REQUIRE(hub.store.send({fresh_request()}, messages).outcomes.size() == 3);
    hub.advance(3s);
    auto request = hub.room(1);
    request.messages = 2;

    const auto work = hub.store.lock(request).orchestrations.at(0);

    REQUIRE(work.inbox.size() == 2);
    CHECK(work.inbox[0].event == "first");
    CHECK(work.inbox[1].event == "second");
}

TEST_CASE("the longest ready instance goes first", "[LOCK-6]") {
    memory_hub hub;
    hub.create(hub.order("z"));
    hub.advance(1s);
    hub.create(hub.order("a"));

    CHECK(hub.lock().orchestrations.at(0).instance == instance_id("z"));
}

TEST_CASE("history is left out for the worker that committed last", "[LOCK-7]") {
    memory_hub hub;
    const auto work = hub.locked("a");
    REQUIRE(hub.commit_one(hub.turn(work)) == commit_outcome::committed);
    REQUIRE(hub.send("a", "e") == send_outcome::accepted);

    const auto mine = hub.lock().orchestrations.at(0);
    REQUIRE(hub.returned(fresh_request(), held(mine)) == lease_outcome::done);
    const auto theirs = hub.lock(1, "w2").orchestrations.at(0);

    CHECK(mine.history.empty());
    CHECK(mine.history_length == 2);
    CHECK(theirs.history.size() == 2);
}

TEST_CASE("an expired lease that nobody took still commits", "[LOCK-3]") {
    memory_hub hub;
    const auto work = hub.locked("a");
    hub.advance(1min);
    CHECK(hub.lock(1, "w2").suspects_waiting);

    CHECK(hub.commit_one(hub.turn(work)) == commit_outcome::committed);
}

TEST_CASE("a suspect is handed out only when asked for, and its expiries count",
          "[SUSPECT-1][SUSPECT-2]") {
    memory_hub hub;
    const auto old = hub.locked("a");
    hub.advance(1min);
    auto ask = hub.room(1, "w2");
    ask.suspects = true;

    CHECK(hub.lock(1, "w2").orchestrations.empty());
    const auto first = hub.store.lock(ask).orchestrations.at(0);
    hub.advance(1min);
    ask.request = fresh_request();
    const auto second = hub.store.lock(ask).orchestrations.at(0);

    CHECK(first.suspect);
    CHECK(first.deliveries == 1);
    CHECK(second.deliveries == 2);
    CHECK(hub.commit_one(hub.turn(old)) == commit_outcome::lease_lost);
}

TEST_CASE("work of a dead worker becomes suspect at once", "[TAKEOVER-1]") {
    memory_hub hub;
    hub.locked("a");

    hub.store.take_over(fresh_request(), std::vector{worker_id{"w1"}});

    CHECK(hub.lock(1, "w2").suspects_waiting);
}

TEST_CASE("a late renewal keeps an expired item that nobody took", "[LOCK-1][LOCK-3]") {
    memory_hub hub;
    const std::vector item{held(hub.locked("a"))};
    hub.advance(1min);
    REQUIRE(hub.lock(1, "w2").suspects_waiting);

    REQUIRE(hub.store.renew({{"w1"}, nullptr, 15s, item}).at(0) == lease_outcome::done);

    auto ask = hub.room(1, "w2");
    ask.suspects = true;
    CHECK(hub.store.lock(ask).orchestrations.empty());
}

TEST_CASE("an abandoned item waits and counts, one given back does neither",
          "[GIVE-1][ABANDON-1]") {
    memory_hub hub;
    const auto first = hub.locked("a");
    const auto request = fresh_request();
    const held_item item = held(first);
    CHECK(hub.returned(request, item, return_kind::abandon, 10s) == lease_outcome::done);
    CHECK(hub.returned(request, item, return_kind::abandon, 10s) == lease_outcome::done);
    CHECK(hub.returned(fresh_request(), item, return_kind::abandon, 10s) ==
          lease_outcome::lease_lost);

    CHECK(hub.lock().orchestrations.empty());
    hub.advance(10s);
    const auto second = hub.lock().orchestrations.at(0);
    CHECK(second.deliveries == 2);
    REQUIRE(hub.returned(fresh_request(), held(second)) == lease_outcome::done);
    CHECK(hub.lock().orchestrations.at(0).deliveries == 2);
}

TEST_CASE("a parked instance keeps messages and waits to be unparked", "[PARK-1][PARK-3]") {
    memory_hub hub;
    const auto work = hub.locked("a");
    REQUIRE(hub.returned(fresh_request(), held(work), return_kind::park) == lease_outcome::done);
    CHECK(hub.send("a", "e") == send_outcome::accepted);
    CHECK(hub.lock().orchestrations.empty());
    CHECK(hub.get("a").parked_reason == "diverged");

    CHECK(hub.store.unpark(fresh_request(), std::vector{work.instance}).at(0) ==
          unpark_outcome::unparked);
    CHECK(hub.lock().orchestrations.at(0).inbox.size() == 1);
}

TEST_CASE("a lock that handed out nothing hands out nothing when it is repeated", "[REPEAT-1]") {
    memory_hub hub;
    const lock_request request = hub.room(5);
    REQUIRE(hub.store.lock(request).orchestrations.empty());
    hub.create(hub.order("a"));

    CHECK(hub.store.lock(request).orchestrations.empty());

    CHECK(hub.lock().orchestrations.size() == 1);
}

TEST_CASE("a park without a reason is refused before it reaches the backend", "[PARK-1]") {
    memory_hub hub;
    const held_item item = held(hub.locked("a"));
    const auto park = [&](const std::string& reason) {
        return hub.store.return_leases({.request = fresh_request(),
                                        .items = {&item, 1},
                                        .kind = return_kind::park,
                                        .reason = reason});
    };

    CHECK_THROWS_AS(park(""), backend_error);
    CHECK(hub.get("a").leased_by == "w1");
    CHECK(park("diverged") == std::vector{lease_outcome::done});
}
