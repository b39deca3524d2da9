#define CATCH_CONFIG_FAST_COMPILE
#include "nouns/invariant.hpp"
#include "replay/checkpoint_builder.hpp"
#include "replay/live_instance.hpp"
#include "sample_orchestrations.hpp"
#include "transcript.hpp"

#include <perdure/history_codec.hpp>

#include <catch2/catch.hpp>

#include <filesystem>

using namespace perdure;
using namespace perdure::replay;
using namespace perdure::test;

namespace {

std::vector<transcript> all_transcripts() {
    std::vector<transcript> all;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string(PERDURE_TEST_DATA) + "/histories")) {
        all.push_back(read_transcript(entry.path().string()));
    }
    return all;
}

std::vector<std::string> lines(const std::vector<decision>& decisions) {
    std::vector<std::string> out;
    for (const decision& made : decisions) {
        out.push_back(decision_line(made.event));
    }
    return out;
}

const orchestration_definition& definition_of(const registry& known, const std::string& name) {
    const auto* found = known.find_orchestration(name, "");
    REQUIRE(found != nullptr);
    return *found;
}

/// Plays a transcript with a new frame at every turn, checks every turn, and returns the history.
std::vector<history_event> play(const registry& known, const transcript& text) {
    const auto& definition = definition_of(known, text.orchestration);
    std::vector<history_event> history{start_event(text)};
    for (std::size_t i = 0; i < text.turns.size(); ++i) {
        const transcript_turn& turn = text.turns[i];
        INFO(text.file << ", turn at " << turn.now.time_since_epoch().count() / 1000 << " ms");
        auto result = run_turn(definition, history, turn.messages, turn.now, {});
        const bool is_last = i + 1 == text.turns.size();
        if (is_last && !text.fault.empty()) {
            REQUIRE(result.fault);
            CHECK_THAT(result.fault->report, Catch::Contains(text.fault));
            return history;
        }
        if (result.fault) {
            FAIL(result.fault->report);
        }
        CHECK(lines(result.decisions) == turn.decisions);
        if (is_last) {
            CHECK(end_name(result.end) == text.end);
        }
        history.insert(history.end(), result.events.begin(), result.events.end());
    }
    return history;
}

}  // namespace

TEST_CASE("every transcript plays as written with a fresh frame each turn", "[replay]") {
    const registry known = sample_orchestrations();

    for (const transcript& text : all_transcripts()) {
        play(known, text);
    }
}

TEST_CASE("a frame that stays alive decides the same as one rebuilt from history", "[replay]") {
    const registry known = sample_orchestrations();
    for (const transcript& text : all_transcripts()) {
        INFO(text.file);
        live_instance live(
            instance_id("replay"), {{1, 2}}, definition_of(known, text.orchestration), {});
        const std::vector<history_event> start{start_event(text)};
        live.rebuild(start, history_ends::after_a_turn);

        std::uint64_t length = 1;
        for (const transcript_turn& turn : text.turns) {
            const auto result = live.advance(turn.now, turn.messages);
            if (result.fault) {
                CHECK(!text.fault.empty());
                break;
            }
            CHECK(lines(result.decisions) == turn.decisions);
            length += result.events.size();
            CHECK(live.history_length() == length);
        }
    }
}

TEST_CASE("any prefix of any recorded history can be replayed", "[replay]") {
    const registry known = sample_orchestrations();
    for (const transcript& text : all_transcripts()) {
        const auto history = play(known, text);
        for (std::size_t length = 1; length <= history.size(); ++length) {
            INFO(text.file << ", prefix of " << length);
            live_instance live(
                instance_id("replay"), {{1, 2}}, definition_of(known, text.orchestration), {});

            live.rebuild(std::span(history).first(length), history_ends::anywhere);

            CHECK(live.history_length() == length);
        }
    }
}

TEST_CASE("recorded history survives its stored form and still replays", "[replay]") {
    const registry known = sample_orchestrations();
    for (const transcript& text : all_transcripts()) {
        INFO(text.file);
        const auto history = play(known, text);
        std::vector<history_event> decoded;
        std::uint64_t first = 0;
        for (const new_events& part : encode_events(history, 200)) {
            decode_chunk({first, part.count, part.text}, decoded);
            first += part.count;
        }

        REQUIRE(decoded == history);
    }
}

