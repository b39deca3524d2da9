#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <thread>

using namespace perdure;
using namespace perdure::conformance;

namespace {

new_message with_id(new_message message, const std::string& id) {
    message.id = id;
    return message;
}

}  // namespace

TEST_CASE_METHOD(fixture, "a message to a missing instance is not stored", "[SEND-1]") {
    new_instance later = a_new_instance();

    CHECK(send(later.instance) == send_outcome::no_such_instance);

    CHECK_FALSE(find(later.instance));
    create(later);
    CHECK(get(later.instance).inbox_length == 0);
}

TEST_CASE_METHOD(fixture, "a message to a terminal instance is not stored", "[SEND-1]") {
    const auto status = GENERATE(orchestration_status::completed,
                                 orchestration_status::failed,
                                 orchestration_status::terminated);
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.status = status;
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    const instance_record before = get(work.instance);

    CHECK(send(work.instance) == send_outcome::instance_is_terminal);

    const instance_record after = get(work.instance);
    CHECK(after.inbox_length == 0);
    CHECK(after.status == status);
    CHECK(after.history_length == before.history_length);
    CHECK_FALSE(is_ready(work.instance));
}

TEST_CASE_METHOD(fixture,
                 "a message with an id that was accepted before is a duplicate",
                 "[SEND-2]") {
    const instance_id id = pending_instance();
    const instance_id neighbour = pending_instance();
    const new_message message = with_id(a_message(id), "m-1");
    REQUIRE(send(message) == send_outcome::accepted);

    CHECK(send(message) == send_outcome::duplicate);
    CHECK(send(with_id(a_message(id, "other text"), "m-1")) == send_outcome::duplicate);
    CHECK(send(with_id(a_message(id), "M-1")) == send_outcome::accepted);
    CHECK(send(with_id(a_message(neighbour), "m-1")) == send_outcome::accepted);

    CHECK(get(id).inbox_length == 2);
    CHECK(get(neighbour).inbox_length == 1);
}

TEST_CASE_METHOD(fixture, "messages without an id are never duplicates", "[SEND-2]") {
    const instance_id id = pending_instance();

    raise(id);
    raise(id);

    CHECK(get(id).inbox_length == 2);
}

TEST_CASE_METHOD(fixture, "a duplicate is known after the first one was consumed", "[SEND-2]") {
    const instance_id id = pending_instance();
    const new_message message = with_id(a_message(id), "m-1");
    REQUIRE(send(message) == send_outcome::accepted);
    REQUIRE(commit_one(turn_of(lease(id))) == commit_outcome::committed);

    CHECK(send(message) == send_outcome::duplicate);

    CHECK(get(id).inbox_length == 0);
    CHECK_FALSE(is_ready(id));
}

TEST_CASE_METHOD(fixture, "a duplicate is known across continue-as-new", "[SEND-2]") {
    const instance_id id = pending_instance();
    const new_message message = with_id(a_message(id), "m-1");
    REQUIRE(send(message) == send_outcome::accepted);
    REQUIRE(commit_one(next_execution_of(lease(id))) == commit_outcome::committed);

    CHECK(send(message) == send_outcome::duplicate);

    CHECK(get(id).inbox_length == 0);
}

TEST_CASE_METHOD(fixture, "an id is remembered among 10,000 others, and for 24 hours", "[SEND-2]") {
    const instance_id id = pending_instance();
    const new_message first = with_id(a_message(id), "first");
    REQUIRE(send(first) == send_outcome::accepted);

    SECTION("beyond 10,000 ids, within 24 hours") {
        for (int call = 0; call < 21; ++call) {
            std::vector<new_message> messages;
            for (int i = 0; i < 500; ++i) {
                messages.push_back(
                    with_id(a_message(id, "x"), std::to_string(call) + "/" + std::to_string(i)));
            }
            REQUIRE(store.send({a_request()}, messages).outcomes.back() == send_outcome::accepted);
        }
        CHECK(send(first) == send_outcome::duplicate);
    }
    SECTION("beyond 24 hours, while fewer than 10,000 ids came after it") {
        if (lacks(ability::test_clock)) {
            return;
        }
        advance(std::chrono::hours(25));
        REQUIRE(send(with_id(a_message(id), "second")) == send_outcome::accepted);
        CHECK(send(first) == send_outcome::duplicate);
    }
}

TEST_CASE_METHOD(fixture,
                 "of one message sent by many at once exactly one is accepted",
                 "[SEND-2]") {
    const instance_id id = pending_instance();
    const new_message message = with_id(a_message(id), "only once");
    std::vector<std::vector<send_outcome>> outcomes(4);
    {
        std::vector<std::jthread> threads;
        for (auto& outcome : outcomes) {
            threads.emplace_back([&] {
                outcome = store.send({a_request()}, {&message, 1}).outcomes;
            });
        }
    }

    CHECK(std::ranges::count(outcomes, std::vector{send_outcome::accepted}) == 1);
    CHECK(std::ranges::count(outcomes, std::vector{send_outcome::duplicate}) == 3);
    CHECK(get(id).inbox_length == 1);
}

