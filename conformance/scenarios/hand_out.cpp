#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"
#include "scenarios/handed_out.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

using namespace perdure;
using namespace perdure::conformance;

// What clients' calls take along for a worker. A backend may hand out nothing: then a lock gets the
// same, and every test goes on with that.

namespace {

class bringing_room : public fixture {
  public:
    /// What the next call brings; `next` has the id of the last one.
    lock_request next = request({1, 0});

    work_batch handed_by_create(const std::vector<new_instance>& fresh) {
        next.request = a_request();
        create_result result = store.create(next, fresh);
        for (const create_outcome& outcome : result.outcomes) {
            CHECK(outcome.code == create_code::created);
        }
        return checked(std::move(result.work));
    }
    work_batch handed_by_create(const new_instance& fresh) {
        return handed_by_create(std::vector{fresh});
    }
    work_batch handed_by_send(const std::vector<new_message>& messages) {
        next.request = a_request();
        send_result result = store.send(next, messages);
        for (const send_outcome outcome : result.outcomes) {
            CHECK(outcome == send_outcome::accepted);
        }
        return checked(std::move(result.work));
    }
    work_batch handed_by_send(const instance_id& target) {
        return handed_by_send(std::vector{a_message(target)});
    }

    /// The only thing that is ready, whether it was handed out or not.
    orchestration_work only_of(work_batch handed) {
        const work_batch batch = handed.orchestrations.empty() ? lock({10, 0}) : std::move(handed);
        REQUIRE(batch.orchestrations.size() == 1);
        return batch.orchestrations.front();
    }

  private:
    /// [REPEAT-2] [LOCK-8]
    work_batch checked(work_batch handed) const {
        CHECK(handed.activities.empty());
        CHECK(handed.orchestrations.size() <= next.orchestrations);
        std::vector<std::uint64_t> derived;
        for (std::uint32_t n = 0; n < next.orchestrations; ++n) {
            derived.push_back(derive_token(next.request, n).value);
        }
        for (const orchestration_work& work : handed.orchestrations) {
            CHECK(std::ranges::count(derived, work.held.token.value) == 1);
        }
        return handed;
    }
};

std::vector<lease_token> tokens_of(const work_batch& batch) {
    std::vector<lease_token> tokens;
    for (const orchestration_work& work : batch.orchestrations) {
        tokens.push_back(work.held.token);
    }
    return tokens;
}

}  // namespace

TEST_CASE_METHOD(bringing_room, "what a create hands out is leased like any other", "[HANDOFF-3]") {
    const timestamp before = now();
    const new_instance fresh = a_new_instance();

    const work_batch handed = handed_by_create(fresh);

    if (!handed.orchestrations.empty()) {
        CHECK(handed.store_time >= before);
        CHECK(handed.store_time <= now());
    }
    const orchestration_work work = only_of(handed);
    const instance_id id = fresh.instance;
    CHECK(work.instance == id);
    CHECK(work.execution == fresh.execution);
    CHECK(work.name == order_name);
    CHECK(work.version == order_version);
    CHECK(work.status == orchestration_status::pending);
    CHECK(work.history_version == history_version(id));
    CHECK(work.history_length == 1);
    CHECK(text_of(work.history) == text_of(history(id)));
    CHECK(work.inbox.empty());
    CHECK(work.deliveries == 1);
    CHECK_FALSE(work.suspect);
    CHECK(get(id).leased_by == worker.text);
    CHECK(lock({10, 0}).orchestrations.empty());
    CHECK(commit_one(last_turn_of(work)) == commit_outcome::committed);
}

TEST_CASE_METHOD(bringing_room,
                 "what a send hands out comes with its messages",
                 "[HANDOFF-3][LOCK-5]") {
    const instance_id id = idle_instance();
    const std::vector<new_message> messages{
        a_message(id, "first"), a_message(id, "second"), a_message(id, "third")};

    SECTION("all of them") {
        const orchestration_work work = only_of(handed_by_send(messages));
        CHECK(work.instance == id);
        CHECK(events_of(work.inbox) ==
              std::vector{messages[0].event, messages[1].event, messages[2].event});
        CHECK(work.history_version == history_version(id));
        CHECK(lock({10, 0}).orchestrations.empty());
        CHECK(commit_one(last_turn_of(work)) == commit_outcome::committed);
    }
    SECTION("as many as the worker takes at once") {
        next.messages = 2;
        const work_batch handed = handed_by_send(messages);
        if (!handed.orchestrations.empty()) {
            const orchestration_work work = handed.orchestrations.front();
            CHECK(events_of(work.inbox) == std::vector{messages[0].event, messages[1].event});
            CHECK(commit_one(turn_of(work)) == commit_outcome::committed);
            CHECK(inbox(id) == std::vector{messages[2].event});
        }
    }
}

