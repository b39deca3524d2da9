#include "refusal.hpp"

#include <perdure/plugin.hpp>

using namespace perdure;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using test::refusal;

namespace {

backend_config with(const std::string& key, const std::string& value) {
    return {"store", "", {{key, value}}};
}

}  // namespace

TEST_CASE("a setting that is not given has its default", "[options]") {
    const backend_config config{"store", "", {}};
    option_reader reader(config);

    CHECK(reader.text("name", "n") == "n");
    CHECK(reader.choice("mode", {"a", "b"}, "b") == "b");
    CHECK(reader.number("count", 1, 9, 5) == 5);
    CHECK(reader.flag("flag", true));
    CHECK(reader.time("delay", 0s, 1h, 7s) == 7s);
    CHECK_NOTHROW(reader.finish());
}

TEST_CASE("a time has a unit", "[options]") {
    const auto read = [](const std::string& text) {
        const auto config = with("delay", text);
        return option_reader(config).time("delay", 1ms, 2h, 1s);
    };

    CHECK(read("250ms") == 250ms);
    CHECK(read("2000us") == 2ms);
    CHECK(read("15s") == 15s);
    CHECK(read("5min") == 5min);
    CHECK(read("2h") == 2h);
    for (const char* wrong : {"15", "s", "-1s", "1.5s", "3h", "0s", "99999999999999999h", "1 s"}) {
        CHECK_THAT(refusal([&] { static_cast<void>(read(wrong)); }),
                   Contains("option delay: found \"" + std::string(wrong) +
                            "\", allowed is a time from 1ms to 2h"));
    }
}

TEST_CASE("a number outside its bounds is refused with them", "[options]") {
    for (const char* wrong : {"0", "10", "x", "5x", "", "99999999999999999999"}) {
        const auto config = with("count", wrong);
        CHECK_THAT(
            refusal([&] { static_cast<void>(option_reader(config).number("count", 1, 9, 5)); }),
            Contains("allowed is a whole number from 1 to 9"));
    }
}

TEST_CASE("a choice or flag that is not allowed is refused with what is", "[options]") {
    const auto config = with("mode", "c");

    CHECK_THAT(refusal([&] {
                   static_cast<void>(option_reader(config).choice("mode", {"a", "b"}, "a"));
               }),
               Contains("option mode: found \"c\", allowed is a, b"));
    CHECK_THAT(refusal([&] { static_cast<void>(option_reader(config).flag("mode", true)); }),
               Contains("allowed is on, off"));
}

TEST_CASE("a setting that nobody asked for is refused with the known ones", "[options]") {
    const auto config = with("colour", "red");
    option_reader reader(config);
    static_cast<void>(reader.flag("test_clock", false));

    CHECK_THAT(refusal([&] { reader.finish(); }),
               Contains("unknown option colour for backend store") && Contains("test_clock"));
}

TEST_CASE("what is allowed is listed once, without what is refused", "[options]") {
    const auto config = with("colour", "red");
    option_reader reader(config);
    static_cast<void>(reader.text("connect_timeout", ""));
    static_cast<void>(reader.time("connect_timeout", 1s, 1h, 15s));
    static_cast<void>(reader.choice("create", {"never"}, "never"));
    reader.refuse("replication", "this is no replication connection");

    CHECK_THAT(refusal([&] { reader.finish(); }),
               Contains("allowed are connect_timeout, create") && !Contains("replication") &&
                   !Contains("create, c"));
}

TEST_CASE("a setting that is refused is answered with the reason", "[options]") {
    const auto config = with("replication", "database");
    option_reader reader(config);

    CHECK_THAT(refusal([&] { reader.refuse("replication", "this is no replication connection"); }),
               Contains("option replication: this is no replication connection"));
}

TEST_CASE("a setting under the name of another system is answered with ours", "[options]") {
    const auto answer = [](const std::string& key) {
        const auto config = with(key, "1");
        return refusal([&] {
            option_reader reader(config);
            for (const char* option : {"task_hub",
                                       "schema",
                                       "command_timeout",
                                       "pool_min",
                                       "pool_max",
                                       "create_database"}) {
                static_cast<void>(reader.text(option, {}));
            }
            reader.finish();
        });
    };

    CHECK_THAT(answer("TaskHubName"), Contains("task_hub"));
    CHECK_THAT(answer("SchemaName"), Contains("schema="));
    CHECK_THAT(answer("CommandTimeout"), Contains("command_timeout"));
    CHECK_THAT(answer("MinPoolSize"), Contains("pool_min"));
    CHECK_THAT(answer("MaxPoolSize"), Contains("pool_max"));
    CHECK_THAT(answer("PollingIntervalMs"), Contains("poll_max"));
    CHECK_THAT(answer("LeaseDurationMinutes"), Contains("lease_duration"));
    CHECK_THAT(answer("MaxConcurrentWorkflows"), Contains("turns_max"));
    CHECK_THAT(answer("MaxActiveOrchestrations"), Contains("turns_max"));
    CHECK_THAT(answer("MaxConcurrentActivities"), Contains("activities_max"));
    CHECK_THAT(answer("EnableReplayLogging"), Contains("log_replay"));
    CHECK_THAT(answer("CreateDatabaseIfNotExists"), Contains("create_database=on"));
}

TEST_CASE("no name is given for a setting that the backend has not", "[options]") {
    const auto config = with("TaskHubName", "shop");

    CHECK_THAT(refusal([&] { option_reader(config).finish(); }),
               Contains("allowed are create") && !Contains("task_hub="));
}
