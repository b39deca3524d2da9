#include "hub_file.hpp"

#include <perdure/adjustable_clock.hpp>

#include <catch2/catch.hpp>

#include <future>
#include <set>
#include <thread>

namespace perdure::sqlite_test {

namespace {

// One file, as two processes see it.
struct two_backends {
    scratch_directory folder;
    sqlite::sqlite_backend ours{settings_for(folder / "hub.db")};
    sqlite::sqlite_backend theirs{settings_for(folder / "hub.db")};

    two_backends() { ours.create_hub(); }
};

}  // namespace

TEST_CASE("work that another process creates ends the wait for work", "[WAKE-3]") {
    two_backends hub;
    // The first poll finds what came before; only then is there something to wait for.
    wake_token token = hub.ours.lock(room_for(1)).token;
    token = hub.ours.wait_for_work(token, in(std::chrono::milliseconds(20)));

    auto waiting = std::async(std::launch::async, [&] {
        return hub.ours.wait_for_work(token, in(std::chrono::seconds(20)));
    });
    const auto before = std::chrono::steady_clock::now();
    CHECK(create(hub.theirs, "order") == create_code::created);
    const wake_token woken = waiting.get();

    CHECK(woken.value != token.value);
    CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(5));
    CHECK(hub.ours.lock(room_for(1)).orchestrations.size() == 1);
}

TEST_CASE("the end that another process commits ends the wait for the instance", "[WAKE-3]") {
    two_backends hub;
    CHECK(create(hub.theirs, "order") == create_code::created);
    const instance_id id("order");
    CHECK(hub.ours.wait(id, in(std::chrono::milliseconds(5)))->status ==
          orchestration_status::pending);

    auto waiting = std::async(std::launch::async,
                              [&] { return hub.ours.wait(id, in(std::chrono::seconds(20))); });
    const work_batch work = hub.theirs.lock(room_for(1));
    const std::vector<finished_work> turns{the_end_of(work.orchestrations.at(0))};
    static_cast<void>(hub.theirs.commit({turns, room_for(0)}));

    CHECK(waiting.get()->status == orchestration_status::completed);
}

TEST_CASE("two processes never hold the same item", "[LOCK-1]") {
    two_backends hub;
    std::vector<new_instance> many;
    for (int n = 0; n < 200; ++n) {
        many.push_back(instance_named("order-" + std::to_string(n)));
    }
    static_cast<void>(hub.ours.create({request_id{random_uuid()}}, many));

    const auto lock_all = [](backend& store) {
        std::vector<std::string> ids;
        while (true) {
            const work_batch work = store.lock(room_for(3));
            for (const orchestration_work& item : work.orchestrations) {
                ids.push_back(item.instance.text());
            }
            if (work.orchestrations.empty()) {
                return ids;
            }
        }
    };
    auto other = std::async(std::launch::async, [&] { return lock_all(hub.theirs); });
    const auto mine = lock_all(hub.ours);
    const auto others = other.get();

    std::set<std::string> all(mine.begin(), mine.end());
    all.insert(others.begin(), others.end());
    CHECK(mine.size() + others.size() == 200);
    CHECK(all.size() == 200);
}

TEST_CASE("all processes of a file share the test clock", "[TIME-1]") {
    two_backends hub;
    const timestamp before = hub.theirs.status().store_time;

    CHECK(hub.ours.advance_clock(std::chrono::hours(5)));

    CHECK(hub.theirs.status().store_time >= before + std::chrono::hours(5));
}

TEST_CASE("a delay that another process set ends the wait when it is over", "[WAKE-2]") {
    two_backends hub;
    std::vector<new_instance> later{instance_named("order")};
    later[0].start_at = hub.ours.status().store_time + std::chrono::hours(1);
    static_cast<void>(hub.theirs.create({request_id{random_uuid()}}, later));
    wake_token token = hub.ours.lock(room_for(1)).token;
    token = hub.ours.wait_for_work(token, in(std::chrono::milliseconds(20)));

    auto waiting = std::async(std::launch::async, [&] {
        return hub.ours.wait_for_work(token, in(std::chrono::seconds(20)));
    });
    CHECK(hub.theirs.advance_clock(std::chrono::hours(2)));

    CHECK(waiting.get().value != token.value);
    CHECK(hub.ours.lock(room_for(1)).orchestrations.size() == 1);
}