TEST_CASE_METHOD(bringing_room,
                 "history is left out for the worker that committed last",
                 "[HANDOFF-3][LOCK-7]") {
    const instance_id id = idle_instance();

    SECTION("for that one") {
        CHECK(only_of(handed_by_send(id)).history.empty());
    }
    SECTION("not for another") {
        next.worker = {"w2"};
        const work_batch handed = handed_by_send(id);
        if (!handed.orchestrations.empty()) {
            CHECK(text_of(handed.orchestrations.front().history) == text_of(history(id)));
        }
    }
}

TEST_CASE_METHOD(bringing_room,
                 "a call of a client that is repeated hands out the same again",
                 "[HANDOFF-3][REPEAT-1]") {
    next.orchestrations = 2;
    const std::vector<new_instance> fresh{a_new_instance(), a_new_instance(), a_new_instance()};
    const std::vector<new_message> messages{a_message(idle_instance())};
    const bool is_create = GENERATE(true, false);
    CAPTURE(is_create);
    const work_batch first = is_create ? handed_by_create(fresh) : handed_by_send(messages);
    const auto repeated = [&] {
        if (is_create) {
            create_result again = store.create(next, fresh);
            CHECK(again.outcomes == std::vector<create_outcome>(fresh.size()));
            return std::move(again.work);
        }
        send_result again = store.send(next, messages);
        CHECK(again.outcomes == std::vector{send_outcome::accepted});
        return std::move(again.work);
    };

    CHECK(tokens_of(repeated()) == tokens_of(first));

    if (!first.orchestrations.empty()) {
        // As far as they are still leased.
        CHECK(commit_one(last_turn_of(first.orchestrations.front())) == commit_outcome::committed);
        CHECK(repeated().orchestrations.size() + 1 == first.orchestrations.size());
    }
}

TEST_CASE_METHOD(bringing_room,
                 "a lock in doubt gets what the client's call has leased",
                 "[HANDOFF-3][REPEAT-1]") {
    const bool is_create = GENERATE(true, false);
    CAPTURE(is_create);
    const work_batch first =
        is_create ? handed_by_create(a_new_instance()) : handed_by_send(idle_instance());

    const work_batch again = store.lock(next);

    REQUIRE(again.orchestrations.size() == 1);
    if (!first.orchestrations.empty()) {
        CHECK(again.orchestrations.front().instance == first.orchestrations.front().instance);
        CHECK(tokens_of(again) == tokens_of(first));
    }
    CHECK(commit_one(last_turn_of(again.orchestrations.front())) == commit_outcome::committed);
}

TEST_CASE_METHOD(bringing_room,
                 "without the definition, the level or the room nothing is handed out",
                 "[HANDOFF-3][LOCK-4][LOCK-8][LEVEL-2]") {
    const work_filter all = filter;
    work_filter others = filter;
    new_instance fresh = a_new_instance();
    next.filter = &others;
    SECTION("another name") {
        others.orchestrations = {{"Refund", order_version}};
    }
    SECTION("another version") {
        others.orchestrations = {{order_name, "2"}};
    }
    SECTION("another kind") {
        others.orchestrations = {{order_name, order_version, instance_kind::entity}};
    }
    SECTION("an older worker") {
        fresh.level = 2;
        filter.level = 2;
    }
    SECTION("no room") {
        next.orchestrations = 0;
    }
    SECTION("room for activities alone") {
        next.orchestrations = 0;
        next.activities = 1;
    }
    CHECK(handed_by_create(fresh).orchestrations.empty());
    const orchestration_work work = only_of({});
    CHECK(commit_one(turn_of(work)) == commit_outcome::committed);

    CHECK(handed_by_send(fresh.instance).orchestrations.empty());

    const orchestration_work more = only_of({});
    CHECK(more.inbox.size() == 1);
    CHECK(commit_one(last_turn_of(more)) == commit_outcome::committed);
}

TEST_CASE_METHOD(bringing_room,
                 "a worker without a filter is handed whatever a client's call makes ready",
                 "[HANDOFF-3]") {
    next.filter = nullptr;
    const new_instance fresh = a_new_instance();

    const orchestration_work work = only_of(handed_by_create(fresh));

    CHECK(work.instance == fresh.instance);
}

TEST_CASE_METHOD(bringing_room,
                 "what there is no room for is announced, and handed out by a lock",
                 "[HANDOFF-3][HANDOFF-2][LOCK-8]") {
    const wake_token token = lock({10, 10}).token;
    const bool is_create = GENERATE(true, false);
    CAPTURE(is_create);
    std::vector<instance_id> all;
    work_batch handed;
    if (is_create) {
        const std::vector<new_instance> fresh{a_new_instance(), a_new_instance(), a_new_instance()};
        for (const new_instance& each : fresh) {
            all.push_back(each.instance);
        }
        handed = handed_by_create(fresh);
    } else {
        all = {idle_instance(), idle_instance(), idle_instance()};
        handed =
            handed_by_send(std::vector{a_message(all[0]), a_message(all[1]), a_message(all[2])});
    }

    CHECK(wakes(store, token));
    std::vector<instance_id> found = ids_of(handed);
    for (const instance_id& id : ids_of(lock({10, 0}))) {
        found.push_back(id);
    }

    std::ranges::sort(found);
    std::ranges::sort(all);
    CHECK(found == all);
}

