#include "a_notifier.hpp"

namespace perdure::postgres {

TEST_CASE("notifier: a wait for an instance that has ended returns at once", "[wait]") {
    a_notifier hub;
    hub.store.add("order");

    CHECK(hub.shared_notifier.wait(ids({"invoice", "order"}), in(0s)));
    CHECK_FALSE(hub.shared_notifier.wait(ids({"invoice"}), in(0s)));
    CHECK_FALSE(hub.shared_notifier.wait(ids({"invoice"}), in(5ms)));
}

TEST_CASE("notifier: whether what this process has just created has ended is not looked at",
          "[wait]") {
    a_notifier hub;
    const std::vector<instance_id> order = ids({"order"});
    hub.shared_notifier.set_listening({true, true});
    hub.shared_notifier.begin_starts(order);

    SECTION("until somebody tells of its end") {
        CHECK_FALSE(hub.shared_notifier.wait(order, in(5ms)));
        CHECK(hub.store.looks() == 0);
        auto waiting =
            std::async(std::launch::async, [&] { return hub.shared_notifier.wait(order, in(patience)); });
        hub.store.add("order");
        hub.shared_notifier.hear_of_ends(ids({"order"}));
        CHECK(waiting.get());
    }
    SECTION("but when others are waited for, too") {
        CHECK_FALSE(hub.shared_notifier.wait(ids({"order", "invoice"}), in(5ms)));
        CHECK(hub.store.looks() == 1);
    }
    SECTION("but when it has ended meanwhile, as another process tells") {
        hub.store.add("order");
        hub.shared_notifier.hear_of_ends(ids({"order"}));
        CHECK(hub.shared_notifier.wait(order, in(patience)));
        CHECK(hub.store.looks() == 1);
    }
    SECTION("but when it has ended meanwhile, as this one tells") {
        hub.store.add("order");
        hub.shared_notifier.announce({.ended = ids({"order"})});
        CHECK(hub.shared_notifier.wait(order, in(patience)));
    }
    SECTION("but when anything may have ended") {
        hub.store.add("order");
        hub.shared_notifier.hear_of_some_ends();
        CHECK(hub.shared_notifier.wait(order, in(patience)));
    }
    SECTION("but when for a time nobody has listened") {
        hub.store.add("order");
        hub.shared_notifier.set_listening({});
        hub.shared_notifier.set_listening({true, true});
        CHECK(hub.shared_notifier.wait(order, in(patience)));
    }
    SECTION("but when the start has failed") {
        hub.store.add("order");
        hub.shared_notifier.forget_start(order.front());
        CHECK(hub.shared_notifier.wait(order, in(patience)));
    }
    SECTION("but when it is long ago") {
        for (int n = 0; n < 1000; ++n) {
            hub.shared_notifier.begin_starts(ids({"later-" + std::to_string(n)}));
        }
        hub.store.add("order");
        CHECK(hub.shared_notifier.wait(order, in(patience)));
    }
}

TEST_CASE("notifier: who relied on a start that failed looks then", "[wait]") {
    a_notifier hub;
    const std::vector<instance_id> order = ids({"order"});
    hub.shared_notifier.set_listening({true, true});
    hub.shared_notifier.begin_starts(order);
    auto waiting =
        std::async(std::launch::async, [&] { return hub.shared_notifier.wait(order, in(patience)); });
    while (hub.shared_notifier.awaited().empty()) {
        std::this_thread::yield();
    }
    hub.store.add("order");

    hub.shared_notifier.forget_start(order.front());

    CHECK(waiting.get());
    CHECK(hub.store.looks() == 1);
}

TEST_CASE("notifier: after a call that failed nobody relies on starts", "[wait]") {
    a_notifier hub;
    hub.shared_notifier.set_listening({true, true});
    hub.shared_notifier.begin_starts(ids({"order"}));
    hub.store.add("order");

    hub.shared_notifier.forget_starts();

    CHECK(hub.shared_notifier.wait(ids({"order"}), in(patience)));
}

TEST_CASE("notifier: what is created while nobody listens is looked at", "[wait]") {
    a_notifier hub;
    hub.store.add("order");
    hub.shared_notifier.begin_starts(ids({"order"}));
    hub.shared_notifier.set_listening({true, true});

    CHECK(hub.shared_notifier.wait(ids({"order"}), in(patience)));
}

TEST_CASE("notifier: the end of an instance ends the wait without another poll", "[wait]") {
    a_notifier hub;
    hub.shared_notifier.set_listening({true, true});
    const std::vector<instance_id> awaited = ids({"invoice", "order"});
    auto waiting =
        std::async(std::launch::async, [&] { return hub.shared_notifier.wait(awaited, in(patience)); });
    hub.store.await_polls(1);
    SECTION("announced here") {
        changes news;
        news.ended = ids({"refund", "order"});
        hub.shared_notifier.announce(news);
    }
    SECTION("heard of by the listener") {
        hub.shared_notifier.hear_of_ends(ids({"refund", "order"}));
    }
    CHECK(waiting.get());
    CHECK(hub.store.looks() == 1);
}

TEST_CASE("notifier: that something ended makes the waiters look", "[wait]") {
    a_notifier hub;
    hub.shared_notifier.set_listening({true, true});
    const std::vector<instance_id> awaited = ids({"order"});
    auto waiting =
        std::async(std::launch::async, [&] { return hub.shared_notifier.wait(awaited, in(patience)); });
    hub.store.await_polls(1);
    hub.store.add("order");
    SECTION("in another process") {
        hub.shared_notifier.hear_of_some_ends();
    }
    SECTION("when the hub is emptied here") {
        changes all;
        all.any_may_have_ended = true;
        hub.shared_notifier.announce(all);
    }
    CHECK(waiting.get());
    CHECK(hub.store.looks() == 2);
}

TEST_CASE("notifier: while nobody listens one poll in a while serves all waiters",
          "[wait][WAKE-3]") {
    constexpr int count = 8;
    a_notifier hub({20ms, 20ms, 1h, 1h});
    std::vector<std::future<bool>> waiting;
    for (int n = 0; n < count; ++n) {
        waiting.push_back(std::async(std::launch::async, [&hub, n] {
            return hub.shared_notifier.wait(ids({"order " + std::to_string(n)}), in(patience));
        }));
    }
    const auto begun = steady::now();
    hub.store.await_polls(2 * count);
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

TEST_CASE("notifier: an error of the store reaches every waiter") {
    a_notifier hub;
    hub.store.fail();
    std::vector<std::future<bool>> waiting;
    for (int n = 0; n < 4; ++n) {
        waiting.push_back(std::async(
            std::launch::async, [&] { return hub.shared_notifier.wait(ids({"order"}), in(patience)); }));
    }
    for (auto& each : waiting) {
        CHECK_THROWS_AS(each.get(), backend_error);
    }
}

TEST_CASE("notifier: a record that comes with the news of an end is for who wants it", "[wait]") {
    a_notifier hub;
    const std::vector<instance_id> order = ids({"order"});
    hub.shared_notifier.set_listening({true, true});
    CHECK_FALSE(hub.shared_notifier.is_record_wanted(order.front()));
    const store_poll before = hub.shared_notifier.begin_poll();
    auto wanting = std::async(std::launch::async, [&] {
        return hub.shared_notifier.wait_for_record(order.front(), in(patience));
    });
    auto waiting = std::async(std::launch::async, [&] {
        return hub.shared_notifier.wait(ids({"invoice", "order"}), in(patience));
    });
    while (!hub.shared_notifier.is_record_wanted(order.front()) || hub.shared_notifier.awaited().size() < 2) {
        std::this_thread::yield();
    }
    const store_poll after = hub.shared_notifier.begin_poll();
    const instance_record record{
        order.front(), {}, "Order", {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};

    SECTION("it comes with them") {
        hub.shared_notifier.announce(
            {.ended = ids({"order"}), .ended_record = record, .poll_number = after.number});
        CHECK(wanting.get() == record);
    }
    SECTION("it is of a call that began before the wait") {
        hub.shared_notifier.announce(
            {.ended = ids({"order"}), .ended_record = record, .poll_number = before.number});
        CHECK_FALSE(wanting.get());
    }
    SECTION("it does not") {
        hub.shared_notifier.hear_of_ends(ids({"order"}));
        CHECK_FALSE(wanting.get());
    }
    CHECK(waiting.get());
    CHECK_FALSE(hub.shared_notifier.is_record_wanted(order.front()));
}

TEST_CASE("notifier: who wants a record and waits in vain has none", "[wait]") {
    a_notifier hub;

    CHECK_FALSE(hub.shared_notifier.wait_for_record(ids({"order"}).front(), in(5ms)));
}

}  // namespace perdure::postgres
