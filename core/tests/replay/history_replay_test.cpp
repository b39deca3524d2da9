#define CATCH_CONFIG_FAST_COMPILE
#include "mutated_history.hpp"
#include "replay/live_instance.hpp"
#include "sample_orchestrations.hpp"

#include <perdure/combinators.hpp>
#include <perdure/history_codec.hpp>
#include <perdure/replay.hpp>

#include <catch2/catch.hpp>

#include <stdexcept>

using namespace perdure;
using namespace perdure::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

inline constexpr activity<std::string, std::string> reserve{"reserve"};
inline constexpr activity<std::string, std::string> charge{"charge"};
inline constexpr activity<std::string, std::string> check{"check"};
inline constexpr orchestrator<std::string, std::string> sell{"Sell"};
inline constexpr orchestrator<std::string, std::string> refund{"Refund"};

// What wrote the histories of these tests. The others are later states of the same code.
orchestration<std::string> as_recorded(context& ctx, std::string article) {
    co_await ctx.call(reserve, article);
    co_await ctx.create_timer(1min);
    co_await ctx.call(charge, article);
    co_return article + " is sold";
}

orchestration<std::string> with_one_more(context& ctx, std::string article) {
    co_await ctx.call(reserve, article);
    co_await ctx.create_timer(1min);
    co_await ctx.call(check, article);
    co_await ctx.call(charge, article);
    co_return article + " is sold";
}

orchestration<std::string> with_one_fewer(context& ctx, std::string article) {
    co_await ctx.call(reserve, article);
    co_await ctx.create_timer(1min);
    co_return article + " is sold";
}

orchestration<std::string> without_timer(context& ctx, std::string article) {
    co_await ctx.call(reserve, article);
    co_await ctx.call(charge, article);
    co_return article + " is sold";
}

orchestration<std::string> with_one_more_at_the_end(context& ctx, std::string article) {
    co_await ctx.call(reserve, article);
    co_await ctx.create_timer(1min);
    co_await ctx.call(charge, article);
    co_await ctx.call(check, article);
    co_return article + " is sold";
}

orchestration<std::string> that_throws(context& ctx, std::string article) {
    co_await ctx.call(reserve, article);
    throw std::runtime_error("no " + article + " today");
}

orchestration<std::string> with_other_inputs(context& ctx, std::string article) {
    co_await ctx.call(reserve, "red " + article);
    co_await ctx.create_timer(2min);
    co_await ctx.call(charge, article);
    co_return article + " was sold";
}

orchestration<std::string> with_a_child(context& ctx, std::string article) {
    co_return co_await ctx.call(refund, article, child_options().version("1"));
}

orchestration<std::string> with_a_newer_child(context& ctx, std::string article) {
    co_return co_await ctx.call(refund, article, child_options().version("2"));
}

template <class Function>
registry only(Function function, const std::string& version = "") {
    registry known;
    known.add(sell, function, version);
    return known;
}

/// What a worker would record: every task ends at once, with a text, until nothing is left.
std::vector<history_event> recorded_by(const registry& code, std::size_t turns_max = 100) {
    history_event start;
    start.kind = event_kind::execution_started;
    start.name = "Sell";
    start.version = code.orchestrations().front()->version;
    start.execution = {{1, 2}};
    start.data = codec<std::string>::encode("bicycle");
    std::vector<history_event> history{start};
    std::vector<inbox_message> inbox;
    for (std::size_t turn = 0; turn < turns_max; ++turn) {
        const timestamp now(std::chrono::minutes(10 * (turn + 1)));
        const auto result =
            replay::run_turn(*code.orchestrations().front(), history, inbox, now, {});
        REQUIRE(!result.fault);
        history.insert(history.end(), result.events.begin(), result.events.end());
        inbox.clear();
        for (const replay::decision& made : result.decisions) {
            history_event end;
            end.data = codec<std::string>::encode("done");
            end.kind = made.event.kind == event_kind::timer_created   ? event_kind::timer_fired
                       : made.event.kind == event_kind::child_created ? event_kind::child_completed
                                                                      : event_kind::task_completed;
            inbox_message message;
            message.task = made.event.task;
            message.visible_at = made.event.fire_at;
            message.event = encode_event(end);
            inbox.push_back(std::move(message));
        }
        if (result.end != replay::turn_end::open) {
            break;
        }
    }
    return history;
}

std::vector<history_chunk> chunks_of(const std::vector<history_event>& events,
                                     std::size_t bytes = 1000) {
    std::vector<history_chunk> chunks;
    std::uint64_t first = 0;
    for (const new_events& part : encode_events(events, bytes)) {
        chunks.push_back({first, part.count, part.text});
        first += part.count;
    }
    return chunks;
}

replay_answer replayed(const registry& code, const std::vector<history_event>& events) {
    return replay_history(code, instance_id("order-1"), chunks_of(events));
}

replay_difference divergence(const registry& code, const std::vector<history_event>& events) {
    const replay_answer answer = replayed(code, events);
    CHECK(answer.verdict == replay_verdict::diverges);
    REQUIRE(answer.divergence);
    return *answer.divergence;
}

