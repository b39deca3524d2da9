// Hubs that commit 023f470 made, opened by today's library; README.md says how they were made.

#include "orchestrations.hpp"

#include <perdure/adjustable_clock.hpp>
#include <perdure/backend_error.hpp>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace perdure::upgrade {

namespace {

using namespace std::chrono_literals;
using kinds = std::vector<event_kind>;

constexpr std::string_view stored = PERDURE_STORED_HUBS "/hub_of_023f470";

/// A directory of the test's own.
class scratch_directory {
  public:
    scratch_directory()
        : path_(std::filesystem::temp_directory_path() /
                ("perdure-upgrade-" + to_string(random_uuid()))) {
        std::filesystem::create_directory(path_);
    }
    scratch_directory(const scratch_directory&) = delete;
    scratch_directory& operator=(const scratch_directory&) = delete;
    ~scratch_directory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::string file(const std::string& name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

void command(const std::string& line) {
    if (std::system(line.c_str()) != 0) {
        throw std::runtime_error("this command failed: " + line);
    }
}

/// A copy of the stored file.
class sqlite_hub {
  public:
    sqlite_hub() : file_(folder_.file("hub.db")) {
        std::filesystem::copy_file(std::string(stored) + ".db", file_);
    }
    [[nodiscard]] std::string uri(const std::string& options) const {
        return "sqlite:" + file_ + "?" + options;
    }
    void let_workers_live() const { execute("update workers set live_until = 9000000000000000"); }
    void let_workers_die() const { execute("update workers set live_until = 0"); }

  private:
    void execute(const std::string& sql) const {
        command(fmt::format("sqlite3 '{}' '{}'", file_, sql));
    }

    scratch_directory folder_;
    std::string file_;
};

/// The stored dump, restored into a schema of the test's own on the server of the environment.
class postgres_hub {
  public:
    postgres_hub() : schema_("upgrade_" + to_string(random_uuid()).substr(0, 8)) {
        const std::string file = folder_.file("hub.sql");
        std::ifstream in(std::string(stored) + ".sql");
        std::string text((std::istreambuf_iterator<char>(in)), {});
        constexpr std::string_view stored_schema = "hub_made_by_023f470";
        for (auto at = text.find(stored_schema); at != std::string::npos;
             at = text.find(stored_schema, at)) {
            text.replace(at, stored_schema.size(), schema_);
        }
        std::ofstream(file) << text;
        psql("-f '" + file + "'");
    }
    postgres_hub(const postgres_hub&) = delete;
    postgres_hub& operator=(const postgres_hub&) = delete;
    ~postgres_hub() {
        const std::string line = psql_line(fmt::format("-c 'drop schema {} cascade'", schema_));
        static_cast<void>(std::system(line.c_str()));
    }
    [[nodiscard]] std::string uri(const std::string& options) const {
        return fmt::format(
            "postgres://perdure_owner@/perdure?schema={}&task_hub=upgrade&{}", schema_, options);
    }
    void let_workers_live() const { set_life_end("infinity"); }
    void let_workers_die() const { set_life_end("-infinity"); }

  private:
    static std::string psql_line(const std::string& words) {
        return "psql -X -q -v ON_ERROR_STOP=1 -U perdure_owner " + words + " >/dev/null 2>&1";
    }
    static void psql(const std::string& words) { command(psql_line(words)); }
    void set_life_end(const std::string& when) const {
        psql(fmt::format("-c \"update {}.Workers set live_until = '{}'\"", schema_, when));
    }

    scratch_directory folder_;
    std::string schema_;
};

std::string result(client& people, const std::string& id) {
    return people.wait<std::string>(instance_id(id), 1min);
}

kinds kinds_of(const std::vector<history_event>& history) {
    kinds found;
    for (const history_event& event : history) {
        found.push_back(event.kind);
    }
    return found;
}

backend_error failure_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const backend_error& refused) {
        return refused;
    }
    throw std::logic_error("nothing was thrown");
}

const std::vector<std::string>& all_instances() {
    static const std::vector<std::string> ids = {"event",
                                                 "suspended",
                                                 "completed",
                                                 "parked",
                                                 "timer",
                                                 "queued",
                                                 "family",
                                                 "family-1",
                                                 "family-2",
                                                 "failed",
                                                 "held",
                                                 "turn"};
    return ids;
}

std::map<std::string, std::vector<history_event>> histories(client& people) {
    std::map<std::string, std::vector<history_event>> found;
    for (const std::string& id : all_instances()) {
        found[id] = people.history(instance_id(id));
    }
    return found;
}

}  // namespace

