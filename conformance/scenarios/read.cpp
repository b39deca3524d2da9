#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

using namespace perdure;
using namespace perdure::conformance;

namespace {

/// All ids that the filter finds, page by page.
std::vector<std::string> all_ids(backend& store,
                                 const instance_filter& filter,
                                 std::size_t limit = 100) {
    std::vector<std::string> ids;
    std::string after;
    do {
        const instance_page page = store.query(filter, limit, after);
        CHECK(page.instances.size() <= limit);
        for (const instance_record& record : page.instances) {
            ids.push_back(record.instance.text());
        }
        after = page.next;
    } while (!after.empty());
    return ids;
}

using texts = std::vector<std::string>;

}  // namespace

TEST_CASE_METHOD(fixture,
                 "get answers in the order of the ids, and nothing for unknown ones",
                 "[READ-1]") {
    const instance_id first = pending_instance();
    const instance_id second = completed_instance();
    const std::vector<instance_id> asked{second, an_id("unknown"), first, second};

    const auto found = store.get(asked);

    REQUIRE(found.size() == 4);
    CHECK(found[0]->instance == second);
    CHECK_FALSE(found[1]);
    CHECK(found[2]->instance == first);
    CHECK(found[3]->status == orchestration_status::completed);
    CHECK(store.get({}).empty());
}

TEST_CASE_METHOD(fixture, "a record tells everything about a finished instance", "[READ-1]") {
    const orchestration_work work = leased();
    CHECK(get(work.instance).leased_by == worker.text);
    advance(moment);
    finished_turn turn = turn_of(work);
    turn.status = orchestration_status::failed;
    turn.failure = R"({"type":"out_of_stock","message":"'' \" \\"})";
    turn.custom_status = payload("json", R"("almost")");
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    const instance_record found = get(work.instance);

    CHECK(found.status == orchestration_status::failed);
    CHECK(found.failure == turn.failure);
    CHECK(found.custom_status == *turn.custom_status);
    CHECK(found.updated_at > found.created_at);
    CHECK(found.completed_at == found.updated_at);
    CHECK(found.leased_by.empty());
    CHECK(found.history_length == 3);
}

TEST_CASE_METHOD(fixture, "a payload of any bytes is kept exactly", "[READ-1][COMMIT-1]") {
    std::string bytes;
    for (int i = 0; i < 256; ++i) {
        bytes += static_cast<char>(i);
    }
    const auto output = GENERATE_COPY(
        payload("bytes", bytes), payload("json", ""), payload("json", "[\"\\u0000\"]"), payload());
    const orchestration_work work = leased();
    finished_turn turn = last_turn_of(work);
    turn.output = output;
    turn.custom_status = output;
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    CHECK(get(work.instance).output == output);
    CHECK(get(work.instance).custom_status == output);
}

TEST_CASE_METHOD(fixture, "large payloads come back whole", "[READ-1][COMMIT-1]") {
    const std::string large(std::size_t{4} << 20U, '\x80');
    const orchestration_work work = leased();
    finished_turn turn = last_turn_of(work);
    turn.output = {"bytes", large};
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    const bool same = get(work.instance).output.bytes == large;
    CHECK(same);
}

TEST_CASE_METHOD(fixture, "a reader sees a transaction as a whole or not at all", "[READ-1]") {
    const instance_id id = idle_instance();
    std::atomic<bool> done{false};
    std::atomic<int> torn{0};
    {
        const std::jthread reader([&] {
            while (!done) {
                const auto record = store.get({&id, 1}).front();
                const auto page = store.read_history(id, 0, batch_bytes_max);
                const std::uint64_t events = page->chunks.back().first + page->chunks.back().count;
                // Each turn writes its number as custom status and appends two events.
                const std::string shown = record->custom_status.bytes;
                const auto turns = shown.empty() ? 0 : std::stoull(shown);
                torn += record->history_length != 3 + 2 * turns ? 1 : 0;
                torn += page->history_length != events ? 1 : 0;
            }
        });
        for (int turn_number = 1; turn_number <= 50; ++turn_number) {
            raise(id);
            finished_turn turn = turn_of(lease(id));
            turn.custom_status = payload("json", std::to_string(turn_number));
            REQUIRE(commit_one(turn) == commit_outcome::committed);
        }
        done = true;
    }

    CHECK(torn == 0);
}

