#include "waiting_locks.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <future>
#include <string>
#include <utility>
#include <vector>

namespace perdure::postgres {

namespace {

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;
using presence = waiting_locks::presence;
using claim = waiting_locks::claim;

constexpr auto patience = 20s;
constexpr std::int32_t order_lane = 7;
constexpr std::int32_t refund_lane = 8;

waiting_locks::taker a_taker(std::int32_t worker, std::vector<std::int32_t> definitions) {
    return {{random_uuid()}, {1}, worker, 15s, std::move(definitions)};
}

work_batch one_item(const std::string& id) {
    work_batch work;
    work.orchestrations.push_back({.instance = instance_id(id),
                                   .execution = {},
                                   .held = {},
                                   .name = {},
                                   .version = {},
                                   .history = {},
                                   .inbox = {}});
    return work;
}

struct a_process {
    bell rings{{}, [](const std::vector<std::string>&) { return std::vector<std::string>(); }};
    waiting_locks waiting{rings};
};

}  // namespace

TEST_CASE("waiting locks: who waits is claimed once, by its definitions, the longest first") {
    a_process here;
    CHECK(claim(here.waiting, order_lane).who() == nullptr);
    presence first(here.waiting, a_taker(1, {order_lane}));
    presence second(here.waiting, a_taker(2, {refund_lane, order_lane}));
    waiting_locks::taker any = a_taker(3, {});
    any.definitions.reset();
    presence third(here.waiting, any);

    const claim one(here.waiting, order_lane);
    const claim two(here.waiting, order_lane);
    const claim three(here.waiting, refund_lane);
    const claim four(here.waiting, order_lane);

    REQUIRE(one.who() != nullptr);
    CHECK(one.who()->worker == 1);
    CHECK(two.who()->worker == 2);
    CHECK(three.who()->worker == 3);
    CHECK(four.who() == nullptr);
}

TEST_CASE("waiting locks: what is given ends the wait, and comes with it") {
    a_process here;
    presence one(here.waiting, a_taker(1, {order_lane}));
    auto waiting = std::async(std::launch::async, [&] {
        return here.rings.wait_for_work(
            here.rings.begin_look().token, steady::now() + patience, [&] { return one.is_over(); });
    });
    const auto begun = steady::now();

    claim taken(here.waiting, order_lane);
    CHECK(taken.give(one_item("order-7")));

    waiting.wait();
    CHECK(steady::now() - begun < patience / 2);
    const presence::parting end = one.leave();
    REQUIRE(end.given);
    CHECK(end.given->orchestrations.at(0).instance.text() == "order-7");
    CHECK_FALSE(end.is_in_doubt);
}

TEST_CASE("waiting locks: who has left is given nothing") {
    a_process here;
    presence one(here.waiting, a_taker(1, {order_lane}));
    claim taken(here.waiting, order_lane);

    const presence::parting end = one.leave();

    CHECK_FALSE(end.given);
    CHECK_FALSE(end.is_in_doubt);
    CHECK_FALSE(taken.give(one_item("order-7")));
}

TEST_CASE("waiting locks: a call that fails leaves its worker in doubt, and ends the wait") {
    a_process here;
    presence one(here.waiting, a_taker(1, {order_lane}));

    { const claim taken(here.waiting, order_lane); }

    CHECK(one.is_over());
    CHECK(claim(here.waiting, order_lane).who() == nullptr);
    const presence::parting end = one.leave();
    CHECK(end.is_in_doubt);
    CHECK_FALSE(end.given);
}

TEST_CASE("waiting locks: what a call that failed may have leased is not forgotten") {
    a_process here;
    const waiting_locks::taker who = a_taker(1, {order_lane});
    {
        presence one(here.waiting, who);
        const claim taken(here.waiting, order_lane);
        static_cast<void>(one.leave());
    }

    CHECK_FALSE(here.waiting.take_orphan(2));
    const auto orphan = here.waiting.take_orphan(1);
    REQUIRE(orphan);
    CHECK(*orphan == who.request);
    CHECK_FALSE(here.waiting.take_orphan(1));
    here.waiting.return_orphan(1, *orphan);
    CHECK(here.waiting.take_orphan(1) == who.request);
}

TEST_CASE("waiting locks: who is released waits on, before the others") {
    a_process here;
    presence one(here.waiting, a_taker(1, {order_lane}));
    presence two(here.waiting, a_taker(2, {order_lane}));
    claim taken(here.waiting, order_lane);

    taken.release();

    CHECK_FALSE(one.is_over());
    const claim next(here.waiting, order_lane);
    REQUIRE(next.who() != nullptr);
    CHECK(next.who()->worker == 1);
}

}  // namespace perdure::postgres