const std::string recorded_charge = R"(task_scheduled #3 "charge" input "bicycle")";

}  // namespace

TEST_CASE("the code that wrote a history agrees with it", "[history_replay]") {
    const registry code = only(as_recorded);
    const auto history = recorded_by(code);

    const replay_answer answer = replayed(code, history);

    CHECK(answer.verdict == replay_verdict::agrees);
    CHECK(answer.name == "Sell");
    CHECK(answer.events == history.size());
    CHECK(answer.differing_inputs == 0);
    CHECK(answer.problem.empty());
    CHECK(replayed(code, recorded_by(code, 2)).verdict == replay_verdict::agrees_so_far);
    CHECK(replayed(code, {history.front()}).verdict == replay_verdict::agrees_so_far);
}

TEST_CASE("a divergence is told with both sides and what is around it", "[history_replay]") {
    const auto history = recorded_by(only(as_recorded));

    const auto found = divergence(only(with_one_more), history);

    REQUIRE(found.number < history.size());
    CHECK(history[found.number].name == "charge");
    CHECK(found.recorded == recorded_charge);
    CHECK(found.decided == R"(task_scheduled #3 "check" input "bicycle")");
    REQUIRE(found.before.size() == 3);
    CHECK_THAT(found.before[0], StartsWith("timer_created #2 due 1970-01-01T00:21:00.000000Z"));
    CHECK_THAT(found.before[1], StartsWith("turn_started"));
    CHECK_THAT(found.before[2], StartsWith("timer_fired"));
    REQUIRE(found.recorded_after.size() == 3);
    CHECK_THAT(found.recorded_after[0], StartsWith("turn_started"));
    CHECK(found.recorded_after[1] == R"(task_completed #3 result "done")");
    CHECK(found.decided_after.empty());
}

TEST_CASE("decisions that are missing, too many or thrown are divergences", "[history_replay]") {
    const auto history = recorded_by(only(as_recorded));

    CHECK(divergence(only(with_one_fewer), history).decided ==
          R"(execution_completed result "bicycle is sold")");
    const auto without = divergence(only(without_timer), history);
    CHECK_THAT(without.recorded, StartsWith("timer_created #2"));
    CHECK(without.decided == R"(task_scheduled #2 "charge" input "bicycle")");
    const auto thrown = divergence(only(that_throws), history);
    CHECK_THAT(thrown.recorded, StartsWith("timer_created #2"));
    CHECK(thrown.decided == "execution_failed: std::runtime_error: no bicycle today");
    const auto more = divergence(only(with_one_more_at_the_end), history);
    CHECK(more.recorded == R"(execution_completed result "bicycle is sold")");
    CHECK(more.decided == R"(task_scheduled #4 "check" input "bicycle")");

    // One that waits, and one that has asked for nothing where the code does.
    const auto waiting = divergence(only(without_timer), recorded_by(only(as_recorded), 2));
    CHECK_THAT(waiting.recorded, StartsWith("timer_created #2"));
    auto shorter = recorded_by(only(as_recorded), 2);
    shorter.pop_back();
    const auto beyond = divergence(only(as_recorded), shorter);
    CHECK(beyond.number == shorter.size());
    CHECK(beyond.recorded == "(the history ends here)");
    CHECK_THAT(beyond.decided, StartsWith("timer_created #2"));
    REQUIRE(beyond.before.size() == 3);
    CHECK_THAT(beyond.before[2], StartsWith("task_completed #1"));
}

TEST_CASE("inputs, times and results that differ are no divergence", "[history_replay]") {
    const auto history = recorded_by(only(as_recorded));

    const replay_answer answer = replayed(only(with_other_inputs), history);

    CHECK(answer.verdict == replay_verdict::agrees);
    CHECK(answer.differing_inputs == 3);
    REQUIRE(answer.inputs.size() == 3);
    CHECK(answer.inputs[0].recorded == R"(task_scheduled #1 "reserve" input "bicycle")");
    CHECK(answer.inputs[0].decided == R"(task_scheduled #1 "reserve" input "red bicycle")");
    CHECK_THAT(answer.inputs[1].decided, Contains("due 1970-01-01T00:22:00.000000Z"));
    CHECK(answer.inputs[2].number + 1 == history.size());

    const auto described = replay_history(
        only(with_other_inputs), instance_id("order-1"), chunks_of(history), {.inputs_max = 1});
    CHECK(described.differing_inputs == 3);
    CHECK(described.inputs.size() == 1);

    const auto child = replayed(only(with_a_newer_child), recorded_by(only(with_a_child)));
    CHECK(child.verdict == replay_verdict::agrees);
    REQUIRE(child.inputs.size() == 1);
    CHECK_THAT(child.inputs[0].recorded, Contains(R"(version "1")"));
    CHECK_THAT(child.inputs[0].decided, Contains(R"(version "2")"));
}