TEST_CASE_METHOD(fixture, "an instance that is being replaced is found by every read", "[READ-1]") {
    const std::vector<instance_id> ids{pending_instance(), pending_instance()};
    std::atomic<bool> done{false};
    std::atomic<int> missing{0};
    {
        const std::jthread reader([&] {
            while (!done) {
                for (const auto& record : store.get(ids)) {
                    missing += record ? 0 : 1;
                }
                missing += store.query({}, ids.size(), {}).instances.size() == ids.size() ? 0 : 1;
            }
        });
        for (int n = 0; n < 100; ++n) {
            new_instance again = a_new_instance();
            again.instance = ids[static_cast<std::size_t>(n) % ids.size()];
            again.replaceable = {orchestration_status::pending};
            create(again);
        }
        done = true;
    }

    CHECK(missing == 0);
}

TEST_CASE_METHOD(fixture, "pages follow the byte order of ids", "[READ-2]") {
    const texts ids{"B", "a", "a!", "a-1", "aa", "b", "\xC3\xA4", "\xF0\x9F\x98\x80"};
    for (const std::string& id : ids) {
        new_instance fresh = a_new_instance();
        fresh.instance = instance_id(id);
        create(fresh);
    }

    CHECK(all_ids(store, {}) == ids);
    CHECK(all_ids(store, {}, 1) == ids);
    CHECK(all_ids(store, {}, 3) == ids);
    CHECK(all_ids(store, {}, 8) == ids);
}

TEST_CASE_METHOD(fixture,
                 "a page says behind which instance others follow, and the last that none do",
                 "[READ-2]") {
    CHECK(store.query({}, 10, {}).next.empty());
    const instance_id first = pending_instance();
    pending_instance();

    const instance_page page = store.query({}, 1, {});
    CHECK(page.next == first.text());
    CHECK(store.query({}, 2, {}).next.empty());
    CHECK(page.instances.front().instance == first);
}

TEST_CASE_METHOD(fixture,
                 "what exists throughout appears once while others come and go",
                 "[READ-2]") {
    texts lasting;
    std::vector<instance_id> purged;
    for (int i = 0; i < 20; ++i) {
        lasting.push_back(pending_instance().text());
        purged.push_back(completed_instance());
    }
    std::multiset<std::string> seen;
    std::string after;
    do {
        const instance_page page = store.query({}, 3, after);
        for (const instance_record& record : page.instances) {
            seen.insert(record.instance.text());
        }
        after = page.next;
        if (!purged.empty()) {
            REQUIRE(purge(purged.back()) == purge_outcome::purged);
            purged.pop_back();
        }
        pending_instance();
    } while (!after.empty());

    CHECK(std::ranges::all_of(lasting, [&](const auto& id) { return seen.count(id) == 1; }));
}

TEST_CASE_METHOD(fixture,
                 "a filter by status, name, version and tag finds exactly those",
                 "[READ-2]") {
    new_instance tagged = a_new_instance();
    tagged.tags = {{"region", "north"}, {"tier", "1"}};
    create(tagged);
    new_instance other = a_new_instance();
    other.name = "Other";
    other.tags = {{"region", "south"}, {"north", "region"}};
    create(other);
    new_instance versioned = a_new_instance();
    versioned.version = "2";
    create(versioned);
    const instance_id done = completed_instance();
    const auto ids = [&](auto change) {
        instance_filter chosen;
        change(chosen);
        return all_ids(store, chosen);
    };

    CHECK(ids([](auto& f) { f.statuses = {orchestration_status::completed}; }) ==
          texts{done.text()});
    CHECK(ids([](auto& f) {
              f.statuses = {orchestration_status::completed, orchestration_status::pending};
          }).size() == 4);
    CHECK(ids([](auto& f) { f.name = "Other"; }) == texts{other.instance.text()});
    CHECK(ids([](auto& f) { f.version = "2"; }) == texts{versioned.instance.text()});
    CHECK(ids([](auto& f) { f.tag = {"region", "north"}; }) == texts{tagged.instance.text()});
    CHECK(ids([](auto& f) { f.tag = {"region", "nort"}; }).empty());
    CHECK(ids([](auto& f) {
              f.tag = {"tier", "1"};
              f.name = "Other";
          }).empty());
}

TEST_CASE_METHOD(fixture, "a filter by parent or by being parked finds exactly those", "[READ-2]") {
    const instance_id parent = idle_instance();
    const instance_id child = pending_child(parent, 1);
    const instance_id other = pending_child(idle_instance(), 1);
    const instance_id set_aside = parked_instance();
    instance_filter by_parent;
    by_parent.parent = parent;
    instance_filter is_parked;
    is_parked.parked = true;
    instance_filter not_parked;
    not_parked.parked = false;

    CHECK(all_ids(store, by_parent) == texts{child.text()});
    CHECK(all_ids(store, is_parked) == texts{set_aside.text()});
    CHECK(all_ids(store, not_parked).size() == 4);
    CHECK(get(child).parent == parent_link{parent, get(parent).execution, {1}});
    CHECK(get(other).parent->instance != parent);
}

