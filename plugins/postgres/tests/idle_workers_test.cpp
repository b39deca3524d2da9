#include "idle_workers.hpp"

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
using presence = idle_workers::presence;
using reservation = idle_workers::reservation;

constexpr auto patience = 20s;
constexpr std::int32_t order_work_key = 7;
constexpr std::int32_t refund_work_key = 8;

idle_workers::assignee an_assignee(std::int32_t worker, std::vector<std::int32_t> definitions) {
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
    notifier shared_notifier{
        {}, [](const std::vector<instance_id>&) { return std::vector<instance_id>(); }};
    idle_workers waiting{shared_notifier};
};

}  // namespace

TEST_CASE("waiting locks: who waits is reserved once, by its definitions, the longest first") {
    a_process here;
    CHECK(reservation(here.waiting, order_work_key).who() == nullptr);
    presence first(here.waiting, an_assignee(1, {order_work_key}));
    presence second(here.waiting, an_assignee(2, {refund_work_key, order_work_key}));
    idle_workers::assignee any = an_assignee(3, {});
    any.definitions.reset();
    presence third(here.waiting, any);

    const reservation one(here.waiting, order_work_key);
    const reservation two(here.waiting, order_work_key);
    const reservation three(here.waiting, refund_work_key);
    const reservation four(here.waiting, order_work_key);

    REQUIRE(one.who() != nullptr);
    CHECK(one.who()->worker == 1);
    CHECK(two.who()->worker == 2);
    CHECK(three.who()->worker == 3);
    CHECK(four.who() == nullptr);
}

TEST_CASE("waiting locks: what is given ends the wait, and comes with it") {
    a_process here;
    presence one(here.waiting, an_assignee(1, {order_work_key}));
    auto waiting = std::async(std::launch::async, [&] {
        return here.shared_notifier.wait_for_work(here.shared_notifier.begin_poll().token,
                                                  steady::now() + patience,
                                                  [&] { return one.is_over(); });
    });
    const auto begun = steady::now();

    reservation taken(here.waiting, order_work_key);
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
    presence one(here.waiting, an_assignee(1, {order_work_key}));
    reservation taken(here.waiting, order_work_key);

    const presence::parting end = one.leave();

    CHECK_FALSE(end.given);
    CHECK_FALSE(end.is_in_doubt);
    CHECK_FALSE(taken.give(one_item("order-7")));
}

TEST_CASE("waiting locks: a call that fails leaves its worker in doubt, and ends the wait") {
    a_process here;
    presence one(here.waiting, an_assignee(1, {order_work_key}));

    { const reservation taken(here.waiting, order_work_key); }

    CHECK(one.is_over());
    CHECK(reservation(here.waiting, order_work_key).who() == nullptr);
    const presence::parting end = one.leave();
    CHECK(end.is_in_doubt);
    CHECK_FALSE(end.given);
}

TEST_CASE("waiting locks: what a call that failed may have leased is not forgotten") {
    a_process here;
    const idle_workers::assignee who = an_assignee(1, {order_work_key});
    {
        presence one(here.waiting, who);
        const reservation taken(here.waiting, order_work_key);
        static_cast<void>(one.leave());
    }

    CHECK_FALSE(here.waiting.take_unconfirmed(2));
    const auto unconfirmed = here.waiting.take_unconfirmed(1);
    REQUIRE(unconfirmed);
    CHECK(*unconfirmed == who.request);
    CHECK_FALSE(here.waiting.take_unconfirmed(1));
    here.waiting.return_unconfirmed(1, *unconfirmed);
    CHECK(here.waiting.take_unconfirmed(1) == who.request);
}

TEST_CASE("waiting locks: who is released waits on, before the others") {
    a_process here;
    presence one(here.waiting, an_assignee(1, {order_work_key}));
    presence two(here.waiting, an_assignee(2, {order_work_key}));
    reservation taken(here.waiting, order_work_key);

    taken.release();

    CHECK_FALSE(one.is_over());
    const reservation next(here.waiting, order_work_key);
    REQUIRE(next.who() != nullptr);
    CHECK(next.who()->worker == 1);
}

}  // namespace perdure::postgres
