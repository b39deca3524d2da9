#include "a_bell.hpp"

namespace perdure::postgres {

TEST_CASE("bell: what is announced after a look began ends the wait", "[WAKE-1]") {
    a_bell hub;
    const look begun = hub.rings.begin_look();
    hub.rings.announce({true});

    const wake_token woken = hub.rings.wait_for_work(begun.token, in(patience));

    CHECK(woken.value != begun.token.value);
    CHECK(hub.rings.wait_for_work(woken, in(1ms)).value == woken.value);
}

TEST_CASE("bell: a sleeper is woken by an announcement", "[WAKE-1]") {
    a_bell hub;
    hub.rings.set_listening({true, true});
    const wake_token token = hub.now();
    auto waiting = std::async(std::launch::async,
                              [&] { return hub.rings.wait_for_work(token, in(patience)); });
    SECTION("of this process") {
        hub.rings.announce({true});
    }
    SECTION("of another one") {
        hub.rings.hear_of_work();
    }
    SECTION("that the hub was emptied") {
        tidings all;
        all.any_may_have_ended = true;
        hub.rings.announce(all);
    }
    CHECK(waiting.get().value != token.value);
}

TEST_CASE("bell: while nobody listens a wait lasts as long as the poll interval", "[WAKE-3]") {
    a_bell hub({20ms, 40ms, 1h, 1h});
    wake_token token = hub.now();
    for (const auto interval : {20ms, 40ms, 40ms}) {
        const auto begun = steady::now();
        const wake_token woken = hub.rings.wait_for_work(token, in(patience));
        CHECK(woken.value != token.value);
        CHECK(steady::now() - begun >= interval);
        token = woken;
    }
}

TEST_CASE("bell: while somebody listens, or until the interval is over, nothing ends a wait early",
          "[WAKE-1]") {
    a_bell hub({20ms, 20ms, 1h, 1h});
    const wake_token token = hub.now();
    CHECK(hub.rings.wait_for_work(token, in(5ms)).value == token.value);

    hub.rings.set_listening({true, false});
    CHECK(hub.rings.wait_for_work(token, in(50ms)).value == token.value);
}

TEST_CASE("bell: the loss of the listener makes sleepers poll", "[WAKE-3]") {
    a_bell hub({10ms, 10ms, 1h, 1h});
    hub.rings.set_listening({true, true});
    const wake_token token = hub.now();
    const std::vector<instance_id> awaited = ids({"order"});
    auto working = std::async(std::launch::async,
                              [&] { return hub.rings.wait_for_work(token, in(patience)); });
    auto ending =
        std::async(std::launch::async, [&] { return hub.rings.wait(awaited, in(patience)); });
    hub.store.await_looks(1);
    hub.store.add("order");

    hub.rings.set_listening({});

    CHECK(working.get().value != token.value);
    CHECK(ending.get());
}

TEST_CASE("bell: what falls due by the store's clock ends the wait, and not before", "[WAKE-2]") {
    a_bell hub;
    hub.rings.set_listening({true, true});
    const auto begun = steady::now();
    wake_token token = hub.finds_nothing(orders).token;
    SECTION("known from a look") {
        token = hub.finds_nothing(orders, noon + 30ms).token;
    }
    SECTION("put down by a call") {
        hub.rings.announce({false, noon + 30ms});
    }
    SECTION("known from the listener") {
        hub.rings.hear_of_due(noon + 30ms);
    }
    CHECK(hub.rings.wait_for_work(token, in(patience)).value != token.value);
    CHECK(steady::now() - begun >= 30ms);
    CHECK_FALSE(hub.rings.quiet(orders));
}

TEST_CASE("bell: each question has its own next due time", "[WAKE-2]") {
    a_bell hub;
    hub.rings.set_listening({true, true});
    hub.finds_nothing(orders, noon + 10ms);
    const wake_token token = hub.finds_nothing(refunds, noon + 1h).token;

    CHECK(hub.rings.wait_for_work(token, in(patience)).value != token.value);
    // That of the other question is still known.
    const look begun = hub.rings.begin_look();
    hub.rings.hear_time(begun, noon + 2h);
    CHECK(hub.rings.wait_for_work(begun.token, in(patience)).value != begun.token.value);
}

TEST_CASE("bell: a sleeper learns that the store's clock was moved", "[WAKE-2]") {
    a_bell hub;
    hub.rings.set_listening({true, true});
    const wake_token token = hub.finds_nothing(orders, noon + 1h).token;
    auto waiting = std::async(std::launch::async,
                              [&] { return hub.rings.wait_for_work(token, in(patience)); });

    hub.rings.hear_time(hub.rings.begin_look(), noon + 1h);

    CHECK(waiting.get().value != token.value);
}

TEST_CASE("bell: an empty answer is good until something happens", "[WAKE-1]") {
    a_bell hub;
    hub.rings.set_listening({true, false});
    const look begun = hub.finds_nothing(orders, noon + 1h);
    REQUIRE(hub.rings.quiet(orders));
    CHECK(hub.rings.quiet(orders)->token.value == begun.token.value);
    // The local clock is finer, and rounded to be never ahead.
    CHECK(hub.rings.quiet(orders)->store_time >= noon - 1us);
    CHECK(hub.rings.quiet(orders)->store_time < noon + 1h);
    CHECK_FALSE(hub.rings.quiet(refunds));

    SECTION("an announcement") {
        hub.rings.announce({true});
    }
    SECTION("another process") {
        hub.rings.hear_of_work();
    }
    SECTION("something due") {
        hub.rings.hear_time(hub.rings.begin_look(), noon + 2h);
    }
    SECTION("the loss of the listener") {
        hub.rings.set_listening({});
    }
    SECTION("a look that found something") {
        const look next = hub.rings.begin_look(orders);
        hub.rings.end_look(next, {noon, never, false});
    }
    SECTION("a look without an answer, which may be repeated [REPEAT-1]") {
        static_cast<void>(hub.rings.begin_look(orders));
    }
    SECTION("an interruption") {
        hub.rings.interrupt();
    }
    CHECK_FALSE(hub.rings.quiet(orders));
}

TEST_CASE("bell: an empty answer grows old") {
    a_bell hub({1h, 1h, 0s, 1h});
    hub.rings.set_listening({true, false});
    hub.finds_nothing(orders);

    CHECK_FALSE(hub.rings.quiet(orders));
}

TEST_CASE("bell: what was announced during a look makes its empty answer worthless", "[WAKE-1]") {
    a_bell hub;
    hub.rings.set_listening({true, false});
    const look begun = hub.rings.begin_look(orders);
    hub.rings.announce({true});
    hub.rings.end_look(begun, {noon, never, true});

    CHECK_FALSE(hub.rings.quiet(orders));
}

TEST_CASE("bell: an interruption ends all waits, present and future") {
    a_bell hub;
    hub.rings.set_listening({true, true});
    const wake_token token = hub.now();
    auto working = std::async(std::launch::async,
                              [&] { return hub.rings.wait_for_work(token, in(patience)); });
    auto ending = std::async(std::launch::async,
                             [&] { return hub.rings.wait(ids({"order"}), in(patience)); });
    hub.store.await_looks(1);

    hub.rings.interrupt();

    static_cast<void>(working.get());
    CHECK_FALSE(ending.get());
    const auto begun = steady::now();
    static_cast<void>(hub.rings.wait_for_work(hub.now(), in(patience)));
    CHECK_FALSE(hub.rings.wait(ids({"order"}), in(patience)));
    CHECK(steady::now() - begun < patience / 2);
}

TEST_CASE("bell: the messenger is stirred by the first sleeper and by the first news") {
    a_bell hub;
    idle_messenger carrier;
    hub.rings.employ(&carrier);
    CHECK(hub.rings.wanted().wanted == sleepers{});

    const wake_token token = hub.rings.wait_for_work(hub.now(), in(1ms));
    CHECK(carrier.stirred == 1);
    // It slept a moment ago.
    const bell::wishes wishes = hub.rings.wanted();
    CHECK(wishes.wanted == sleepers{true, false});
    CHECK(wishes.until > in(30min));
    static_cast<void>(hub.rings.wait_for_work(token, in(1ms)));
    CHECK(carrier.stirred == 1);

    hub.rings.announce({true});
    hub.rings.announce({true});
    CHECK(carrier.stirred == 2);
    CHECK(hub.rings.take_news().work);
    CHECK_FALSE(hub.rings.has_news());
    hub.rings.employ(nullptr);
}

TEST_CASE("bell: other processes hear of a due time only if it is news") {
    a_bell hub;
    idle_messenger carrier;
    hub.rings.employ(&carrier);

    hub.rings.announce({false, noon, false});
    CHECK_FALSE(hub.rings.has_news());
    hub.rings.announce({false, never, true});
    CHECK_FALSE(hub.rings.has_news());
    hub.rings.announce({false, noon, true});
    CHECK(hub.rings.take_news().work);
    hub.rings.employ(nullptr);
}

TEST_CASE("bell: of very many ends not every one is named") {
    a_bell hub;
    idle_messenger carrier;
    hub.rings.employ(&carrier);
    tidings news;
    for (int n = 0; n < 600; ++n) {
        news.ended.push_back("order " + std::to_string(n));
    }
    hub.rings.announce(news);
    CHECK_FALSE(hub.rings.take_news().others_ended);
    hub.rings.announce(news);
    hub.rings.announce(news);
    const unsent_news told = hub.rings.take_news();
    CHECK(told.others_ended);
    CHECK(told.ended.size() == 1000);
    hub.rings.employ(nullptr);
}

TEST_CASE("bell: many threads wait and announce at once") {
    a_bell hub({1ms, 2ms, 1ms, 1ms});
    std::vector<std::jthread> threads;
    std::atomic<int> heard = 0;
    for (int n = 0; n < 4; ++n) {
        threads.emplace_back([&hub, &heard, n] {
            const auto id = "order " + std::to_string(n);
            for (int round = 0; round < 200; ++round) {
                const look begun = hub.rings.begin_look(orders);
                hub.rings.end_look(begun, {noon, noon + 1ms, round % 2 == 0});
                static_cast<void>(hub.rings.quiet(orders));
                tidings news;
                news.ready = round % 3 == 0;
                news.ended = {"order " + std::to_string((n + 1) % 4)};
                hub.rings.announce(news);
                static_cast<void>(hub.rings.wait_for_work(begun.token, in(1ms)));
                heard += hub.rings.wait(ids({id}), in(1ms)) ? 1 : 0;
            }
        });
    }
    std::jthread listening([&hub](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            hub.rings.set_listening({true, true});
            hub.rings.hear_of_some_ends();
            hub.rings.hear_of_ends(hub.rings.awaited());
            hub.rings.set_listening({});
            std::this_thread::yield();
        }
    });
    threads.clear();
    CHECK(heard > 0);
}

}  // namespace perdure::postgres
