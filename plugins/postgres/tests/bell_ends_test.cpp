#include "a_bell.hpp"

namespace perdure::postgres {

TEST_CASE("bell: a wait for an instance that has ended returns at once", "[wait]") {
    a_bell hub;
    hub.store.add("order");

    CHECK(hub.rings.wait(ids({"invoice", "order"}), in(0s)));
    CHECK_FALSE(hub.rings.wait(ids({"invoice"}), in(0s)));
    CHECK_FALSE(hub.rings.wait(ids({"invoice"}), in(5ms)));
}

TEST_CASE("bell: whether what this process has just created has ended is not looked at", "[wait]") {
    a_bell hub;
    const std::vector<instance_id> order = ids({"order"});
    hub.rings.set_listening({true, true});
    hub.rings.begin_starts(order);

    SECTION("until somebody tells of its end") {
        CHECK_FALSE(hub.rings.wait(order, in(5ms)));
        CHECK(hub.store.looks() == 0);
        auto waiting =
            std::async(std::launch::async, [&] { return hub.rings.wait(order, in(patience)); });
        hub.store.add("order");
        hub.rings.hear_of_ends(std::vector<std::string>{"order"});
        CHECK(waiting.get());
    }
    SECTION("but when others are waited for, too") {
        CHECK_FALSE(hub.rings.wait(ids({"order", "invoice"}), in(5ms)));
        CHECK(hub.store.looks() == 1);
    }
    SECTION("but when it has ended meanwhile, as another process tells") {
        hub.store.add("order");
        hub.rings.hear_of_ends(std::vector<std::string>{"order"});
        CHECK(hub.rings.wait(order, in(patience)));
        CHECK(hub.store.looks() == 1);
    }
    SECTION("but when it has ended meanwhile, as this one tells") {
        hub.store.add("order");
        hub.rings.announce({.ended = {"order"}});
        CHECK(hub.rings.wait(order, in(patience)));
    }
    SECTION("but when anything may have ended") {
        hub.store.add("order");
        hub.rings.hear_of_some_ends();
        CHECK(hub.rings.wait(order, in(patience)));
    }
    SECTION("but when for a time nobody has listened") {
        hub.store.add("order");
        hub.rings.set_listening({});
        hub.rings.set_listening({true, true});
        CHECK(hub.rings.wait(order, in(patience)));
    }
    SECTION("but when the start has failed") {
        hub.store.add("order");
        hub.rings.forget_start(order.front());
        CHECK(hub.rings.wait(order, in(patience)));
    }
    SECTION("but when it is long ago") {
        for (int n = 0; n < 1000; ++n) {
            hub.rings.begin_starts(ids({"later-" + std::to_string(n)}));
        }
        hub.store.add("order");
        CHECK(hub.rings.wait(order, in(patience)));
    }
}

TEST_CASE("bell: who relied on a start that failed looks then", "[wait]") {
    a_bell hub;
    const std::vector<instance_id> order = ids({"order"});
    hub.rings.set_listening({true, true});
    hub.rings.begin_starts(order);
    auto waiting =
        std::async(std::launch::async, [&] { return hub.rings.wait(order, in(patience)); });
    while (hub.rings.awaited().empty()) {
        std::this_thread::yield();
    }
    hub.store.add("order");

    hub.rings.forget_start(order.front());

    CHECK(waiting.get());
    CHECK(hub.store.looks() == 1);
}

TEST_CASE("bell: after a call that failed nobody relies on starts", "[wait]") {
    a_bell hub;
    hub.rings.set_listening({true, true});
    hub.rings.begin_starts(ids({"order"}));
    hub.store.add("order");

    hub.rings.forget_starts();

    CHECK(hub.rings.wait(ids({"order"}), in(patience)));
}

TEST_CASE("bell: what is created while nobody listens is looked at", "[wait]") {
    a_bell hub;
    hub.store.add("order");
    hub.rings.begin_starts(ids({"order"}));
    hub.rings.set_listening({true, true});

    CHECK(hub.rings.wait(ids({"order"}), in(patience)));
}

TEST_CASE("bell: the end of an instance ends the wait without another look", "[wait]") {
    a_bell hub;
    hub.rings.set_listening({true, true});
    const std::vector<instance_id> awaited = ids({"invoice", "order"});
    auto waiting =
        std::async(std::launch::async, [&] { return hub.rings.wait(awaited, in(patience)); });
    hub.store.await_looks(1);
    SECTION("announced here") {
        tidings news;
        news.ended = {"refund", "order"};
        hub.rings.announce(news);
    }
    SECTION("heard of by the listener") {
        hub.rings.hear_of_ends(std::vector<std::string>{"refund", "order"});
    }
    CHECK(waiting.get());
    CHECK(hub.store.looks() == 1);
}

TEST_CASE("bell: that something ended makes the waiters look", "[wait]") {
    a_bell hub;
    hub.rings.set_listening({true, true});
    const std::vector<instance_id> awaited = ids({"order"});
    auto waiting =
        std::async(std::launch::async, [&] { return hub.rings.wait(awaited, in(patience)); });
    hub.store.await_looks(1);
    hub.store.add("order");
    SECTION("in another process") {
        hub.rings.hear_of_some_ends();
    }
    SECTION("when the hub is emptied here") {
        tidings all;
        all.any_may_have_ended = true;
        hub.rings.announce(all);
    }
    CHECK(waiting.get());
    CHECK(hub.store.looks() == 2);
}

TEST_CASE("bell: while nobody listens one look in a while serves all waiters", "[wait][WAKE-3]") {
    constexpr int count = 8;
    a_bell hub({20ms, 20ms, 1h, 1h});
    std::vector<std::future<bool>> waiting;
    for (int n = 0; n < count; ++n) {
        waiting.push_back(std::async(std::launch::async, [&hub, n] {
            return hub.rings.wait(ids({"order " + std::to_string(n)}), in(patience));
        }));
    }
    const auto begun = steady::now();
    hub.store.await_looks(2 * count);
    const auto took = steady::now() - begun;
    for (int n = 0; n < count; ++n) {
        hub.store.add("order " + std::to_string(n));
    }
    for (auto& each : waiting) {
        CHECK(each.get());
    }
    // Each may have looked once at its beginning; the rest were shared.
    CHECK(took >= 20ms * (count - 1));
}

TEST_CASE("bell: an error of the store reaches every waiter") {
    a_bell hub;
    hub.store.fail();
    std::vector<std::future<bool>> waiting;
    for (int n = 0; n < 4; ++n) {
        waiting.push_back(std::async(std::launch::async,
                                     [&] { return hub.rings.wait(ids({"order"}), in(patience)); }));
    }
    for (auto& each : waiting) {
        CHECK_THROWS_AS(each.get(), backend_error);
    }
}

TEST_CASE("bell: a record that comes with the news of an end is for who wants it", "[wait]") {
    a_bell hub;
    const std::vector<instance_id> order = ids({"order"});
    hub.rings.set_listening({true, true});
    CHECK_FALSE(hub.rings.is_record_wanted(order.front()));
    const look before = hub.rings.begin_look();
    auto wanting = std::async(
        std::launch::async, [&] { return hub.rings.wait_for_record(order.front(), in(patience)); });
    auto waiting = std::async(std::launch::async, [&] {
        return hub.rings.wait(ids({"invoice", "order"}), in(patience));
    });
    while (!hub.rings.is_record_wanted(order.front()) || hub.rings.awaited().size() < 2) {
        std::this_thread::yield();
    }
    const look after = hub.rings.begin_look();
    const instance_record record{
        order.front(), {}, "Order", {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};

    SECTION("it comes with them") {
        hub.rings.announce(
            {.ended = {"order"}, .ended_record = record, .look_number = after.number});
        CHECK(wanting.get() == record);
    }
    SECTION("it is of a call that began before the wait") {
        hub.rings.announce(
            {.ended = {"order"}, .ended_record = record, .look_number = before.number});
        CHECK_FALSE(wanting.get());
    }
    SECTION("it does not") {
        hub.rings.hear_of_ends(std::vector<std::string>{"order"});
        CHECK_FALSE(wanting.get());
    }
    CHECK(waiting.get());
    CHECK_FALSE(hub.rings.is_record_wanted(order.front()));
}

TEST_CASE("bell: who wants a record and waits in vain has none", "[wait]") {
    a_bell hub;

    CHECK_FALSE(hub.rings.wait_for_record(ids({"order"}).front(), in(5ms)));
}

}  // namespace perdure::postgres