TEST_CASE("of long inputs the part is shown that differs", "[history_replay]") {
    auto history = recorded_by(only(as_recorded));
    auto& start = history.front();
    start.data = codec<std::string>::encode(std::string(1000, 'a') + "\xc3\xa4" + "bc");
    for (history_event& each : history) {
        if (each.name == "reserve") {
            each.data = codec<std::string>::encode(std::string(1000, 'a') + "\xc3\xb6" + "bc");
        }
    }

    const replay_answer answer = replayed(only(as_recorded), history);

    REQUIRE(!answer.inputs.empty());
    CHECK_THAT(answer.inputs[0].recorded,
               Contains("input ...") && Contains("a\xc3\xb6"
                                                 "bc"));
    CHECK_THAT(answer.inputs[0].decided,
               Contains("input ...") && Contains("a\xc3\xa4"
                                                 "bc"));
    CHECK(answer.inputs[0].recorded.size() < 200);
}

TEST_CASE("what cannot be replayed says why", "[history_replay]") {
    const registry code = only(as_recorded);
    const auto history = recorded_by(code);
    const instance_id id("order-1");
    const auto whole = chunks_of(history);
    const auto answer_of = [&](std::vector<history_chunk> chunks) {
        return replay_history(code, id, chunks);
    };

    const auto unknown = replayed(only(as_recorded, "2"), history);
    CHECK(unknown.verdict == replay_verdict::unknown_definition);
    CHECK(unknown.problem ==
          R"(there is no orchestration "Sell" version ""; of this name there is "2")");

    const auto newer = answer_of({{0, 1, R"([{"type":"execution_dreamt"}])"}});
    CHECK(newer.verdict == replay_verdict::newer);
    CHECK_THAT(newer.problem, Contains("execution_dreamt"));
    auto reserved = history;
    reserved.back().kind = event_kind::step_completed;
    CHECK(replayed(code, reserved).verdict == replay_verdict::newer);

    const auto broken = answer_of({{0, 1, R"([{"type":"execution_st)"}});
    CHECK(broken.verdict == replay_verdict::broken);
    CHECK(!broken.problem.empty());
    CHECK(answer_of({{0, 2, whole[0].text}}).verdict == replay_verdict::broken);
    CHECK_THAT(answer_of({{4, 1, whole[0].text}}).problem, Contains("event 0 was expected"));
    CHECK_THAT(answer_of({}).problem, Contains("no event"));
    auto headless = history;
    headless.erase(headless.begin());
    CHECK_THAT(replayed(code, headless).problem, Contains("not with the start"));

    auto unreadable = history;
    unreadable.front().data.bytes = "[]";
    const auto unread = replayed(code, unreadable);
    CHECK(unread.verdict == replay_verdict::unreadable);
    CHECK_THAT(unread.problem, Contains("the input of orchestration \"Sell\""));
}

TEST_CASE("a history in many pages is replayed as in one", "[history_replay]") {
    const auto history = recorded_by(only(as_recorded));
    const auto chunks = chunks_of(history, 1);
    REQUIRE(chunks.size() > 5);
    const auto paged = [&](const registry& code) {
        history_replay replaying(code, instance_id("order-1"));
        for (const history_chunk& chunk : chunks) {
            replaying.take(std::span(&chunk, 1));
        }
        return replaying.finish();
    };

    CHECK(paged(only(as_recorded)).verdict == replay_verdict::agrees);
    CHECK(paged(only(as_recorded)).events == history.size());
    for (const registry& code :
         {only(with_one_more), only(with_one_fewer), only(without_timer), only(that_throws)}) {
        const auto whole = divergence(code, history);
        const auto answer = paged(code);
        REQUIRE(answer.divergence);
        CHECK(answer.verdict == replay_verdict::diverges);
        CHECK(answer.divergence->number == whole.number);
        CHECK(answer.divergence->before == whole.before);
        CHECK(answer.divergence->recorded == whole.recorded);
        CHECK(answer.divergence->decided == whole.decided);
    }
}

TEST_CASE("a replay finds what a worker's turn finds, whatever event is lost or doubled",
          "[history_replay]") {
    const registry known = sample_orchestrations();
    int divergences = 0;
    for (const auto& recorded :
         recorded_histories(known, std::string(PERDURE_TEST_DATA) + "/histories")) {
        const auto* definition = known.find_orchestration(recorded.orchestration, "");
        for (std::size_t at = 1; at < recorded.events.size(); ++at) {
            for (const bool is_doubled : {false, true}) {
                auto events = recorded.events;
                events.front().name = recorded.orchestration;
                const auto place = events.begin() + static_cast<std::ptrdiff_t>(at);
                if (is_doubled) {
                    events.insert(place, *place);
                } else {
                    events.erase(place);
                }
                INFO(recorded.orchestration << ", event " << at << (is_doubled ? " doubled" : ""));
                const auto turn = replay::run_turn(*definition, events, {}, timestamp{}, {});
                const auto answer = replayed(known, events);
                const bool is_divergence =
                    turn.fault && turn.fault->what == replay::turn_fault::kind::divergence;
                CHECK((answer.verdict == replay_verdict::diverges) == is_divergence);
                const bool is_good = answer.verdict == replay_verdict::agrees ||
                                     answer.verdict == replay_verdict::agrees_so_far;
                CHECK(is_good == !turn.fault);
                divergences += is_divergence ? 1 : 0;
            }
        }
    }
    CHECK(divergences > 100);
}