TEST_CASE("a hub emptied by another process is empty here, and works on") {
    two_backends hub;
    CHECK(create(hub.ours, "order") == create_code::created);
    CHECK(hub.ours.lock(room_for(1)).orchestrations.size() == 1);

    hub.theirs.delete_hub();

    const std::vector<instance_id> id{instance_id("order")};
    CHECK_FALSE(hub.ours.get(id).at(0));
    const std::vector<new_instance> other{instance_named("refund", "Refund"),
                                          instance_named("order")};
    static_cast<void>(hub.theirs.create({request_id{random_uuid()}}, other));
    const work_batch work = hub.ours.lock(room_for(5));
    REQUIRE(work.orchestrations.size() == 1);
    CHECK(work.orchestrations[0].name == "Order");
}

TEST_CASE("one idle worker removes dead workers and old answers, in steps", "[RENEW-2]") {
    scratch_directory folder;
    const auto file = folder / "hub.db";
    sqlite::sqlite_backend store(settings_for(file));
    store.create_hub();
    const auto renew = [&](const std::string& worker) {
        static_cast<void>(store.renew({{worker}, &orders(), std::chrono::seconds(15), {}}));
    };
    for (int n = 0; n < 206; ++n) {
        renew("dead-" + std::to_string(n));
    }
    static_cast<void>(store.lock(room_for(1, "never renewed")));
    for (int n = 0; n < 100; ++n) {
        REQUIRE(create(store, "order-" + std::to_string(n)) == create_code::created);
        static_cast<void>(store.lock(room_for(1, "never renewed")));
    }
    sqlite::counters counts;
    sqlite::database db(
        file.string(), sqlite::open_mode::existing, std::chrono::seconds(5), counts);
    // Callers repeat in real time, which a test cannot move: so the answers are made older.
    db.execute("update requests set answered_at = 0");
    CHECK(db.number("select count(*) from requests") >= 100);
    REQUIRE(store.advance_clock(std::chrono::hours(2)));

    const std::int64_t workers = db.number("select count(*) from workers");
    renew("idle");
    CHECK(db.number("select count(*) from workers") == workers + 1 - 64);
    for (int round = 0; round < 4; ++round) {
        renew("idle");
    }

    CHECK(db.number("select count(*) from workers") == 1);
    CHECK(db.number("select count(*) from requests") == 0);
    CHECK(store.status().live_workers == std::vector<worker_id>{{"idle"}});
}

TEST_CASE("a hub has one identity by all its paths, and a copy has another", "[HUB-3]") {
    scratch_directory folder;
    scratch_directory elsewhere;
    sqlite::sqlite_backend absolute(settings_for(folder / "hub.db"));
    absolute.create_hub();
    std::filesystem::create_symlink(folder / "hub.db", elsewhere / "link.db");
    std::filesystem::copy_file(folder / "hub.db", elsewhere / "hub.db");
    const auto here = std::filesystem::current_path();

    std::filesystem::current_path(folder / "");
    const std::string relative = sqlite::sqlite_backend(settings_for("hub.db")).identity();
    std::filesystem::current_path(elsewhere / "");
    const std::string same_name = sqlite::sqlite_backend(settings_for("hub.db")).identity();
    std::filesystem::current_path(here);

    CHECK_FALSE(absolute.identity().empty());
    CHECK(relative == absolute.identity());
    CHECK(sqlite::sqlite_backend(settings_for(elsewhere / "link.db")).identity() == relative);
    CHECK(same_name != relative);
}

TEST_CASE("waiting costs next to nothing, however many instances sleep") {
    const scratch_directory folder;
    sqlite::settings chosen = settings_for(folder / "hub.db");
    chosen.poll_interval = std::chrono::milliseconds(50);
    sqlite::sqlite_backend store(chosen);
    store.create_hub();
    std::vector<new_instance> many;
    for (int n = 0; n < 2000; ++n) {
        many.push_back(instance_named("order-" + std::to_string(n)));
        many.back().start_at = store.status().store_time + std::chrono::hours(n + 1);
    }
    static_cast<void>(store.create({request_id{random_uuid()}}, many));
    wake_token token = store.lock(room_for(1)).token;
    token = store.wait_for_work(token, in(std::chrono::milliseconds(100)));

    const std::uint64_t before = store.statistics().statements;
    const wake_token woken = store.wait_for_work(token, in(std::chrono::milliseconds(400)));

    CHECK(woken.value == token.value);
    CHECK(store.statistics().statements - before < 40);
}

}  // namespace perdure::sqlite_test
