#include "a_notifier.hpp"

namespace perdure::postgres {

TEST_CASE("notifier: what is announced after a poll began ends the wait", "[WAKE-1]") {
    a_notifier hub;
    const store_poll begun = hub.shared_notifier.begin_poll();
    hub.shared_notifier.announce({true});

    const wake_token woken = hub.shared_notifier.wait_for_work(begun.token, in(patience));

    CHECK(woken.value != begun.token.value);
    CHECK(hub.shared_notifier.wait_for_work(woken, in(1ms)).value == woken.value);
}

TEST_CASE("notifier: a sleeper is woken by an announcement", "[WAKE-1]") {
    a_notifier hub;
    hub.shared_notifier.set_listening({true, true});
    const wake_token token = hub.now();
    auto waiting = std::async(std::launch::async,
                              [&] { return hub.shared_notifier.wait_for_work(token, in(patience)); });
    SECTION("of this process") {
        hub.shared_notifier.announce({true});
    }
    SECTION("of another one") {
        hub.shared_notifier.hear_of_work();
    }
    SECTION("that the hub was emptied") {
        changes all;
        all.any_may_have_ended = true;
        hub.shared_notifier.announce(all);
    }
    CHECK(waiting.get().value != token.value);
}

TEST_CASE("notifier: while nobody listens a wait lasts as long as the poll interval", "[WAKE-3]") {
    a_notifier hub({20ms, 40ms, 1h, 1h});
    wake_token token = hub.now();
    for (const auto interval : {20ms, 40ms, 40ms}) {
        const auto begun = steady::now();
        const wake_token woken = hub.shared_notifier.wait_for_work(token, in(patience));
        CHECK(woken.value != token.value);
        CHECK(steady::now() - begun >= interval);
        token = woken;
    }
}

TEST_CASE(
    "notifier: while somebody listens, or until the interval is over, nothing ends a wait early",
    "[WAKE-1]") {
    a_notifier hub({20ms, 20ms, 1h, 1h});
    const wake_token token = hub.now();
    CHECK(hub.shared_notifier.wait_for_work(token, in(5ms)).value == token.value);

    hub.shared_notifier.set_listening({true, false});
    CHECK(hub.shared_notifier.wait_for_work(token, in(50ms)).value == token.value);
}

TEST_CASE("notifier: the loss of the listener makes sleepers poll", "[WAKE-3]") {
    a_notifier hub({10ms, 10ms, 1h, 1h});
    hub.shared_notifier.set_listening({true, true});
    const wake_token token = hub.now();
    const std::vector<instance_id> awaited = ids({"order"});
    auto working = std::async(std::launch::async,
                              [&] { return hub.shared_notifier.wait_for_work(token, in(patience)); });
    auto ending =
        std::async(std::launch::async, [&] { return hub.shared_notifier.wait(awaited, in(patience)); });
    hub.store.await_polls(1);
    hub.store.add("order");

    hub.shared_notifier.set_listening({});

    CHECK(working.get().value != token.value);
    CHECK(ending.get());
}

TEST_CASE("notifier: what falls due by the store's clock ends the wait, and not before",
          "[WAKE-2]") {
    a_notifier hub;
    hub.shared_notifier.set_listening({true, true});
    const auto begun = steady::now();
    wake_token token = hub.finds_nothing(orders).token;
    SECTION("known from a poll") {
        token = hub.finds_nothing(orders, noon + 30ms).token;
    }
    SECTION("put down by a call") {
        hub.shared_notifier.announce({false, noon + 30ms});
    }
    SECTION("known from the listener") {
        hub.shared_notifier.hear_of_due(noon + 30ms);
    }
    CHECK(hub.shared_notifier.wait_for_work(token, in(patience)).value != token.value);
    CHECK(steady::now() - begun >= 30ms);
    CHECK_FALSE(hub.shared_notifier.cached_empty_poll(orders));
}

TEST_CASE("notifier: each question has its own next due time", "[WAKE-2]") {
    a_notifier hub;
    hub.shared_notifier.set_listening({true, true});
    hub.finds_nothing(orders, noon + 10ms);
    const wake_token token = hub.finds_nothing(refunds, noon + 1h).token;

    CHECK(hub.shared_notifier.wait_for_work(token, in(patience)).value != token.value);
    // That of the other question is still known.
    const store_poll begun = hub.shared_notifier.begin_poll();
    hub.shared_notifier.hear_time(begun, noon + 2h);
    CHECK(hub.shared_notifier.wait_for_work(begun.token, in(patience)).value != begun.token.value);
}

TEST_CASE("notifier: a sleeper learns that the store's clock was moved", "[WAKE-2]") {
    a_notifier hub;
    hub.shared_notifier.set_listening({true, true});
    const wake_token token = hub.finds_nothing(orders, noon + 1h).token;
    auto waiting = std::async(std::launch::async,
                              [&] { return hub.shared_notifier.wait_for_work(token, in(patience)); });

    hub.shared_notifier.hear_time(hub.shared_notifier.begin_poll(), noon + 1h);

    CHECK(waiting.get().value != token.value);
}

TEST_CASE("notifier: an empty answer is good until something happens", "[WAKE-1]") {
    a_notifier hub;
    hub.shared_notifier.set_listening({true, false});
    const store_poll begun = hub.finds_nothing(orders, noon + 1h);
    REQUIRE(hub.shared_notifier.cached_empty_poll(orders));
    CHECK(hub.shared_notifier.cached_empty_poll(orders)->token.value == begun.token.value);
    // The local clock is finer, and rounded to be never ahead.
    CHECK(hub.shared_notifier.cached_empty_poll(orders)->store_time >= noon - 1us);
    CHECK(hub.shared_notifier.cached_empty_poll(orders)->store_time < noon + 1h);
    CHECK_FALSE(hub.shared_notifier.cached_empty_poll(refunds));

    SECTION("an announcement") {
        hub.shared_notifier.announce({true});
    }
    SECTION("another process") {
        hub.shared_notifier.hear_of_work();
    }
    SECTION("something due") {
        hub.shared_notifier.hear_time(hub.shared_notifier.begin_poll(), noon + 2h);
    }
    SECTION("the loss of the listener") {
        hub.shared_notifier.set_listening({});
    }
    SECTION("a poll that found something") {
        const store_poll next = hub.shared_notifier.begin_poll(orders);
        hub.shared_notifier.end_poll(next, {noon, never, false});
    }
    SECTION("a poll without an answer, which may be repeated [REPEAT-1]") {
        static_cast<void>(hub.shared_notifier.begin_poll(orders));
    }
    SECTION("an interruption") {
        hub.shared_notifier.interrupt();
    }
    CHECK_FALSE(hub.shared_notifier.cached_empty_poll(orders));
}

TEST_CASE("notifier: an empty answer grows old") {
    a_notifier hub({1h, 1h, 0s, 1h});
    hub.shared_notifier.set_listening({true, false});
    hub.finds_nothing(orders);

    CHECK_FALSE(hub.shared_notifier.cached_empty_poll(orders));
}

TEST_CASE("notifier: what was announced during a poll makes its empty answer worthless",
          "[WAKE-1]") {
    a_notifier hub;
    hub.shared_notifier.set_listening({true, false});
    const store_poll begun = hub.shared_notifier.begin_poll(orders);
    hub.shared_notifier.announce({true});
    hub.shared_notifier.end_poll(begun, {noon, never, true});

    CHECK_FALSE(hub.shared_notifier.cached_empty_poll(orders));
}

TEST_CASE("notifier: an interruption ends all waits, present and future") {
    a_notifier hub;
    hub.shared_notifier.set_listening({true, true});
    const wake_token token = hub.now();
    auto working = std::async(std::launch::async,
                              [&] { return hub.shared_notifier.wait_for_work(token, in(patience)); });
    auto ending = std::async(std::launch::async,
                             [&] { return hub.shared_notifier.wait(ids({"order"}), in(patience)); });
    hub.store.await_polls(1);

    hub.shared_notifier.interrupt();

    static_cast<void>(working.get());
    CHECK_FALSE(ending.get());
    const auto begun = steady::now();
    static_cast<void>(hub.shared_notifier.wait_for_work(hub.now(), in(patience)));
    CHECK_FALSE(hub.shared_notifier.wait(ids({"order"}), in(patience)));
    CHECK(steady::now() - begun < patience / 2);
}

TEST_CASE("notifier: the carrier is stirred by the first sleeper and by the first news") {
    a_notifier hub;
    idle_carrier carrier;
    hub.shared_notifier.attach(&carrier);
    CHECK(hub.shared_notifier.wanted().wanted == sleepers{});

    const wake_token token = hub.shared_notifier.wait_for_work(hub.now(), in(1ms));
    CHECK(carrier.stirred == 1);
    // It slept a moment ago.
    const notifier::wishes wishes = hub.shared_notifier.wanted();
    CHECK(wishes.wanted == sleepers{true, false});
    CHECK(wishes.until > in(30min));
    static_cast<void>(hub.shared_notifier.wait_for_work(token, in(1ms)));
    CHECK(carrier.stirred == 1);

    hub.shared_notifier.announce({true});
    hub.shared_notifier.announce({true});
    CHECK(carrier.stirred == 2);
    CHECK(hub.shared_notifier.take_news().work);
    CHECK_FALSE(hub.shared_notifier.has_news());
    hub.shared_notifier.attach(nullptr);
}

TEST_CASE("notifier: other processes hear of a due time only if it is news") {
    a_notifier hub;
    idle_carrier carrier;
    hub.shared_notifier.attach(&carrier);

    hub.shared_notifier.announce({false, noon, false});
    CHECK_FALSE(hub.shared_notifier.has_news());
    hub.shared_notifier.announce({false, never, true});
    CHECK_FALSE(hub.shared_notifier.has_news());
    hub.shared_notifier.announce({false, noon, true});
    CHECK(hub.shared_notifier.take_news().work);
    hub.shared_notifier.attach(nullptr);
}

TEST_CASE("notifier: of very many ends not every one is named") {
    a_notifier hub;
    idle_carrier carrier;
    hub.shared_notifier.attach(&carrier);
    changes news;
    for (int n = 0; n < 600; ++n) {
        news.ended.emplace_back("order " + std::to_string(n));
    }
    hub.shared_notifier.announce(news);
    CHECK_FALSE(hub.shared_notifier.take_news().others_ended);
    hub.shared_notifier.announce(news);
    hub.shared_notifier.announce(news);
    const unsent_news told = hub.shared_notifier.take_news();
    CHECK(told.others_ended);
    CHECK(told.ended.size() == 1000);
    hub.shared_notifier.attach(nullptr);
}

TEST_CASE("notifier: many threads wait and announce at once") {
    a_notifier hub({1ms, 2ms, 1ms, 1ms});
    std::vector<std::jthread> threads;
    std::atomic<int> heard = 0;
    for (int n = 0; n < 4; ++n) {
        threads.emplace_back([&hub, &heard, n] {
            const auto id = "order " + std::to_string(n);
            for (int round = 0; round < 200; ++round) {
                const store_poll begun = hub.shared_notifier.begin_poll(orders);
                hub.shared_notifier.end_poll(begun, {noon, noon + 1ms, round % 2 == 0});
                static_cast<void>(hub.shared_notifier.cached_empty_poll(orders));
                changes news;
                news.ready = round % 3 == 0;
                news.ended = ids({"order " + std::to_string((n + 1) % 4)});
                hub.shared_notifier.announce(news);
                static_cast<void>(hub.shared_notifier.wait_for_work(begun.token, in(1ms)));
                heard += hub.shared_notifier.wait(ids({id}), in(1ms)) ? 1 : 0;
            }
        });
    }
    std::jthread listening([&hub](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            hub.shared_notifier.set_listening({true, true});
            hub.shared_notifier.hear_of_some_ends();
            hub.shared_notifier.hear_of_ends(hub.shared_notifier.awaited());
            hub.shared_notifier.set_listening({});
            std::this_thread::yield();
        }
    });
    threads.clear();
    CHECK(heard > 0);
}

}  // namespace perdure::postgres
