#define CATCH_CONFIG_FAST_COMPILE
#include "second_process/revisited.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

using namespace perdure;
using namespace perdure::conformance;

// What a hub remembers, it remembers when it is opened anew, and for every other process.

namespace {

std::vector<lease_token> tokens_of(const work_batch& batch) {
    std::vector<lease_token> tokens;
    for (const orchestration_work& work : batch.orchestrations) {
        tokens.push_back(work.held.token);
    }
    for (const activity_work& work : batch.activities) {
        tokens.push_back(work.held.token);
    }
    std::ranges::sort(tokens);
    return tokens;
}

}  // namespace

TEST_CASE_METHOD(revisited_hub, "the ids of accepted messages are remembered", "[SEND-2]") {
    if (!is_possible()) {
        return;
    }
    new_message message = a_message(before().idle_instance());
    message.id = "m-1";
    REQUIRE(before().send(message) == send_outcome::accepted);

    CHECK(again().send(message) == send_outcome::duplicate);
}

TEST_CASE_METHOD(revisited_hub,
                 "the answers to a client's calls are remembered",
                 "[REPEAT-1][REPEAT-3]") {
    if (!is_possible()) {
        return;
    }
    const request_id request = a_request();
    SECTION("a send") {
        const new_message message = a_message(before().idle_instance());
        REQUIRE(before().store.send({request}, {&message, 1}).outcomes ==
                std::vector{send_outcome::accepted});

        fixture& found = again();
        CHECK(found.store.send({request}, {&message, 1}).outcomes ==
              std::vector{send_outcome::accepted});
        CHECK(found.get(message.target).inbox_length == 1);
    }
    SECTION("a termination") {
        const termination wish = a_termination(before().pending_instance());
        REQUIRE(before().store.terminate(request, {&wish, 1}) ==
                std::vector{terminate_outcome::terminated});

        CHECK(again().store.terminate(request, {&wish, 1}) ==
              std::vector{terminate_outcome::terminated});
    }
    SECTION("a purge") {
        purge_request wish;
        wish.request = request;
        wish.instances = {before().completed_instance()};
        REQUIRE(before().store.purge(wish).outcomes == std::vector{purge_outcome::purged});

        CHECK(again().store.purge(wish).outcomes == std::vector{purge_outcome::purged});
    }
    SECTION("a release") {
        const instance_id id = before().parked_instance();
        REQUIRE(before().store.unpark(request, {&id, 1}) == std::vector{unpark_outcome::unparked});

        CHECK(again().store.unpark(request, {&id, 1}) == std::vector{unpark_outcome::unparked});
    }
}

TEST_CASE_METHOD(revisited_hub,
                 "the answers to a worker's calls are remembered",
                 "[REPEAT-1][REPEAT-3]") {
    if (!is_possible()) {
        return;
    }
    const request_id request = a_request();
    SECTION("a lock") {
        before().instance_with_queued_activity();
        before().pending_instance();
        lock_request wanted = before().request({5, 5});
        const work_batch first = before().store.lock(wanted);
        REQUIRE(tokens_of(first).size() == 2);

        fixture& found = again();
        wanted.filter = &found.filter;
        CHECK(tokens_of(found.store.lock(wanted)) == tokens_of(first));
    }
    SECTION("a commit") {
        finished_turn turn = turn_of(before().leased());
        turn.activities = {an_activity(1)};
        turn.messages = {a_message(turn.instance), a_message(an_id())};
        lock_request next = before().request({5, 5});
        const commit_answer first = commit_to(before().store, {turn}, {}, next);
        REQUIRE(first.dropped_messages == 1);
        REQUIRE(tokens_of(first.work).size() == 2);

        fixture& found = again();
        next.filter = &found.filter;
        const commit_answer second = commit_to(found.store, {turn}, {}, next);
        CHECK(second.turns == first.turns);
        CHECK(second.dropped_messages == 1);
        CHECK(tokens_of(second.work) == tokens_of(first.work));
    }
    SECTION("an item given back") {
        const held_item item = held(before().leased());
        REQUIRE(return_to(before().store, request, {item}, return_kind::give_back) ==
                std::vector{lease_outcome::done});

        CHECK(return_to(again().store, request, {item}, return_kind::give_back) ==
              std::vector{lease_outcome::done});
    }
    SECTION("an abandon") {
        const held_item item = held(before().leased_activity());
        REQUIRE(return_to(before().store, request, {item}, return_kind::abandon, 0s) ==
                std::vector{lease_outcome::done});

        fixture& found = again();
        CHECK(return_to(found.store, request, {item}, return_kind::abandon, 0s) ==
              std::vector{lease_outcome::done});
        CHECK(found.lock({0, 1}).activities.at(0).deliveries == 2);
    }
    SECTION("a park") {
        const held_item item = held(before().leased());
        const std::string reason = "diverged";
        REQUIRE(return_to(before().store, request, {item}, return_kind::park, {}, reason) ==
                std::vector{lease_outcome::done});

        CHECK(return_to(again().store, request, {item}, return_kind::park, {}, reason) ==
              std::vector{lease_outcome::done});
    }
}