TEST_CASE_METHOD(bringing_room, "nothing else is handed out", "[HANDOFF-3]") {
    next.orchestrations = 10;
    const instance_id other = pending_instance();
    const instance_id target = idle_instance();
    static_cast<void>(other);

    for (const instance_id& id : ids_of(handed_by_send(target))) {
        CHECK(id == target);
    }
    const new_instance fresh = a_new_instance();
    for (const instance_id& id : ids_of(handed_by_create(fresh))) {
        CHECK(id == fresh.instance);
    }
}

TEST_CASE_METHOD(bringing_room, "nothing is handed out before its time", "[HANDOFF-3][TIME-2]") {
    SECTION("a start") {
        new_instance later = a_new_instance();
        later.start_at = now() + 3 * moment;
        CHECK(handed_by_create(later).orchestrations.empty());
        CHECK(get(later.instance).leased_by.empty());
    }
    SECTION("a message") {
        new_message later = a_message(idle_instance());
        later.visible_at = now() + 3 * moment;
        CHECK(handed_by_send(std::vector{later}).orchestrations.empty());
    }
    SECTION("an instance that was abandoned") {
        const orchestration_work work = leased();
        REQUIRE(abandon(held(work), 3 * moment) == lease_outcome::done);
        CHECK(handed_by_send(work.instance).orchestrations.empty());
    }
    CHECK(lock({10, 0}).orchestrations.empty());

    advance(4 * moment);

    CHECK(lock({10, 0}).orchestrations.size() == 1);
}

TEST_CASE_METHOD(bringing_room,
                 "what is held, parked or a suspect is not handed out",
                 "[HANDOFF-3][LOCK-1][PARK-1][SUSPECT-1]") {
    SECTION("held") {
        const orchestration_work work = leased();
        CHECK(handed_by_send(work.instance).orchestrations.empty());
        CHECK(commit_one(turn_of(work)) == commit_outcome::committed);
    }
    SECTION("parked") {
        CHECK(handed_by_send(parked_instance()).orchestrations.empty());
    }
    SECTION("a suspect") {
        const orchestration_work work = leased();
        advance(11 * moment);
        next.suspects = GENERATE(false, true);
        CHECK(handed_by_send(work.instance).orchestrations.empty());
        CHECK(handed_by_send(work.instance).orchestrations.empty());
        REQUIRE(lock_suspects().orchestrations.size() == 1);
    }
}

TEST_CASE_METHOD(bringing_room,
                 "an id that is taken is not handed out, one that is replaced is",
                 "[HANDOFF-3][CREATE-1][CREATE-2]") {
    new_instance fresh = a_new_instance();
    fresh.instance = pending_instance();

    SECTION("taken") {
        next.request = a_request();
        const create_result result = store.create(next, {&fresh, 1});
        CHECK(result.outcomes.front().code == create_code::already_exists);
        CHECK(result.work.orchestrations.empty());
        CHECK(get(fresh.instance).leased_by.empty());
    }
    SECTION("replaced") {
        fresh.replaceable = {orchestration_status::pending};
        CHECK(only_of(handed_by_create(fresh)).execution == fresh.execution);
    }
}

TEST_CASE_METHOD(bringing_room,
                 "a lease that a client's call gave ends like any other",
                 "[HANDOFF-3][SUSPECT-1][RENEW-1][GIVE-1][TAKEOVER-1]") {
    const orchestration_work work = only_of(handed_by_create(a_new_instance()));
    const instance_id id = work.instance;

    SECTION("by expiry") {
        advance(11 * moment);
        static_cast<void>(lock({10, 0}));
        const work_batch suspects = lock_suspects();
        REQUIRE(suspects.orchestrations.size() == 1);
        CHECK(suspects.orchestrations.front().instance == id);
        CHECK(suspects.orchestrations.front().suspect);
        CHECK(commit_one(turn_of(work)) == commit_outcome::lease_lost);
    }
    SECTION("not while it is renewed") {
        advance(6 * moment);
        CHECK(renew(held(work), 10 * moment) == lease_outcome::done);
        advance(6 * moment);
        CHECK(lock_suspects().orchestrations.empty());
        CHECK(commit_one(turn_of(work)) == commit_outcome::committed);
    }
    SECTION("given back") {
        CHECK(give_back(held(work)) == lease_outcome::done);
        const work_batch again = lock({1, 0});
        REQUIRE(again.orchestrations.size() == 1);
        CHECK(again.orchestrations.front().deliveries == 1);
        CHECK(again.orchestrations.front().held.token.value != work.held.token.value);
    }
    SECTION("taken over") {
        store.take_over(a_request(), {&worker, 1});
        REQUIRE(lock_suspects().orchestrations.size() == 1);
    }
}
