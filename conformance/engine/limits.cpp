#define CATCH_CONFIG_FAST_COMPILE
#include "engine/engine.hpp"
#include "engine/orchestrations.hpp"

#include <perdure/history_codec.hpp>
#include <perdure/limits.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstdint>
#include <limits>

// <perdure/limits.hpp>: what is beyond a limit is refused where it is asked for, by client and
// orchestration alike; what is within is kept by every store.

using namespace perdure;
using namespace perdure::conformance;

namespace {

inline constexpr orchestrator<int, std::string> asking{"Asking"};
inline constexpr orchestrator<int, int> answerer{"Sequence"};
inline constexpr activity<payload, payload> echo{"Echo"};

const std::string no_text("a\0b", 3);
const std::string no_utf8 = "\xff";
const std::string over_long(id_bytes_max + 1, 'x');
/// The longest name, of characters of four bytes and one of three.
const std::string longest_name = [] {
    std::string name = "\u20ac";
    while (name.size() < id_bytes_max) {
        name += "\U0001f600";
    }
    return name;
}();

payload large(std::size_t bytes) {
    return {"blob", std::string(bytes, '\0')};
}

child_options with_tags(int count) {
    child_options options;
    for (int i = 0; i < count; ++i) {
        options.tag("tag " + std::to_string(i), "value");
    }
    return options;
}

call_options in_queue(const std::string& name) {
    return call_options().queue(name);
}

/// Something that an orchestration must not ask for, and what the refusal names.
struct bad_request {
    std::string names;
    void (*ask)(context&);
};

/// Only the refusal matters.
template <class... Arguments>
void call(context& ctx, const Arguments&... arguments) {
    static_cast<void>(ctx.call(arguments...));
}

const std::vector<bad_request>& bad_calls() {
    static const std::vector<bad_request> all{
        {"activity name", [](context& ctx) { call(ctx, activity<int, int>(""), 1); }},
        {"activity \"Square\": queue", [](context& ctx) { call(ctx, square, 1, in_queue("\n")); }},
        {"queue", [](context& ctx) { call(ctx, square, 1, in_queue(no_utf8)); }},
        {"queue", [](context& ctx) { call(ctx, square, 1, in_queue(over_long)); }},
        {"tags: key", [](context& ctx) { call(ctx, square, 1, call_options().tag(no_text, "v")); }},
        {"value of \"k\"",
         [](context& ctx) { call(ctx, square, 1, call_options().tag("k", no_utf8)); }},
        {"input", [](context& ctx) { call(ctx, echo, large(payload_bytes_max_default + 1)); }},
        {"codec name", [](context& ctx) { call(ctx, echo, payload(no_text, "x")); }},
        {"event name", [](context& ctx) { static_cast<void>(ctx.wait_for_event<int>(over_long)); }},
        {"event name", [](context& ctx) { ctx.send_event(ctx.instance(), "", 1); }},
        {"event \"e\": content",
         [](context& ctx) {
             ctx.send_event(ctx.instance(), "e", large(payload_bytes_max_default + 1));
         }},
        {"custom status",
         [](context& ctx) { ctx.set_custom_status(large(payload_bytes_max_default + 1)); }},
        {"continue_as_new: input",
         [](context& ctx) { ctx.continue_as_new(large(payload_bytes_max_default + 1)); }},
        {"continue_as_new: version",
         [](context& ctx) { ctx.continue_as_new(1, continue_options().version(no_utf8)); }},
    };
    return all;
}

const std::vector<bad_request>& bad_starts() {
    static const std::vector<bad_request> all{
        {"orchestration name",
         [](context& ctx) { call(ctx, orchestrator<int, int>(over_long.c_str()), 1); }},
        {"\"Sequence\": version",
         [](context& ctx) { call(ctx, answerer, 1, child_options().version(no_utf8)); }},
        {"version",
         [](context& ctx) { ctx.start_detached(answerer, 1, child_options().version(no_text)); }},
        {"tags", [](context& ctx) { call(ctx, answerer, 1, with_tags(150)); }},
        // Together with the tag that the parent has.
        {"that it inherits", [](context& ctx) { call(ctx, answerer, 1, with_tags(tags_max)); }},
        {"that it inherits",
         [](context& ctx) { ctx.start_detached(answerer, 1, with_tags(tags_max)); }},
        {"key", [](context& ctx) { call(ctx, answerer, 1, child_options().tag("", "empty")); }},
        {"value of \"k\"",
         [](context& ctx) { call(ctx, answerer, 1, child_options().tag("k", no_text)); }},
        {"value of \"k\"",
         [](context& ctx) {
             const std::string text(text_bytes_max + 1, 'x');
             call(ctx, answerer, 1, child_options().tag("k", text));
         }},
        {"instance id",
         [](context& ctx) { call(ctx, answerer, 1, child_options().id(instance_id(no_utf8))); }},
        {"retry policy",
         [](context& ctx) {
             ctx.start_detached(answerer, 1, child_options().retry(retry_policy(2, 1s)));
         }},
    };
    return all;
}

orchestration<std::string> catch_refusal(context& ctx, int n) {
    const auto& all = n < 100 ? bad_calls() : bad_starts();
    std::string refusal = "nothing was refused";
    try {
        all.at(static_cast<std::size_t>(n % 100)).ask(ctx);
    } catch (const invalid_input& problem) {
        refusal = problem.what();
    }
    // What was refused has left nothing behind.
    const auto value = co_await ctx.call(square, 3);
    co_return refusal + " / " + std::to_string(value);
}

void check_refusals(int first, const std::vector<bad_request>& bad) {
    registry known = common_orchestrations();
    known.add(asking, catch_refusal);
    engine shop(std::move(known));
    start_options tagged;
    tagged.tags = {{"team", "blue"}};

    for (std::size_t i = 0; i < bad.size(); ++i) {
        const auto id = shop.clients().start(asking, first + static_cast<int>(i), tagged);
        const std::string refusal = shop.clients().wait<std::string>(id, patience);
        CHECK_THAT(refusal, Catch::Contains(bad[i].names) && Catch::EndsWith(" / 9"));
    }
}

}  // namespace