TEST_CASE_METHOD(revisited_hub,
                 "messages keep names of their own, and only the consumed ones go",
                 "[SEND-5][COMMIT-3]") {
    if (!is_possible()) {
        return;
    }
    const instance_id id = before().idle_instance();
    before().raise(id, "one");
    before().raise(id, "two");
    fixture& found = again();
    found.raise(id, "three");
    found.raise(id, "four");
    const orchestration_work work = found.lease(id);
    std::set<std::uint64_t> sequences;
    for (const inbox_message& message : work.inbox) {
        sequences.insert(message.sequence);
    }
    CHECK(sequences.size() == 4);

    finished_turn turn = turn_of(work);
    turn.consumed.resize(1);
    REQUIRE(found.commit_one(turn) == commit_outcome::committed);

    CHECK(found.inbox(id) == std::vector{an_event("two"), an_event("three"), an_event("four")});
}

TEST_CASE_METHOD(revisited_hub,
                 "a lease holds until its end, and commits",
                 "[LOCK-1][LOCK-2][LOCK-3]") {
    if (!is_possible()) {
        return;
    }
    const activity_work task = before().leased_activity();
    const orchestration_work work = before().leased();
    fixture& found = again();

    const work_batch nothing = found.lock({10, 10});
    CHECK(nothing.orchestrations.empty());
    CHECK(nothing.activities.empty());
    CHECK(found.get(work.instance).leased_by == found.worker.text);
    CHECK(found.renew(held(work), 10 * found.moment) == lease_outcome::done);
    CHECK(found.renew(held(task), 10 * found.moment) == lease_outcome::done);
    CHECK(found.commit_one(turn_of(work)) == commit_outcome::committed);
    CHECK(found.commit_one(turn_of(work)) == commit_outcome::committed);  // [COMMIT-2]
    CHECK(found.complete(completion_of(task)) == commit_outcome::committed);
    CHECK(found.get(work.instance).history_length == 3);
}

TEST_CASE_METHOD(revisited_hub,
                 "deliveries, suspects and delays are remembered",
                 "[ABANDON-1][SUSPECT-1][SUSPECT-2][TIME-2]") {
    if (!is_possible()) {
        return;
    }
    const orchestration_work suspect = before().leased();
    before().advance(11 * before().moment);
    REQUIRE(before().lock_suspects().orchestrations.size() == 1);
    before().advance(11 * before().moment);
    const orchestration_work late = before().leased();
    REQUIRE(before().abandon(held(late), 20 * before().moment) == lease_outcome::done);
    fixture& found = again();

    const work_batch regular = found.lock({10, 10});
    CHECK(regular.orchestrations.empty());
    CHECK(regular.suspects_waiting);
    const std::vector<orchestration_work> alone = found.lock_suspects().orchestrations;
    REQUIRE(alone.size() == 1);
    CHECK(alone.front().instance == suspect.instance);
    CHECK(alone.front().suspect);
    CHECK(alone.front().deliveries == 2);
    found.advance(21 * found.moment);
    const std::vector<orchestration_work> delayed = found.lock({10, 10}).orchestrations;
    REQUIRE(delayed.size() == 1);
    CHECK(delayed.front().instance == late.instance);
    CHECK(delayed.front().deliveries == 2);
}