namespace {
std::string fault_of(const registry& known, const std::string& file, const std::string& code) {
    const transcript text =
        read_transcript(std::string(PERDURE_TEST_DATA) + "/histories/" + file + ".history");
    const auto history = play(known, text);
    const auto result = run_turn(definition_of(known, code), history, {}, timestamp{}, {});
    return result.fault ? result.fault->report : std::string();
}
}  // namespace

TEST_CASE("a changed decision is reported with history and code side by side", "[replay]") {
    const std::string report = fault_of(sample_orchestrations(), "sequence", "sequence changed");

    CHECK_THAT(report, Catch::Contains("disagree at event 5"));
    CHECK_THAT(report, Catch::Contains("history: task_scheduled #2 \"Square\""));
    CHECK_THAT(report, Catch::Contains("code:    task_scheduled #2 \"Charge\""));
}

TEST_CASE("code that ends earlier than its history diverges", "[replay]") {
    const std::string report = fault_of(sample_orchestrations(), "sequence", "sequence shortened");

    CHECK_THAT(report, Catch::Contains("history: task_scheduled #2 \"Square\""));
    CHECK_THAT(report, Catch::Contains("code:    execution_completed"));
}

TEST_CASE("code that asks for more than its history recorded diverges", "[replay]") {
    const std::string report = fault_of(sample_orchestrations(), "sequence", "sequence extended");

    CHECK_THAT(report, Catch::Contains("history: turn_started"));
    CHECK_THAT(report, Catch::Contains("code:    task_scheduled #2 \"Square\""));
}

TEST_CASE("a surplus decision in the last turn of a history diverges", "[replay]") {
    const registry known = sample_orchestrations();
    transcript text =
        read_transcript(std::string(PERDURE_TEST_DATA) + "/histories/sequence.history");
    text.turns.resize(1);
    text.end = "open";
    const auto history = play(known, text);

    const auto result =
        run_turn(definition_of(known, "sequence extended"), history, {}, timestamp{}, {});

    REQUIRE(result.fault);
    CHECK_THAT(result.fault->report, Catch::Contains("(the turn ends here)"));
}

TEST_CASE("a changed input is drift: the recorded value wins, and it is said", "[replay]") {
    const registry known = sample_orchestrations();
    transcript text =
        read_transcript(std::string(PERDURE_TEST_DATA) + "/histories/sequence.history");
    text.turns.resize(1);
    text.end = "open";
    auto history = play(known, text);
    history.back().data = payload("json", "4");

    const auto result = run_turn(definition_of(known, "sequence"), history, {}, timestamp{}, {});

    CHECK(!result.fault);
    REQUIRE(result.remarks.size() == 1);
    CHECK(result.remarks.front().what == remark::kind::drift);
    CHECK_THAT(result.remarks.front().text, Catch::Contains("drift: task_scheduled #1"));
}

TEST_CASE("random numbers and ids are the same at every replay", "[replay]") {
    const registry known = sample_orchestrations();
    transcript text;
    text.orchestration = "dice";
    text.turns = {{timestamp(std::chrono::seconds(1)), {}, {}}};
    const std::vector<history_event> start{start_event(text)};
    const auto first = run_turn(definition_of(known, "dice"), start, {}, timestamp{}, {});
    const auto again = run_turn(definition_of(known, "dice"), start, {}, timestamp{}, {});

    REQUIRE(first.decisions.size() == 1);
    CHECK(lines(first.decisions) == lines(again.decisions));
    CHECK(first.custom_status == again.custom_status);
}

TEST_CASE("a turn with too many decisions is a fault, not a flood", "[replay]") {
    const registry known = sample_orchestrations();
    transcript text;
    text.orchestration = "fan out";
    text.input = "1000";
    const std::vector<history_event> start{start_event(text)};
    turn_limits limits;
    limits.decisions_max = 100;

    const auto result = run_turn(definition_of(known, "fan out"), start, {}, timestamp{}, limits);

    REQUIRE(result.fault);
    CHECK(result.fault->what == turn_fault::kind::too_large);
}