TEST_CASE("what a client must not pass is refused inside an orchestration too, at the call",
          "[engine][limits]") {
    SECTION("activities, events, and the instance itself") {
        check_refusals(0, bad_calls());
    }
    SECTION("children") {
        check_refusals(100, bad_starts());
    }
}

TEST_CASE("a refusal that nobody catches fails the orchestration, and is its reason",
          "[engine][limits]") {
    registry known = common_orchestrations();
    const orchestrator<int, int> careless("Careless");
    known.add(careless, [](context& ctx, int n) -> orchestration<int> {
        const auto options = child_options().version(no_utf8);
        auto value = co_await ctx.call(answerer, n, options);
        co_return value;
    });
    engine shop(std::move(known));

    const auto ended =
        shop.clients().wait_for_end(shop.clients().start(careless, 1), patience, false);

    REQUIRE(ended.status == orchestration_status::failed);
    const failure reason = decode_failure(ended.failure);
    CHECK(reason.type == "perdure::invalid_input");
    CHECK_THAT(reason.message, Catch::Contains("orchestration \"Sequence\": version"));
}

namespace {

inline const orchestrator<payload, payload> longest_named{longest_name.c_str()};

/// Every byte, over and over, under the longest name of a codec.
payload every_byte(std::size_t bytes) {
    payload value(longest_name, std::string(bytes, '\0'));
    for (std::size_t i = 0; i < value.bytes.size(); ++i) {
        value.bytes[i] = static_cast<char>(i % 256);
    }
    return value;
}

tag_map most_tags() {
    tag_map tags;
    for (std::size_t i = 0; i < tags_max; ++i) {
        const std::string number = std::to_string(100 + i);
        tags[number + longest_name.substr(0, id_bytes_max - 4)] =
            number + std::string(text_bytes_max - 3, '"');
    }
    return tags;
}

call_options most_options(int priority) {
    auto options = call_options().queue(longest_name).priority(priority);
    options.tags_ = most_tags();
    return options;
}

/// Uses everything, each at its limit, and gives its input back.
orchestration<payload> use_limits(context& ctx, payload input) {
    if (ctx.parent()) {
        co_return input;
    }
    ctx.set_custom_status(input);
    const auto never = ctx.create_timer(timestamp::max());
    co_await ctx.create_timer(timestamp::min());
    ctx.cancel_timer(never);
    const auto low =
        call_options().queue(longest_name).priority(std::numeric_limits<std::int32_t>::min());
    const auto high = most_options(std::numeric_limits<std::int32_t>::max());
    const activity<payload, payload> busy(longest_name.c_str());
    auto value = co_await ctx.call(busy, input, low);
    value = co_await ctx.call(busy, value, high);
    const auto child =
        child_options().id(instance_id("c" + longest_name.substr(3) + "yz")).version(longest_name);
    value = co_await ctx.call(longest_named, value, child);
    ctx.send_event(ctx.instance(), longest_name, value);
    value = co_await ctx.wait_for_event<payload>(longest_name);
    co_return value;
}

}  // namespace

TEST_CASE("whatever is within the limits is kept, byte for byte",
          "[LIMIT-1][engine][limits][volume]") {
    REQUIRE(longest_name.size() == id_bytes_max);
    registry known;
    known.add(longest_named, use_limits, longest_name);
    known.add(activity<payload, payload>(longest_name.c_str()),
              [](const payload& value) { return value; });
    worker_options settings;
    settings.queues = {longest_name};
    engine shop(std::move(known), settings);
    start_options options;
    options.id = instance_id(longest_name);
    options.version = longest_name;
    options.tags = most_tags();
    options.start_at = timestamp::min();
    const payload input = every_byte(1000);

    const auto id = shop.clients().start_encoded({longest_name, input, options});
    const auto ended = shop.clients().wait_for_end(id, 4 * patience);

    CHECK(ended.instance == id);
    CHECK(ended.name == longest_name);
    CHECK(ended.version == longest_name);
    CHECK((ended.tags == options.tags));
    CHECK((ended.output == input));
    CHECK((ended.custom_status == input));
    CHECK((shop.clients().input(id) == input));
    instance_filter filter;
    filter.parent = id;
    const auto children = shop.clients().query(filter);
    REQUIRE(children.instances.size() == 1);
    CHECK((children.instances.front().tags == options.tags));
    CHECK((children.instances.front().output == input));
}