TEST_CASE_METHOD(revisited_hub, "everything that can be read is the same", "[HUB-1][READ-1]") {
    if (!is_possible()) {
        return;
    }
    new_instance fresh = a_new_instance();
    fresh.tags = {{"region", "north"}};
    fresh.start_at = before().now() + 5 * before().moment;
    before().create(fresh);
    before().pending_child(before().idle_instance(), 3);
    before().parked_instance();
    before().completed_instance();
    before().raise(before().idle_instance());
    finished_turn next = next_execution_of(before().leased());
    next.custom_status = payload("json", "\"again\"");
    REQUIRE(before().commit_one(next) == commit_outcome::committed);
    REQUIRE(before().terminate(before().pending_instance()) == terminate_outcome::terminated);
    const std::vector<instance_record> records = before().store.query({}, 100, {}).instances;
    std::vector<history_page> histories;
    for (const instance_record& record : records) {
        histories.push_back(*before().store.read_history(record.instance, 0, batch_bytes_max));
    }
    const std::size_t ready = before().store.status().ready_orchestrations;
    fixture& found = again();

    CHECK(found.store.query({}, 100, {}).instances == records);
    for (std::size_t n = 0; n < records.size(); ++n) {
        const auto page = found.store.read_history(records[n].instance, 0, batch_bytes_max);
        REQUIRE(page);
        CHECK(page->execution == histories[n].execution);
        CHECK(page->history_version == histories[n].history_version);
        CHECK(page->chunks == histories[n].chunks);
    }
    CHECK(found.store.status().ready_orchestrations == ready);
    CHECK(found.store.status().parked == 1);
}

TEST_CASE_METHOD(revisited_hub, "a creation is known again in a later execution", "[CREATE-3]") {
    if (!is_possible()) {
        return;
    }
    const new_instance fresh = a_new_instance();
    const orchestration_work work = before().lease(before().create(fresh));
    REQUIRE(before().commit_one(next_execution_of(work)) == commit_outcome::committed);
    fixture& found = again();

    CHECK(found.try_create(fresh).code == create_code::created);
    CHECK(found.get(fresh.instance).execution != fresh.execution);
}

TEST_CASE_METHOD(revisited_hub, "whose commit was the last is remembered", "[LOCK-7]") {
    if (!is_possible()) {
        return;
    }
    const instance_id id = before().idle_instance();
    before().raise(id);
    fixture& found = again();

    const orchestration_work mine = found.lease(id);
    CHECK(mine.history.empty());
    REQUIRE(found.give_back(held(mine)) == lease_outcome::done);
    found.worker = {"w2"};
    CHECK_FALSE(found.lease(id).history.empty());
}

TEST_CASE_METHOD(revisited_hub, "a live worker and what it has are remembered", "[RENEW-3]") {
    if (!is_possible()) {
        return;
    }
    REQUIRE(before().store.renew({before().worker, &before().filter, 1h, {}}).empty());
    before().pending_instance();
    fixture& found = again();

    const hub_status status = found.store.status();
    CHECK(status.live_workers == std::vector{found.worker});
    CHECK(status.ready_orchestrations == 1);
    CHECK(status.unserved.empty());
}

TEST_CASE_METHOD(revisited_hub, "a clock that was moved stays moved", "[TIME-1]") {
    if (!is_possible() || lacks(ability::test_clock)) {
        return;
    }
    REQUIRE(advance_clock(before().store, 1h));
    const timestamp moved = before().now();
    fixture& found = again();

    CHECK(found.now() >= moved);
    CHECK(found.get(found.pending_instance()).created_at >= moved);
}