TEST_CASE("a retry that is one decision too many is the same fault", "[replay]") {
    const registry known = sample_orchestrations();
    const transcript text =
        read_transcript(std::string(PERDURE_TEST_DATA) + "/histories/retry_succeeds.history");
    std::vector<history_event> history{start_event(text)};
    const auto& definition = definition_of(known, "retried");
    const auto first = run_turn(definition, history, {}, timestamp{}, {});
    history.insert(history.end(), first.events.begin(), first.events.end());
    turn_limits limits;
    limits.decisions_max = 0;

    const auto result =
        run_turn(definition, history, text.turns.at(1).messages, timestamp{}, limits);

    REQUIRE(result.fault);
    CHECK(result.fault->what == turn_fault::kind::too_large);
}

TEST_CASE("a limit that was lowered refuses what is new, and keeps what is recorded", "[replay]") {
    const registry known = sample_orchestrations();
    const transcript text =
        read_transcript(std::string(PERDURE_TEST_DATA) + "/histories/retry_succeeds.history");
    std::vector<history_event> history{start_event(text)};
    const auto& definition = definition_of(known, "retried");
    turn_limits lowered;
    lowered.payload_bytes_max = 3;

    const auto refused = run_turn(definition, history, {}, timestamp{}, lowered);
    REQUIRE(!refused.fault);
    REQUIRE(refused.end == turn_end::failed);
    CHECK_THAT(refused.reason->message, Catch::Contains("activity \"Charge\": input"));

    const auto first = run_turn(definition, history, {}, timestamp{}, {});
    history.insert(history.end(), first.events.begin(), first.events.end());
    const auto next = run_turn(definition, history, {}, timestamp{}, lowered);
    CHECK(!next.fault);
    CHECK(next.end == turn_end::open);
}

TEST_CASE("unread events are handed to the next execution", "[replay]") {
    const registry known = sample_orchestrations();
    const transcript text =
        read_transcript(std::string(PERDURE_TEST_DATA) + "/histories/continue_as_new.history");
    std::vector<history_event> history{start_event(text)};
    const auto& definition = definition_of(known, "counter");
    auto first = run_turn(definition, history, {}, timestamp{}, {});
    history.insert(history.end(), first.events.begin(), first.events.end());

    const auto result = run_turn(definition, history, text.turns.back().messages, timestamp{}, {});

    REQUIRE(result.kept_events.size() == 1);
    CHECK(result.kept_events.front().data.bytes == "6");
    CHECK(result.next_start.data.bytes == "15");
}

TEST_CASE("an execution that is suspended while it continues leaves the next one suspended",
          "[replay]") {
    const registry known = sample_orchestrations();
    const auto& definition = definition_of(known, "counter");
    transcript text =
        read_transcript(std::string(PERDURE_TEST_DATA) + "/histories/continue_as_new.history");
    text.turns.back().messages.insert(text.turns.back().messages.begin() + 1,
                                      {9, {}, {}, R"({"type":"execution_suspended"})"});
    std::vector<history_event> history{start_event(text)};
    const auto first = run_turn(definition, history, {}, timestamp{}, {});
    history.insert(history.end(), first.events.begin(), first.events.end());
    auto last = run_turn(definition, history, text.turns.back().messages, timestamp{}, {});
    REQUIRE(last.end == turn_end::continued);

    std::vector<history_event> next{last.next_start};
    next.insert(next.end(), last.kept_events.begin(), last.kept_events.end());
    const auto held = run_turn(definition, next, {}, timestamp{}, {});
    CHECK(held.end == turn_end::suspended);
    CHECK(held.decisions.empty());
    next.insert(next.end(), held.events.begin(), held.events.end());
    const std::vector<inbox_message> resume{{10, {}, {}, R"({"type":"execution_resumed"})"}};
    const auto resumed = run_turn(definition, next, resume, timestamp{}, {});

    // The event that came with the suspension was kept, once.
    CHECK(resumed.end == turn_end::continued);
    CHECK(resumed.next_start.data.bytes == "21");
    CHECK(resumed.kept_events.empty());
}

TEST_CASE("a message that cannot be read is a fault of the instance", "[replay]") {
    const registry known = sample_orchestrations();
    transcript text;
    text.orchestration = "dice";
    const std::vector<history_event> start{start_event(text)};
    const std::vector<inbox_message> inbox{{1, {}, {}, "{\"type\":"}};

    const auto result = run_turn(definition_of(known, "dice"), start, inbox, timestamp{}, {});

    REQUIRE(result.fault);
    CHECK(result.fault->what == turn_fault::kind::bad_history);
}

