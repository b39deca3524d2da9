#include "schema.hpp"

#include "hub_file.hpp"

#include <catch2/catch.hpp>

#include <fstream>

namespace perdure::sqlite_test {

namespace {

sqlite::counters ignored_counts;

sqlite::database raw(const std::filesystem::path& file) {
    return {file.string(), sqlite::open_mode::create, std::chrono::seconds(5), ignored_counts};
}

std::int64_t number(const std::filesystem::path& file, const std::string& sql) {
    auto db = raw(file);
    return db.number(sql);
}

void a_hub_of_version_1(const std::filesystem::path& file) {
    auto db = raw(file);
    db.execute("pragma journal_mode = wal");
    db.execute(std::string(sqlite::schema_steps()[0]));
    db.execute("insert into versions values (1, 0, '0.1.0'); pragma application_id = 1346720324");
}

}  // namespace

TEST_CASE("many processes create one hub at once, and all of them can use it", "[HUB-1]") {
    const scratch_directory folder;
    const auto file = folder / "hub.db";

    std::vector<pid_t> processes;
    for (int n = 0; n < 8; ++n) {
        processes.push_back(start_process([&, n] {
            sqlite::sqlite_backend store(settings_for(file));
            store.create_hub();
            return create(store, "order-" + std::to_string(n)) == create_code::created ? 0 : 1;
        }));
    }

    for (const pid_t process : processes) {
        CHECK(end_of(process) == 0);
    }
    CHECK(number(file, "select count(*) from versions") == std::stoi(sqlite::schema_version()));
    CHECK(number(file, "select count(*) from instances") == 8);
}

TEST_CASE("creating a hub that exists changes nothing", "[HUB-1]") {
    const scratch_directory folder;
    const auto file = folder / "hub.db";
    sqlite::sqlite_backend store(settings_for(file));
    store.create_hub();
    CHECK(create(store, "order") == create_code::created);

    store.create_hub();

    CHECK(create(store, "order") == create_code::already_exists);
}

TEST_CASE("a newer schema is refused, with both versions named, and left alone", "[HUB-2]") {
    const scratch_directory folder;
    const auto file = folder / "hub.db";
    sqlite::sqlite_backend(settings_for(file)).create_hub();
    raw(file).execute("insert into versions values (987, 0, '9.9.9')");

    sqlite::sqlite_backend store(settings_for(file));
    const backend_error creating = failure_of([&] { store.create_hub(); });
    const backend_error using_it = failure_of([&] { static_cast<void>(create(store, "order")); });

    CHECK(creating.code() == store_fault::schema);
    CHECK(using_it.code() == store_fault::schema);
    CHECK_THAT(creating.what(), Catch::Contains("987"));
    CHECK_THAT(creating.what(), Catch::Contains("up to " + sqlite::schema_version()));
    CHECK(number(file, "select count(*) from versions") == std::stoi(sqlite::schema_version()) + 1);
}

TEST_CASE("the step to version 2 keeps the numbers of definitions, also those that no row has") {
    const scratch_directory folder;
    const auto file = folder / "hub.db";
    a_hub_of_version_1(file);
    raw(file).execute(
        "insert into definitions (name, version) values ('Order', '1'), ('Order', '2'), ('Gone', "
        "'');"
        "delete from definitions where name = 'Gone'; update hub set last_sequence = 77, changes = "
        "5");

    sqlite::sqlite_backend(settings_for(file)).create_hub();

    CHECK(number(file,
                 "select definition from definitions where version = '2'"
                 " and kind = 0 and feature_level = 1") == 2);
    raw(file).execute(
        "insert into definitions (name, version, feature_level) values ('Order', '2', 2)");
    CHECK(number(file, "select max(definition) from definitions") == 4);
    CHECK(number(file, "select last_sequence from task_hub where changes = 5") == 77);
}

TEST_CASE("a process that has an upgraded hub open finds out at its next call") {
    const scratch_directory folder;
    const auto file = folder / "hub.db";

    SECTION("one of version 1, by what it reads at each call") {
        a_hub_of_version_1(file);
        auto old = raw(file);
        sqlite::statement hub(old, "select clock_offset, last_sequence, changes from hub");
        CHECK(hub.number() == 0);
        sqlite::sqlite_backend(settings_for(file)).create_hub();
        CHECK(failure_of([&] { static_cast<void>(hub.number()); }).code() == store_fault::schema);
    }
    SECTION("one of this version, by the version in the hub's row") {
        sqlite::sqlite_backend store(settings_for(file));
        store.create_hub();
        CHECK(create(store, "order") == create_code::created);
        raw(file).execute("update task_hub set version = 987");
        const backend_error writing =
            failure_of([&] { static_cast<void>(create(store, "other")); });
        const backend_error reading = failure_of([&] { static_cast<void>(store.status()); });
        CHECK(writing.code() == store_fault::schema);
        CHECK_THAT(writing.what(), Catch::Contains("987"));
        CHECK(reading.code() == store_fault::schema);
    }
}

TEST_CASE("another program's database is refused and left alone") {
    const scratch_directory folder;
    const auto file = folder / "theirs.db";
    raw(file).execute("create table instances (mine)");

    sqlite::sqlite_backend store(settings_for(file));
    const backend_error creating = failure_of([&] { store.create_hub(); });

    CHECK(creating.code() == store_fault::schema);
    CHECK(number(file, "select count(*) from sqlite_master") == 1);
}

TEST_CASE("a path that cannot be a hub is named, with what is wrong with it") {
    const scratch_directory folder;
    const auto creating = [](const std::filesystem::path& file) {
        return failure_of([&] { sqlite::sqlite_backend(settings_for(file)).create_hub(); });
    };

    SECTION("a missing directory") {
        const backend_error error = creating(folder / "nowhere/hub.db");
        CHECK(error.code() == store_fault::configuration);
        CHECK_THAT(error.what(), Catch::Contains("nowhere"));
    }
    SECTION("a directory") {
        const backend_error error = creating(folder / ".");
        CHECK(error.code() == store_fault::configuration);
        CHECK_THAT(error.what(), Catch::Contains("is a directory"));
    }
    SECTION("a file that is no database") {
        std::ofstream(folder / "notes.txt") << std::string(5000, 'x');
        const backend_error error = creating(folder / "notes.txt");
        CHECK(error.code() == store_fault::corrupt);
        CHECK_THAT(error.what(), Catch::Contains("notes.txt"));
    }
    SECTION("a file that nobody has created") {
        sqlite::sqlite_backend store(settings_for(folder / "hub.db"));
        const backend_error error = failure_of([&] { static_cast<void>(store.status()); });
        CHECK(error.code() == store_fault::configuration);
        CHECK_FALSE(std::filesystem::exists(folder / "hub.db"));
    }
    SECTION("an empty file that nobody has made a hub") {
        std::ofstream(folder / "hub.db").flush();
        sqlite::sqlite_backend store(settings_for(folder / "hub.db"));
        const backend_error error = failure_of([&] { static_cast<void>(store.status()); });
        CHECK(error.code() == store_fault::schema);
    }
}

TEST_CASE("the settings of the URI are read, and wrong ones are refused") {
    const auto chosen = sqlite::read_settings({"sqlite",
                                               "shop.db",
                                               {{"synchronous", "normal"},
                                                {"busy_timeout", "250ms"},
                                                {"poll_interval", "20ms"},
                                                {"test_clock", "on"},
                                                {"page_cache_mib", "8"}}});
    CHECK(chosen.file == std::filesystem::absolute("shop.db"));
    CHECK(chosen.synchronous == "normal");
    CHECK(chosen.busy_timeout == std::chrono::milliseconds(250));
    CHECK(chosen.poll_interval == std::chrono::milliseconds(20));
    CHECK(chosen.test_clock);
    CHECK(chosen.page_cache_mib == 8);

    const auto fault = [](const backend_config& config) {
        return failure_of([&] { static_cast<void>(sqlite::read_settings(config)); }).code();
    };
    CHECK(fault({"sqlite", "shop.db", {{"synchronous", "sometimes"}}}) ==
          store_fault::configuration);
    CHECK(fault({"sqlite", "shop.db", {{"sync", "full"}}}) == store_fault::configuration);
    CHECK(fault({"sqlite", "", {}}) == store_fault::configuration);
}

}  // namespace perdure::sqlite_test