TEST_CASE_METHOD(fixture, "no character of an id prefix is special", "[READ-2]") {
    for (const char* id :
         {"a%b", "xa%b", "a%c", "aXb", "a_b", "a'b", "a\\b", "A%b", "a*b", "a[b"}) {
        new_instance fresh = a_new_instance();
        fresh.instance = instance_id(id);
        create(fresh);
    }
    const auto ids = [&](const std::string& prefix) {
        instance_filter chosen;
        chosen.id_prefix = prefix;
        return all_ids(store, chosen);
    };

    CHECK(ids("a%") == texts{"a%b", "a%c"});
    CHECK(ids("a_") == texts{"a_b"});
    CHECK(ids("a'") == texts{"a'b"});
    CHECK(ids("a\\") == texts{"a\\b"});
    CHECK(ids("a*") == texts{"a*b"});
    CHECK(ids("a[") == texts{"a[b"});
    CHECK(ids("A") == texts{"A%b"});
    CHECK(ids("a%b%").empty());
    CHECK(ids("a").size() == 8);
}

TEST_CASE_METHOD(fixture, "time ranges include both ends", "[READ-2]") {
    const instance_id first = completed_instance();
    advance(moment);
    const instance_id second = completed_instance();
    advance(moment);
    const instance_id running = idle_instance();
    const timestamp created = get(second).created_at;
    const timestamp completed = *get(second).completed_at;
    const auto ids = [&](auto change) {
        instance_filter chosen;
        change(chosen);
        return all_ids(store, chosen);
    };
    const duration least(1);

    CHECK(ids([&](auto& f) { f.created_from = f.created_to = created; }) == texts{second.text()});
    CHECK(ids([&](auto& f) { f.created_to = created - least; }) == texts{first.text()});
    CHECK(ids([&](auto& f) { f.created_from = created + least; }) == texts{running.text()});
    CHECK(ids([&](auto& f) { f.completed_from = f.completed_to = completed; }) ==
          texts{second.text()});
    CHECK(ids([&](auto& f) { f.completed_to = completed; }).size() == 2);
    CHECK(ids([&](auto& f) { f.completed_from = completed + least; }).empty());
}

TEST_CASE_METHOD(fixture, "the start event is a chunk of its own", "[READ-3]") {
    const new_instance fresh = a_new_instance();
    create(fresh);
    REQUIRE(commit_one(turn_of(lease(fresh.instance))) == commit_outcome::committed);

    const auto chunks = history(fresh.instance);

    REQUIRE(chunks.size() == 2);
    CHECK(chunks.front() == history_chunk{0, 1, "[" + fresh.start_event + "]"});
}

TEST_CASE_METHOD(fixture,
                 "the start event of a next execution is a chunk of its own",
                 "[READ-3][COMMIT-6]") {
    const orchestration_work work = leased();
    finished_turn turn = next_execution_of(work);
    turn.next->kept = {2, "[" + an_event("kept") + "," + an_event("kept too") + "]"};
    REQUIRE(commit_one(turn) == commit_outcome::committed);

    const auto chunks = history(work.instance);

    REQUIRE(chunks.size() == 2);
    CHECK(chunks.front() == history_chunk{0, 1, "[" + turn.next->start_event + "]"});
    CHECK(chunks.back() == history_chunk{1, 2, turn.next->kept.text});
}

TEST_CASE_METHOD(fixture,
                 "history is read from the chunk that has the first event asked for",
                 "[READ-3]") {
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.events = {{2, "[1,2]"}, {3, "[3,4,5]"}, {1, "[6]"}};
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    const auto read = [&](std::uint64_t from, std::size_t bytes) {
        const auto page = store.read_history(work.instance, from, bytes);
        REQUIRE(page);
        CHECK(page->execution == work.execution);
        CHECK(page->history_length == 7);
        std::vector<std::uint64_t> firsts;
        for (const history_chunk& chunk : page->chunks) {
            firsts.push_back(chunk.first);
        }
        return firsts;
    };

    CHECK(read(0, 10'000) == std::vector<std::uint64_t>{0, 1, 3, 6});
    CHECK(read(1, 10'000) == std::vector<std::uint64_t>{1, 3, 6});
    CHECK(read(4, 10'000) == std::vector<std::uint64_t>{3, 6});
    CHECK(read(3, 1) == std::vector<std::uint64_t>{3});
    CHECK(read(2, 6) == std::vector<std::uint64_t>{1, 3});
    CHECK(read(7, 10'000).empty());
    CHECK_FALSE(store.read_history(an_id("unknown"), 0, 1000));
}
