#include "hub_file.hpp"

#include <catch2/catch.hpp>

#include <future>

namespace perdure::sqlite_test {

namespace {

constexpr std::chrono::hours four_years(24 * 365 * 4);

/// A hub whose machine has a clock that can be set, back too, as an administrator would.
struct hub_on_a_clock {
    scratch_directory folder;
    sqlite::sqlite_backend store{settings_for(folder / "hub.db")};
    sqlite::sqlite_backend other{settings_for(folder / "hub.db")};

    hub_on_a_clock() { store.create_hub(); }

    void set_back(duration by) {
        sqlite::counters counts;
        sqlite::database file((folder / "hub.db").string(),
                              sqlite::open_mode::existing,
                              std::chrono::seconds(5),
                              counts);
        file.execute("update task_hub set clock_offset = clock_offset - " +
                     std::to_string(by.count()));
    }
    void set_ahead(duration by) { REQUIRE(store.advance_clock(by)); }
    [[nodiscard]] timestamp time() { return store.status().store_time; }
};

void create_later(backend& store, const std::string& id, timestamp start) {
    std::vector<new_instance> one{instance_named(id)};
    one[0].start_at = start;
    REQUIRE(store.create({request_id{random_uuid()}}, one).outcomes.at(0).code ==
            create_code::created);
}

std::vector<std::string> ids_of(const work_batch& work) {
    std::vector<std::string> ids;
    for (const orchestration_work& item : work.orchestrations) {
        ids.push_back(item.instance.text());
    }
    return ids;
}

}  // namespace

TEST_CASE("what was ready stays ready when a clock that was ahead is set right", "[TIME-3]") {
    hub_on_a_clock hub;
    hub.set_ahead(four_years);
    REQUIRE(create(hub.store, "leased") == create_code::created);
    const work_batch leased = hub.store.lock(room_for(1));
    REQUIRE(ids_of(leased) == std::vector<std::string>{"leased"});
    const timestamp said = leased.store_time;
    REQUIRE(create(hub.store, "ready") == create_code::created);
    create_later(hub.store, "later", hub.time() + std::chrono::minutes(10));

    hub.set_back(four_years);

    const int code = end_of(start_process([&] {
        sqlite::sqlite_backend reopened(settings_for(hub.folder / "hub.db"));
        const work_batch found = reopened.lock(room_for(5));
        return ids_of(found) == std::vector<std::string>{"ready"} && found.store_time >= said ? 0
                                                                                              : 1;
    }));
    CHECK(code == 0);
    hub.set_ahead(std::chrono::minutes(9));
    lock_request suspects = room_for(1);
    suspects.suspects = true;
    CHECK(ids_of(hub.store.lock(suspects)) == std::vector<std::string>{"leased"});
    CHECK(hub.store.lock(room_for(5)).orchestrations.empty());
    hub.set_ahead(std::chrono::minutes(1));
    CHECK(ids_of(hub.other.lock(room_for(5))) == std::vector<std::string>{"later"});
}

TEST_CASE("what falls due is noticed by those who waited while the clock was set right",
          "[TIME-3][WAKE-2]") {
    hub_on_a_clock hub;
    hub.set_ahead(four_years);
    create_later(hub.store, "later", hub.time() + std::chrono::milliseconds(300));
    wake_token token = hub.other.lock(room_for(1)).token;

    hub.set_back(four_years);

    work_batch found;
    const auto deadline = in(std::chrono::seconds(20));
    while (found.orchestrations.empty() && std::chrono::steady_clock::now() < deadline) {
        token = hub.other.wait_for_work(token, deadline);
        found = hub.other.lock(room_for(1));
    }
    CHECK(ids_of(found) == std::vector<std::string>{"later"});
}

TEST_CASE("a clock that is put right by seconds is waited for", "[TIME-3]") {
    hub_on_a_clock hub;
    REQUIRE(create(hub.store, "ready") == create_code::created);
    const timestamp said = hub.time();

    hub.set_back(std::chrono::seconds(5));

    CHECK(hub.time() >= said - std::chrono::milliseconds(100));
    CHECK(hub.time() < said + std::chrono::seconds(1));
    CHECK(ids_of(hub.store.lock(room_for(1))) == std::vector<std::string>{"ready"});
    hub.set_ahead(std::chrono::seconds(5));
    CHECK(hub.time() < said + std::chrono::seconds(4));
}

TEST_CASE("a clock that jumps to and fro does not run away", "[TIME-3]") {
    hub_on_a_clock hub;
    REQUIRE(create(hub.store, "first") == create_code::created);
    const timestamp begin = hub.time();

    for (int n = 0; n < 5; ++n) {
        hub.set_ahead(std::chrono::hours(1));
        REQUIRE(create(hub.store, "ahead" + std::to_string(n)) == create_code::created);
        hub.set_back(std::chrono::hours(1));
        REQUIRE(create(hub.store, "right" + std::to_string(n)) == create_code::created);
    }

    CHECK(hub.time() >= begin + std::chrono::hours(1));
    CHECK(hub.time() < begin + std::chrono::hours(1) + std::chrono::minutes(5));
}

TEST_CASE("a hub that was ahead goes by the machine's clock again once that has come so far",
          "[TIME-3]") {
    hub_on_a_clock hub;
    const timestamp begin = hub.time();
    hub.set_ahead(std::chrono::hours(1));
    REQUIRE(create(hub.store, "ahead") == create_code::created);
    hub.set_back(std::chrono::hours(1));
    REQUIRE(create(hub.store, "right") == create_code::created);

    hub.set_ahead(std::chrono::hours(2));

    CHECK(hub.time() >= begin + std::chrono::hours(2));
    CHECK(hub.time() < begin + std::chrono::hours(2) + std::chrono::minutes(5));
}

}  // namespace perdure::sqlite_test