TEST_CASE_METHOD(fixture,
                 "a message before the first turn is kept, with its task and content",
                 "[SEND-3]") {
    const instance_id id = pending_instance();
    new_message message = a_message(id);
    message.event = R"({"kind":"event_raised","data":"\u0000 '' 😀"})";
    message.task = {17};
    REQUIRE(send(message) == send_outcome::accepted);

    const orchestration_work work = lease(id);

    REQUIRE(work.inbox.size() == 1);
    CHECK(work.inbox.front().event == message.event);
    CHECK(work.inbox.front().task == task_id{17});
    CHECK(work.inbox.front().sequence != 0);
    CHECK(work.inbox.front().visible_at <= now());
    CHECK(get(id).inbox_length == 1);
}

TEST_CASE_METHOD(fixture,
                 "a message that arrives during a turn is kept for the next",
                 "[SEND-3][COMMIT-3]") {
    const orchestration_work work = leased();
    raise(work.instance, "during the turn");

    REQUIRE(commit_one(turn_of(work)) == commit_outcome::committed);

    CHECK(inbox(work.instance) == std::vector<std::string>{an_event("during the turn")});
}

TEST_CASE_METHOD(fixture, "a message to a suspended instance makes it ready", "[SEND-3]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.status = orchestration_status::suspended;
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    REQUIRE_FALSE(is_ready(work.instance));

    raise(work.instance);

    const orchestration_work again = lease(work.instance);
    CHECK(again.status == orchestration_status::suspended);
    CHECK(again.inbox.size() == 1);
}

TEST_CASE_METHOD(fixture,
                 "messages around continue-as-new are kept, in order",
                 "[SEND-3][COMMIT-6]") {
    const instance_id id = pending_instance();
    raise(id, "before");
    orchestration_work work = lease(id);
    raise(id, "during");
    finished_turn turn = next_execution_of(work);
    turn.consumed.clear();
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    raise(id, "after");

    CHECK(inbox(id) ==
          std::vector<std::string>{an_event("before"), an_event("during"), an_event("after")});
}

TEST_CASE_METHOD(fixture, "a message is kept over a lost turn", "[SEND-3]") {
    const instance_id id = pending_instance();
    raise(id, "once");
    const orchestration_work lost = lease(id);
    REQUIRE(abandon(held(lost)) == lease_outcome::done);

    CHECK(commit_one(turn_of(lost)) == commit_outcome::lease_lost);

    CHECK(inbox(id) == std::vector<std::string>{an_event("once")});
}

TEST_CASE_METHOD(fixture, "a message for an execution that is not current is dropped", "[SEND-4]") {
    const orchestration_work work = leased();
    const finished_turn turn = next_execution_of(work);
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    new_message old = a_message(work.instance, "for the old execution");
    old.execution = work.execution;
    new_message current = a_message(work.instance, "for the current execution");
    current.execution = turn.next->execution;

    CHECK(send(old) == send_outcome::accepted);
    CHECK(send(current) == send_outcome::accepted);

    CHECK(inbox(work.instance) == std::vector<std::string>{an_event("for the current execution")});
}

TEST_CASE_METHOD(fixture, "a dropped message does not make its instance ready", "[SEND-4]") {
    const instance_id id = idle_instance();
    new_message stray = a_message(id);
    stray.execution = an_execution();

    CHECK(send(stray) == send_outcome::accepted);

    CHECK_FALSE(is_ready(id));
    CHECK(get(id).inbox_length == 0);
}

TEST_CASE_METHOD(fixture, "a message is not seen before its time", "[TIME-2][SEND-3]") {
    const instance_id id = idle_instance();
    new_message late = a_message(id, "late");
    late.visible_at = now() + 2 * moment;
    REQUIRE(send(late) == send_outcome::accepted);

    CHECK_FALSE(is_ready(id));
    raise(id, "early");
    CHECK(inbox(id) == std::vector<std::string>{an_event("early")});
    CHECK(get(id).inbox_length == 2);
    advance(3 * moment);
    CHECK(inbox(id) == std::vector<std::string>{an_event("early"), an_event("late")});
    CHECK(lease(id).inbox.back().visible_at == late.visible_at);
}

TEST_CASE_METHOD(fixture,
                 "messages of many senders to one instance are all kept, once",
                 "[SEND-3]") {
    const instance_id id = pending_instance();
    constexpr std::size_t senders = 4;
    constexpr std::size_t each = 25;
    std::vector<std::string> seen;
    {
        std::vector<std::jthread> threads;
        for (std::size_t n = 0; n < senders; ++n) {
            threads.emplace_back([&, n] {
                for (std::size_t i = 0; i < each; ++i) {
                    const new_message message =
                        a_message(id, std::to_string(n) + "/" + std::to_string(i));
                    static_cast<void>(store.send({a_request()}, {&message, 1}));
                }
            });
        }
        // Turns go on meanwhile, so that sends and commits meet.
        while (seen.size() < senders * each) {
            const work_batch batch = lock({1, 0});
            for (const orchestration_work& work : batch.orchestrations) {
                std::ranges::copy(events_of(work.inbox), std::back_inserter(seen));
                REQUIRE(commit_one(turn_of(work)) == commit_outcome::committed);
            }
            if (batch.orchestrations.empty()) {
                static_cast<void>(wait_for_change(store, batch.token, in(patience)));
            }
        }
    }

    std::ranges::sort(seen);
    CHECK(std::ranges::adjacent_find(seen) == seen.end());
    CHECK(seen.size() == senders * each);
    CHECK(get(id).inbox_length == 0);
}
