#include "hub_file.hpp"

#include <perdure/client.hpp>
#include <perdure/codec_cereal.hpp>
#include <perdure/worker.hpp>

#include <catch2/catch.hpp>

#include <future>
#include <mutex>

namespace perdure::sqlite_test {

namespace {

using Catch::Matchers::Contains;

/// Goes back to where it was.
class working_directory {
  public:
    explicit working_directory(const std::filesystem::path& path) {
        std::filesystem::current_path(path);
    }
    working_directory(const working_directory&) = delete;
    working_directory& operator=(const working_directory&) = delete;
    ~working_directory() { std::filesystem::current_path(before_); }

    void change(const std::filesystem::path& path) { std::filesystem::current_path(path); }

  private:
    std::filesystem::path before_ = std::filesystem::current_path();
};

sqlite::settings from_uri(const std::string& uri) {
    return sqlite::read_settings(parse_uri(uri + "?synchronous=off&poll_interval=1ms"));
}

backend_error refusal_of(const std::string& uri) {
    return failure_of([&] { sqlite::sqlite_backend(from_uri(uri)).create_hub(); });
}

bool exists(backend& store, const std::string& id) {
    const std::vector<instance_id> ids{instance_id(id)};
    return store.get(ids).at(0).has_value();
}

/// As another user, because nothing is forbidden to root. Exits with 77 where that is not possible.
int as_nobody(const std::function<int()>& doing) {
    return end_of(start_process([&] {
        if (geteuid() == 0 && (setegid(65534) != 0 || seteuid(65534) != 0)) {
            return 77;
        }
        return doing();
    }));
}

}  // namespace

TEST_CASE("a relative path is resolved when the hub is opened", "[file]") {
    const scratch_directory folder;
    std::filesystem::create_directories(folder / "a");
    std::filesystem::create_directories(folder / "b");
    working_directory here(folder / "b");
    sqlite::sqlite_backend(from_uri("sqlite:shop.db")).create_hub();
    here.change(folder / "a");
    sqlite::sqlite_backend store(from_uri("sqlite:shop.db"));
    store.create_hub();
    CHECK(create(store, "first") == create_code::created);

    here.change(folder / "b");

    CHECK(create(store, "second") == create_code::created);
    CHECK(exists(store, "first"));
    CHECK(exists(store, "second"));
    sqlite::sqlite_backend elsewhere(from_uri("sqlite:shop.db"));
    CHECK_FALSE(exists(elsewhere, "second"));
}

TEST_CASE("a file that is deleted or replaced under an open hub is never worked on", "[file]") {
    const bool is_replaced = GENERATE(false, true);
    const scratch_directory folder;
    const auto file = folder / "hub.db";
    sqlite::sqlite_backend store(from_uri("sqlite:" + file.string()));
    store.create_hub();
    CHECK(create(store, "before") == create_code::created);
    CHECK(exists(store, "before"));
    const wake_token token = store.lock(room_for(1)).token;

    std::filesystem::rename(file, folder / "away.db");
    if (is_replaced) {
        const auto other = folder / "other.db";
        sqlite::sqlite_backend(from_uri("sqlite:" + other.string())).create_hub();
        std::filesystem::rename(other, file);
    }

    const std::string what = is_replaced ? "replaced" : "deleted";
    const std::vector<std::function<void()>> calls{
        [&] { static_cast<void>(create(store, "after")); },
        [&] { static_cast<void>(exists(store, "before")); },
        [&] { static_cast<void>(store.status()); },
        [&] { static_cast<void>(store.lock(room_for(1))); },
        [&] { static_cast<void>(store.wait_for_work(token, in(std::chrono::seconds(20)))); },
        [&] { store.create_hub(); }};
    for (const auto& call : calls) {
        const backend_error error = failure_of(call);
        CHECK(error.code() == store_fault::configuration);
        CHECK_THAT(error.what(), Contains(what) && Contains(file.string()));
    }
    CHECK(std::filesystem::exists(file) == is_replaced);

    std::filesystem::rename(folder / "away.db", file);
    CHECK(exists(store, "before"));
    CHECK(create(store, "after") == create_code::created);
}

TEST_CASE("a worker says that its file is gone, and goes on when it is back", "[file]") {
    const scratch_directory folder;
    const auto file = folder / "hub.db";
    const hub where(std::make_shared<sqlite::sqlite_backend>(from_uri("sqlite:" + file.string())),
                    "sqlite:" + file.string());
    where.store().create_hub();
    const orchestrator<int, int> echo("Echo");
    registry known;
    known.add(
        echo, +[](context&, int n) -> orchestration<int> { co_return n; });
    std::promise<std::string> complaint;
    std::once_flag is_first;
    worker_options options;
    options.log = [&](const log_record& record) {
        if (record.event == log_event::store_unavailable) {
            std::call_once(is_first, [&] { complaint.set_value(record.message); });
        }
    };
    worker works(where, known, options);
    works.start();

    std::filesystem::rename(file, folder / "away.db");
    auto said = complaint.get_future();
    REQUIRE(said.wait_for(std::chrono::seconds(20)) == std::future_status::ready);
    CHECK_THAT(said.get(), Contains("deleted"));
    std::filesystem::rename(folder / "away.db", file);

    client clients(where);
    CHECK(clients.wait<int>(clients.start(echo, 5), std::chrono::seconds(20)) == 5);
    works.stop();
}

TEST_CASE("an address that is no file is refused with what is meant", "[file]") {
    CHECK_THAT(refusal_of("sqlite:").what(), Contains("sqlite:shop.db"));
    CHECK_THAT(refusal_of("sqlite::memory:").what(), Contains("memory:"));
    CHECK_THAT(refusal_of("sqlite:file:shop.db").what(), Contains("without \"file:\""));
    CHECK_FALSE(std::filesystem::exists("file:shop.db"));
}

TEST_CASE("a place that cannot be reached is a backend_error with the reason", "[file]") {
    const scratch_directory folder;
    const std::string top = (folder / "").string();
    std::filesystem::create_symlink(folder / "loop", folder / "loop");
    std::filesystem::create_directory(folder / "directory");

    CHECK_THAT(refusal_of("sqlite:" + top + "loop").what(), Contains("symbolic links"));
    CHECK_THAT(refusal_of("sqlite:" + top + "loop/hub.db").what(), Contains("symbolic links"));
    CHECK_THAT(refusal_of("sqlite:" + top + std::string(300, 'x')).what(),
               Contains("File name too long"));
    CHECK_THAT(refusal_of("sqlite:" + top + "directory").what(), Contains("is a directory"));
    CHECK_THAT(refusal_of("sqlite:" + top + "nowhere/hub.db").what(),
               Contains("there is no directory"));

    working_directory here(folder / "directory");
    std::filesystem::remove(folder / "directory");
    CHECK_THAT(refusal_of("sqlite:hub.db").what(), Contains("working directory"));
}

TEST_CASE("a place that is forbidden says so", "[file]") {
    const scratch_directory folder;
    std::filesystem::create_directory(folder / "hidden");
    std::filesystem::create_directory(folder / "closed");
    { std::filesystem::permissions(folder / "hidden", std::filesystem::perms::owner_all); }
    std::filesystem::permissions(folder / "closed",
                                 std::filesystem::perms::owner_all |
                                     std::filesystem::perms::others_read |
                                     std::filesystem::perms::others_exec);

    const int code = as_nobody([&] {
        for (const char* name : {"hidden/hub.db", "closed/hub.db"}) {
            const backend_error error = refusal_of("sqlite:" + (folder / name).string());
            const std::string text = error.what();
            if (error.code() != store_fault::read_only ||
                text.find("Permission denied") == std::string::npos) {
                throw error;
            }
        }
        return 0;
    });

    if (code == 77) {
        WARN("skipped: this process cannot become another user");
        return;
    }
    CHECK(code == 0);
}

}  // namespace perdure::sqlite_test
