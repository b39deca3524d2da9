#define CATCH_CONFIG_FAST_COMPILE
#include "scenarios/handed_out.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <thread>

using namespace perdure;
using namespace perdure::conformance;

TEST_CASE_METHOD(fixture,
                 "the inbox comes in the order in which it became visible",
                 "[LOCK-5][TIME-2]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.timers = {a_timer(1, now() + 2 * moment)};
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    new_message late = a_message(work.instance, "late");
    late.visible_at = now() + 4 * moment;
    REQUIRE(send(late) == send_outcome::accepted);
    raise(work.instance, "first");
    raise(work.instance, "second");
    advance(3 * moment);
    raise(work.instance, "third");

    CHECK(inbox(work.instance) ==
          std::vector<std::string>{
              an_event("first"), an_event("second"), an_event("timer fired 1"), an_event("third")});
    advance(2 * moment);
    CHECK(inbox(work.instance).back() == an_event("late"));
}

TEST_CASE_METHOD(fixture,
                 "a message that was due before it arrived is ordered by its arrival",
                 "[LOCK-5]") {
    const instance_id id = pending_instance();
    raise(id, "first");
    new_message overdue = a_message(id, "overdue");
    overdue.visible_at = now() - 5 * moment;
    REQUIRE(send(overdue) == send_outcome::accepted);

    CHECK(inbox(id) == std::vector<std::string>{an_event("first"), an_event("overdue")});
}

TEST_CASE_METHOD(fixture,
                 "a limit on messages cuts a prefix, and the rest comes in later turns",
                 "[LOCK-5]") {
    const instance_id id = pending_instance();
    std::vector<new_message> messages;
    std::vector<std::string> sent;
    for (int i = 0; i < 25; ++i) {
        messages.push_back(a_message(id, "message " + std::to_string(i)));
        sent.push_back(messages.back().event);
    }
    REQUIRE(store.send({a_request()}, messages).outcomes.size() == messages.size());
    std::vector<std::string> received;
    lock_request wanted = request({1, 0});
    wanted.messages = 10;
    std::vector<std::size_t> portions;
    while (received.size() < sent.size()) {
        wanted.request = a_request();
        const work_batch batch = store.lock(wanted);
        REQUIRE(batch.orchestrations.size() == 1);
        const orchestration_work& work = batch.orchestrations.front();
        for (const std::string& event : events_of(work.inbox)) {
            received.push_back(event);
        }
        portions.push_back(work.inbox.size());
        REQUIRE(commit_one(turn_of(work)) == commit_outcome::committed);
    }

    CHECK(received == sent);
    CHECK(portions == std::vector<std::size_t>{10, 10, 5});
    CHECK_FALSE(is_ready(id));
}

TEST_CASE_METHOD(fixture,
                 "what several senders sent at once stays in each one's order",
                 "[LOCK-5]") {
    const instance_id id = pending_instance();
    constexpr int count = 20;
    {
        std::vector<std::jthread> threads;
        for (const char* sender : {"a", "b", "c"}) {
            threads.emplace_back([&, sender] {
                for (int i = 0; i < count; ++i) {
                    const new_message message = a_message(id, sender + std::to_string(100 + i));
                    static_cast<void>(store.send({a_request()}, {&message, 1}));
                }
            });
        }
    }

    const std::vector<std::string> received = inbox(id);
    REQUIRE(received.size() == 3 * count);
    std::map<char, std::vector<std::string>> by_sender;
    for (const std::string& event : received) {
        by_sender[event[an_event("").size() - 2]].push_back(event);
    }
    REQUIRE(by_sender.size() == 3);
    for (const auto& [sender, events] : by_sender) {
        CHECK(std::ranges::is_sorted(events));
    }
}

TEST_CASE_METHOD(fixture,
                 "an activity with a higher priority goes first, then the oldest",
                 "[LOCK-6]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.activities = {an_activity(1)};
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    advance(moment);
    raise(work.instance);
    turn = turn_of(lease(work.instance));
    turn.activities = {an_activity(2), an_activity(3), an_activity(4)};
    turn.activities[0].priority = 5;
    turn.activities[2].priority = -1;
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    std::vector<std::uint64_t> order;
    for (int i = 0; i < 4; ++i) {
        for (const std::uint64_t task : tasks_of(lock({0, 1}))) {
            order.push_back(task);
        }
    }

    CHECK(order == std::vector<std::uint64_t>{2, 1, 3, 4});
}

TEST_CASE_METHOD(fixture, "the instance that has been ready for longest goes first", "[LOCK-6]") {
    new_instance scheduled = a_new_instance();
    scheduled.start_at = now() + 2 * moment;
    create(scheduled);
    const instance_id first = pending_instance();
    advance(moment);
    const instance_id second = pending_instance();
    advance(2 * moment);
    const instance_id last = pending_instance();
    raise(first, "more for the first");

    std::vector<instance_id> order;
    for (int i = 0; i < 4; ++i) {
        for (const instance_id& id : ids_of(lock({1, 0}))) {
            order.push_back(id);
        }
    }

    CHECK(order == std::vector<instance_id>{first, second, scheduled.instance, last});
}

TEST_CASE_METHOD(fixture,
                 "an activity that is returned keeps its priority",
                 "[LOCK-6][GIVE-1][ABANDON-1]") {
    finished_turn turn = turn_of(leased());
    turn.activities = {an_activity(1), an_activity(2)};
    turn.activities.back().priority = 5;
    const std::vector<activity_work> both = hand_off({turn}, {}, {0, 2}).work.activities;
    REQUIRE(both.size() == 2);
    const bool is_given_back = GENERATE(true, false);
    for (const activity_work& task : both) {
        REQUIRE((is_given_back ? give_back(held(task)) : abandon(held(task))) ==
                lease_outcome::done);
    }

    CHECK(lock({0, 1}).activities.at(0).task == task_id{2});
}

TEST_CASE_METHOD(fixture,
                 "what has been ready equally long goes in the order of its creation",
                 "[LOCK-6]") {
    constexpr std::size_t count = 5;
    std::vector<std::string> expected;
    std::vector<std::string> found;
    SECTION("instances that one call creates") {
        std::vector<new_instance> fresh;
        for (std::size_t n = 0; n < count; ++n) {
            fresh.push_back(a_new_instance());
            expected.push_back(fresh.back().instance.text());
        }
        REQUIRE(store.create({a_request()}, fresh).outcomes.size() == count);
        for (std::size_t n = 0; n < count; ++n) {
            found.push_back(lock({1, 0}).orchestrations.at(0).instance.text());
        }
    }
    SECTION("activities that one checkpoint schedules") {
        finished_turn turn = turn_of(leased());
        for (std::size_t n = 1; n <= count; ++n) {
            turn.activities.push_back(an_activity(n));
            expected.push_back(std::to_string(n));
        }
        REQUIRE(commit_one(turn) == commit_outcome::committed);
        for (std::size_t n = 0; n < count; ++n) {
            found.push_back(std::to_string(lock({0, 1}).activities.at(0).task.value));
        }
    }
    SECTION("suspects whose leases one call gave") {
        finished_turn turn = turn_of(leased());
        for (std::size_t n = 1; n <= count; ++n) {
            turn.activities.push_back(an_activity(n));
            expected.push_back(std::to_string(n));
        }
        REQUIRE(hand_off({turn}, {}, {0, count}).work.activities.size() == count);
        advance(11 * moment);
        for (std::size_t n = 0; n < count; ++n) {
            found.push_back(std::to_string(lock_suspects().activities.at(0).task.value));
        }
    }

    CHECK(found == expected);
}
