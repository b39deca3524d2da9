#include "hub_file.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <csignal>
#include <set>
#include <sys/resource.h>

namespace perdure::sqlite_test {

namespace {

// Creates orders until the process is killed or the store fails, and reports each that was
// acknowledged through the pipe.
int create_for_ever(const std::filesystem::path& file, int pipe) {
    sqlite::settings chosen = settings_for(file);
    chosen.synchronous = "full";
    sqlite::sqlite_backend store(chosen);
    for (std::int32_t n = 0;; ++n) {
        if (create(store, "order-" + std::to_string(n)) != create_code::created) {
            return 1;
        }
        static_cast<void>(write(pipe, &n, sizeof n));
        work_batch work = store.lock(room_for(1));
        const std::vector<finished_work> turns{the_end_of(work.orchestrations.at(0))};
        const commit_result done = store.commit({turns, room_for(0)});
        const std::int32_t ended = -n - 1;
        if (done.outcomes.at(0) == commit_outcome::committed) {
            static_cast<void>(write(pipe, &ended, sizeof ended));
        }
    }
}

std::string integrity(const std::filesystem::path& file) {
    sqlite::counters counts;
    sqlite::database db(
        file.string(), sqlite::open_mode::existing, std::chrono::seconds(5), counts);
    return db.text("pragma integrity_check");
}

}  // namespace

TEST_CASE("a process killed in the middle of its commits loses nothing acknowledged", "[BATCH-3]") {
    const scratch_directory folder;
    const auto file = folder / "hub.db";
    sqlite::sqlite_backend(settings_for(file)).create_hub();
    std::array<int, 2> ends{};
    REQUIRE(pipe(ends.data()) == 0);

    const pid_t process = start_process([&] { return create_for_ever(file, ends[1]); });
    close(ends[1]);
    std::set<std::int32_t> created;
    std::set<std::int32_t> ended;
    std::int32_t heard = 0;
    while (read(ends[0], &heard, sizeof heard) == sizeof heard) {
        (heard < 0 ? ended : created).insert(heard < 0 ? -heard - 1 : heard);
        if (created.size() == 50) {
            kill(process, SIGKILL);
        }
    }
    close(ends[0]);

    CHECK(end_of(process) == 128 + SIGKILL);
    CHECK(integrity(file) == "ok");
    sqlite::sqlite_backend store(settings_for(file));
    for (const std::int32_t n : created) {
        const std::vector<instance_id> id{instance_id("order-" + std::to_string(n))};
        const auto found = store.get(id).at(0);
        REQUIRE(found);
        if (ended.contains(n)) {
            CHECK(found->status == orchestration_status::completed);
            CHECK(found->history_length == 2);
        }
    }
}

TEST_CASE("a file that may not be written is read_only, and can be read") {
    const scratch_directory folder;
    const auto file = folder / "hub.db";
    {
        sqlite::sqlite_backend store(settings_for(file));
        store.create_hub();
        CHECK(create(store, "order") == create_code::created);
    }
    std::filesystem::permissions(
        file, std::filesystem::perms::owner_read | std::filesystem::perms::others_read);

    const int code = end_of(start_process([&] {
        // Nothing is forbidden to root.
        if (geteuid() == 0 && seteuid(65534) != 0) {
            return 2;
        }
        sqlite::sqlite_backend store(settings_for(file));
        const backend_error error = failure_of([&] { static_cast<void>(create(store, "two")); });
        return error.code() == store_fault::read_only && !error.retryable() ? 0 : 3;
    }));

    CHECK(code == 0);
}

TEST_CASE("a full disk is reported as full, changes nothing, and passes") {
    const scratch_directory folder;
    const auto file = folder / "hub.db";
    sqlite::sqlite_backend(settings_for(file)).create_hub();

    const int code = end_of(start_process([&] {
        std::signal(SIGXFSZ, SIG_IGN);
        sqlite::sqlite_backend store(settings_for(file));
        static_cast<void>(create(store, "before"));
        rlimit limit{};
        getrlimit(RLIMIT_FSIZE, &limit);
        const rlim_t room = limit.rlim_cur;
        limit.rlim_cur = 200'000;
        setrlimit(RLIMIT_FSIZE, &limit);
        std::vector<new_instance> many;
        for (int n = 0; n < 400; ++n) {
            many.push_back(instance_named("order-" + std::to_string(n)));
            many.back().start_event = R"({"note":")" + std::string(2000, 'x') + R"("})";
        }
        const backend_error error =
            failure_of([&] { static_cast<void>(store.create({request_id{random_uuid()}}, many)); });
        limit.rlim_cur = room;
        setrlimit(RLIMIT_FSIZE, &limit);
        if (error.code() != store_fault::full) {
            throw error;
        }
        const std::size_t left = store.query({}, 500, {}).instances.size();
        const auto again = store.create({request_id{random_uuid()}}, many).outcomes;
        return left == 1 && again.at(399).code == create_code::created ? 0 : 4;
    }));

    CHECK(code == 0);
    CHECK(integrity(file) == "ok");
}

TEST_CASE("a database that somebody else keeps locked is a conflict, which may be retried") {
    const scratch_directory folder;
    const auto file = folder / "hub.db";
    sqlite::settings chosen = settings_for(file);
    chosen.busy_timeout = std::chrono::milliseconds(20);
    sqlite::sqlite_backend store(chosen);
    store.create_hub();
    sqlite::counters counts;
    sqlite::database other(file.string(), sqlite::open_mode::existing, {}, counts);

    other.execute("begin immediate");
    const backend_error error = failure_of([&] { static_cast<void>(create(store, "order")); });
    other.execute("rollback");

    CHECK(error.code() == store_fault::conflict);
    CHECK(error.retryable());
    CHECK(create(store, "order") == create_code::created);
}

TEST_CASE("a call that fails half way changes nothing, and the next one works", "[BATCH-3]") {
    const scratch_directory folder;
    sqlite::sqlite_backend store(settings_for(folder / "hub.db"));
    store.create_hub();
    CHECK(create(store, "first") == create_code::created);
    CHECK(create(store, "second") == create_code::created);
    const work_batch work = store.lock(room_for(2));
    std::vector<finished_work> turns;
    for (const orchestration_work& item : work.orchestrations) {
        checkpoint& turn = *turns.emplace_back(the_end_of(item)).turn;
        turn.status = orchestration_status::running;
        turn.activities.push_back({.task = {1}, .name = "Ship", .input = {"json", "1"}});
    }
    // Core refuses that before it calls a backend; here the table does, when the first is written.
    turns.back().turn->activities.push_back(turns.back().turn->activities.front());

    const backend_error error = failure_of([&] {
        static_cast<void>(store.commit({turns, room_for(1)}));
    });
    turns.pop_back();
    const commit_result done = store.commit({turns, room_for(1)});

    CHECK(error.code() == store_fault::rejected);
    CHECK(done.outcomes.at(0) == commit_outcome::committed);
    CHECK(done.work.activities.size() == 1);
}

}  // namespace perdure::sqlite_test
