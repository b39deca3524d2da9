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
    CHECK(number(file, "select count(*) from versions") == 2);
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
    CHECK(number(file, "select count(*) from versions") == 3);
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