TEMPLATE_TEST_CASE("every instance of an old hub goes on, and its history is kept",
                   "[HUB-1]",
                   sqlite_hub,
                   postgres_hub) {
    const TestType old;
    const hub upgraded = open(old.uri("test_clock=on"));
    client people(upgraded);
    const auto before = histories(people);
    CHECK(kinds_of(before.at("event")) == kinds{event_kind::execution_started,
                                                event_kind::turn_started,
                                                event_kind::task_scheduled,
                                                event_kind::turn_started,
                                                event_kind::task_completed});
    CHECK(kinds_of(before.at("family")) == kinds{event_kind::execution_started,
                                                 event_kind::turn_started,
                                                 event_kind::child_created,
                                                 event_kind::child_created,
                                                 event_kind::turn_started,
                                                 event_kind::child_completed});
    CHECK(before.at("turn").size() == 1);
    CHECK(people.get(instance_id("suspended"))->status == orchestration_status::suspended);
    CHECK_THAT(people.get(instance_id("parked"))->parked_reason,
               Catch::Contains("history and code disagree"));
    CHECK(people.get(instance_id("completed"))->tags == tag_map{{"made", "by 023f470"}});

    worker_options options;
    options.queues = {std::string(), later_queue};
    worker today(upgraded, definitions({}), options);
    today.start();
    for (const char* id : {"event", "family-2"}) {
        CHECK(people.raise_event(instance_id(id), "reply", std::string("hello")) ==
              control_result::accepted);
    }
    people.resume(instance_id("suspended"));
    CHECK(people.unpark(instance_id("parked")));

    CHECK(result(people, "event") == "noted event, hello");
    CHECK(result(people, "suspended") == "noted suspended, thanks");
    CHECK(result(people, "completed") == "noted completed, thanks");
    CHECK(result(people, "parked") == "noted parked, thanks");
    CHECK(result(people, "queued") == "noted queued");
    CHECK(result(people, "family") == "noted first, thanks; noted second, hello");
    CHECK(result(people, "held") == "held held");
    CHECK(result(people, "turn") == "noted turn");
    const instance_record failed = people.wait_for_end(instance_id("failed"), 1min, false);
    CHECK(failed.status == orchestration_status::failed);
    CHECK_THAT(failed.failure, Catch::Contains("no way on from noted failed"));
    CHECK(people.get(instance_id("timer"))->custom_status.bytes == "\"asleep\"");
    CHECK(people.get(instance_id("timer"))->status == orchestration_status::running);
    REQUIRE(advance_clock(upgraded.store(), far_away));
    CHECK(result(people, "timer") == "rang for timer");

    for (const std::string& id : all_instances()) {
        CAPTURE(id);
        const auto now = people.history(instance_id(id));
        const auto& then = before.at(id);
        REQUIRE(now.size() >= then.size());
        CHECK(std::equal(then.begin(), then.end(), now.begin()));
    }
    // Names that are known are found, and those that are new get numbers of their own.
    start_options another;
    another.id = instance_id("another");
    people.start(keeper, "another", another);
    CHECK(result(people, "another") == "held another");
}

TEMPLATE_TEST_CASE("an old hub is refused unless it may be upgraded, which the refusal says how",
                   "[HUB-1]",
                   sqlite_hub,
                   postgres_hub) {
    const TestType old;
    const hub unchanged = open(old.uri("create=never"));
    client people(unchanged);

    const backend_error refused =
        failure_of([&] { static_cast<void>(people.get(instance_id("event"))); });

    CHECK(refused.code() == store_fault::schema);
    CHECK_THAT(refused.what(), Catch::Contains("create=if_missing"));
}

TEMPLATE_TEST_CASE("a hub is not upgraded under a live worker of its version, unless it is forced",
                   "[HUB-1]",
                   sqlite_hub,
                   postgres_hub) {
    const TestType old;
    old.let_workers_live();

    const backend_error refused = failure_of([&] { static_cast<void>(open(old.uri(""))); });
    const backend_error still_old = failure_of([&] {
        static_cast<void>(client(open(old.uri("create=never"))).get(instance_id("event")));
    });

    CHECK(refused.code() == store_fault::schema);
    CHECK_THAT(refused.what(),
               Catch::Contains("machine-") && Catch::Contains("upgrade=force") &&
                   Catch::Contains("Stop them"));
    CHECK(still_old.code() == store_fault::schema);

    SECTION("forced, the leases of the worker run out as always") {
        const hub upgraded = open(old.uri("upgrade=force"));
        client people(upgraded);
        worker today(upgraded, definitions({}));
        today.start();
        CHECK(result(people, "held") == "held held");
        CHECK(result(people, "turn") == "noted turn");
    }
    SECTION("it is when the worker has gone") {
        old.let_workers_die();
        CHECK(client(open(old.uri(""))).get(instance_id("event")).has_value());
    }
}

}  // namespace perdure::upgrade