TEST_CASE("the largest payload is kept, byte for byte", "[LIMIT-1][engine][limits][volume]") {
    registry known;
    known.add(orchestrator<payload, payload>("Carry"),
              [](context& ctx, payload input) -> orchestration<payload> {
                  ctx.set_custom_status(input);
                  auto value = co_await ctx.call(echo, input);
                  co_return value;
              });
    known.add(echo, [](const payload& value) { return value; });
    engine shop(std::move(known));
    const payload input = every_byte(payload_bytes_max_default);

    const auto id = shop.clients().start_encoded({"Carry", input, {}});
    const auto ended = shop.clients().wait_for_end(id, 4 * patience);

    CHECK((ended.output == input));
    CHECK((ended.custom_status == input));
    CHECK((shop.clients().input(id) == input));
}

TEST_CASE("the longest reasons and message ids are kept", "[LIMIT-1][engine][limits]") {
    engine shop(common_orchestrations());
    const auto id = shop.clients().start(wait_for_go, 1);
    REQUIRE(shop.wait_for_status(id, orchestration_status::running));
    const std::string reason(text_bytes_max, '\\');
    raise_options options;
    options.message_id = longest_name;

    shop.clients().raise_event(id, longest_name, 1, options);
    shop.clients().suspend(id, reason);
    REQUIRE(shop.wait_for_status(id, orchestration_status::suspended));
    shop.clients().terminate(id, reason);
    const auto ended = shop.clients().wait_for_end(id, patience, false);

    CHECK(ended.status == orchestration_status::terminated);
    CHECK(codec<std::string>::decode(ended.output) == reason);
}

TEST_CASE("a turn that is too large in its stored form is parked, and says so",
          "[engine][limits]") {
    registry known = common_orchestrations();
    const orchestrator<int, int> wordy("Wordy");
    known.add(wordy, [](context& ctx, int n) -> orchestration<int> {
        // Each byte is six in JSON.
        const std::string text(static_cast<std::size_t>(n), '\1');
        co_await ctx.call(greet, text);
        co_return n;
    });
    worker_options options;
    options.turn_bytes_max = 10'000;
    engine shop(std::move(known), options);

    CHECK(shop.clients().wait<int>(shop.clients().start(wordy, 500), patience) == 500);
    const auto id = shop.clients().start(wordy, 1500);

    REQUIRE(shop.wait_for_parked(id));
    CHECK_THAT(shop.clients().get(id)->parked_reason, Catch::Contains("turn_bytes_max"));
}

TEST_CASE("the largest failure is kept, and a larger one without what explains it",
          "[engine][limits]") {
    registry known = common_orchestrations();
    const orchestrator<int, int> failing("Failing");
    known.add(failing, [](context&, int n) -> orchestration<int> {
        failure reason("Large", std::string(text_bytes_max, 'm'));
        reason.properties["code"] = "51";
        reason.stack_trace = std::string(static_cast<std::size_t>(n), 's');
        throw task_failed(reason);
        co_return n;
    });
    engine shop(std::move(known));
    const auto reason_of = [&](std::size_t trace) {
        const auto id = shop.clients().start(failing, static_cast<int>(trace));
        return decode_failure(shop.clients().wait_for_end(id, patience, false).failure);
    };
    const std::size_t rest = text_bytes_max + 5 + 6;

    const failure largest = reason_of(failure_bytes_max - rest);
    CHECK(largest.stack_trace.size() == failure_bytes_max - rest);
    const failure larger = reason_of(failure_bytes_max - rest + 1);
    CHECK(larger.stack_trace.empty());
    CHECK(larger.type == "Large");
    CHECK(larger.message == largest.message);
    CHECK(larger.properties == largest.properties);
}

TEST_CASE("a filter with a text that no instance can have is refused", "[engine][limits]") {
    engine shop(common_orchestrations());
    instance_filter by_name;
    by_name.name = no_text;
    instance_filter by_tag;
    by_tag.tag = {"team", no_utf8};

    CHECK_THROWS_WITH(shop.clients().query(by_name), Catch::StartsWith("filter: name"));
    CHECK_THROWS_WITH(shop.clients().purge(by_tag), Catch::StartsWith("filter: tag value"));
    CHECK_THROWS_AS(shop.clients().query({}, 10, no_utf8), invalid_input);
}