TEST_CASE("a checkpoint carries the whole effect of a turn", "[replay][checkpoint]") {
    const registry known = sample_orchestrations();
    transcript text;
    text.orchestration = "sender";
    const std::vector<history_event> start{start_event(text)};
    orchestration_work work{instance_id("one"),
                            {{1, 2}},
                            {{7}, 0},
                            "sender",
                            "",
                            orchestration_status::pending,
                            1,
                            {},
                            1,
                            {},
                            {{42, {}, {}, ""}},
                            1,
                            false};
    const auto result = run_turn(definition_of(known, "sender"), start, {}, timestamp{}, {});

    const checkpoint made = build_checkpoint(work, result, {{3, 4}});

    CHECK(made.consumed == std::vector<std::uint64_t>{42});
    CHECK(made.activities.size() == 2);
    CHECK(made.messages.size() == 1);
    REQUIRE(made.children.size() == 1);
    CHECK(made.children.front().refused_event.empty());
    CHECK(!made.children.front().instance.parent);
    CHECK(made.events.front().count == 5);
    CHECK(made.status == orchestration_status::running);
}

TEST_CASE("a result that does not follow from its work item makes no checkpoint",
          "[replay][checkpoint]") {
    const registry known = sample_orchestrations();
    transcript text;
    text.orchestration = "sender";
    const std::vector<history_event> start{start_event(text)};
    const orchestration_work work{.instance = instance_id("one"),
                                  .execution = {{1, 2}},
                                  .held = {{7}, 0},
                                  .name = "sender",
                                  .history_length = 1};
    const auto result = run_turn(definition_of(known, "sender"), start, {}, timestamp{}, {});
    REQUIRE_NOTHROW(build_checkpoint(work, result, {}));

    auto other_length = work;
    other_length.history_length = 2;
    CHECK_THROWS_AS(build_checkpoint(other_length, result, {}), broken_invariant);

    auto twice = work;
    twice.inbox = {{.sequence = 3}, {.sequence = 5}, {.sequence = 3}};
    CHECK_THROWS_AS(build_checkpoint(twice, result, {}), broken_invariant);
    twice.inbox = {{.sequence = 3}, {.sequence = 3}};
    CHECK_THROWS_AS(build_checkpoint(twice, result, {}), broken_invariant);
    twice.inbox = {{.sequence = 5}, {.sequence = 3}};
    CHECK(build_checkpoint(twice, result, {}).consumed == std::vector<std::uint64_t>{5, 3});

    auto without_an_event = result;
    without_an_event.events.pop_back();
    CHECK_THROWS_AS(build_checkpoint(work, without_an_event, {}), broken_invariant);
    auto without_events = result;
    without_events.events.clear();
    CHECK_THROWS_AS(build_checkpoint(work, without_events, {}), broken_invariant);
    auto without_a_decision = result;
    without_a_decision.decisions.erase(without_a_decision.decisions.begin());
    CHECK_THROWS_AS(build_checkpoint(work, without_a_decision, {}), broken_invariant);
}

TEST_CASE("a gap in the task ids of a history is a divergence", "[replay]") {
    const registry known = sample_orchestrations();
    transcript text;
    text.orchestration = "sender";
    std::vector<history_event> history{start_event(text)};
    const auto result = run_turn(definition_of(known, "sender"), history, {}, timestamp{}, {});
    history.insert(history.end(), result.events.begin(), result.events.end());
    ++history.back().task.value;

    const auto after = run_turn(definition_of(known, "sender"), history, {}, timestamp{}, {});

    REQUIRE(after.fault);
    CHECK(after.fault->what == turn_fault::kind::divergence);
}

TEST_CASE("the details of an activity survive their text", "[replay][checkpoint]") {
    const activity_details details{{3}, 2, {{"team", "blue"}}};

    const auto read = decode_details(encode_details(details), {9});

    CHECK(read.first_task == task_id{3});
    CHECK(read.attempt == 2);
    CHECK(read.tags == details.tags);
    CHECK(decode_details(encode_details({{9}, 1, {}}), {9}).first_task == task_id{9});
}
