#include "codec/sample_events.hpp"

#include <perdure/history_codec.hpp>

#include <catch2/catch.hpp>

#include <memory>

using namespace perdure;
using Catch::Matchers::Contains;

namespace {

history_event a_completion(payload result) {
    history_event event;
    event.kind = event_kind::task_completed;
    event.data = std::move(result);
    return event;
}

}  // namespace

TEST_CASE("every kind of event is stored as its golden file says", "[history]") {
    for (const history_event& event : test::sample_events()) {
        const std::string golden = test::golden_text(event.kind);
        CHECK(encode_event(event) == golden);
        CHECK(decode_event(golden) == event);
    }
}

TEST_CASE("the golden files cover every kind that is written today", "[history]") {
    CHECK(test::sample_events().size() == 20);
}

TEST_CASE("the members of an event may come in any order, with white space", "[history]") {
    const history_event event = decode_event(
        " { \"data\" : \"5\" ,\n \"task\":3,\"at\":\t-1, \"type\"\r: \"task_completed\" } ");

    CHECK(event.kind == event_kind::task_completed);
    CHECK(event.at == timestamp(duration(-1)));
    CHECK(event.task == task_id{3});
    CHECK(event.data == payload("json", "5"));
}

TEST_CASE("names of members may be written with escapes", "[history]") {
    CHECK(decode_event("{\"t\\u0079pe\":\"turn_started\"}").kind == event_kind::turn_started);
}

TEST_CASE("64-bit integers are exact, and larger ones refused", "[history]") {
    const history_event event = decode_event(
        R"({"type":"timer_created","task":18446744073709551615,"fire_at":-9223372036854775808})");
    CHECK(event.task.value == 18446744073709551615ULL);
    CHECK(event.fire_at.time_since_epoch().count() == std::numeric_limits<std::int64_t>::min());
    CHECK(decode_event(encode_event(event)) == event);

    CHECK_THROWS_AS(decode_event(R"({"type":"timer_fired","task":18446744073709551616})"),
                    history_error);
    CHECK_THROWS_AS(decode_event(R"({"type":"timer_fired","task":-1})"), history_error);
    CHECK_THROWS_AS(decode_event(R"({"type":"timer_fired","at":1.5})"), history_error);
    CHECK_THROWS_AS(decode_event(R"({"type":"timer_fired","at":9223372036854775808})"),
                    history_error);
}

TEST_CASE("payloads keep every byte, whatever it is", "[history][payload]") {
    std::string all_bytes;
    for (int byte = 0; byte < 256; ++byte) {
        all_bytes += static_cast<char>(byte);
    }
    const std::string escapes = "\"\\/\b\f\n\r\t\x01\x1F\x7F \xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80";
    for (const char* codec : {"json", "cbor", "a\"b"}) {
        for (const std::string& bytes : {all_bytes,
                                         escapes,
                                         std::string(),
                                         std::string(1, '\0'),
                                         std::string("\xED\xA0\x80")}) {
            const history_event event = a_completion({codec, bytes});
            CHECK(decode_event(encode_event(event)) == event);
        }
    }
}

TEST_CASE("a payload is text when it is UTF-8 without NUL, and base64 otherwise", "[history]") {
    const auto data_of = [](payload data) {
        const std::string text = encode_event(a_completion(std::move(data)));
        return text.substr(text.find("\"data\":") + 7);
    };
    CHECK(data_of({"json", "\"\xC3\xA4\""}) == "\"\\\"\xC3\xA4\\\"\"}");
    CHECK(data_of({"json", std::string("a\0b", 3)}) == R"({"codec":"json","base64":"YQBi"}})");
    CHECK(data_of({"json", "\xFF"}) == R"({"codec":"json","base64":"/w=="}})");
    CHECK(data_of({"xml", "<a/>"}) == R"({"codec":"xml","text":"<a/>"}})");
}

TEST_CASE("no payload is no member, and an empty one is not the same", "[history]") {
    CHECK(encode_event(a_completion({})) == R"({"type":"task_completed"})");
    CHECK(encode_event(a_completion({"json", ""})) == R"({"type":"task_completed","data":""})");
    CHECK(decode_event(R"({"type":"task_completed","data":""})").data == payload("json", ""));
}

TEST_CASE("a payload that is neither text nor codec and bytes is refused", "[history]") {
    for (const char* data : {"null",
                             "5",
                             "[]",
                             "{}",
                             R"({"codec":"x"})",
                             R"({"text":"x"})",
                             R"({"codec":"","text":"x"})",
                             R"({"codec":"x","text":"","base64":""})",
                             R"({"codec":"x","base64":"YQ"})",
                             R"({"codec":"x","base64":"YR=="})",
                             R"({"codec":"x","base64":"Y!=="})",
                             R"({"codec":"x","base64":"===="})"}) {
        CAPTURE(data);
        CHECK_THROWS_AS(
            decode_event(std::string(R"({"type":"task_completed","data":)") + data + "}"),
            history_error);
    }
}

TEST_CASE("members of a newer version survive unchanged", "[history]") {
    const std::string stored =
        R"({"type":"turn_started","at":5,"priority":7,"why":{"a":[1,{"at":2}], "b":"\u00e4"}})";

    const history_event event = decode_event(stored);

    CHECK(event.unknown == R"("priority":7,"why":{"a":[1,{"at":2}], "b":"\u00e4"})");
    CHECK(encode_event(event) == stored);
}

TEST_CASE("an unknown type of event is an error that names it", "[history]") {
    CHECK_THROWS_WITH(decode_event(R"({"type":"quantum_leap"})"), Contains("\"quantum_leap\""));
    CHECK_THROWS_WITH(decode_event("{}"), Contains("no \"type\""));
}

TEST_CASE("a history of a newer format is refused, of this one accepted", "[history]") {
    const history_event event = decode_event(R"({"type":"execution_started","format":1})");
    CHECK(encode_event(event) == R"({"type":"execution_started"})");

    CHECK_THROWS_WITH(decode_event(R"({"format":2,"type":"execution_started"})"),
                      Contains("format 2") && Contains("up to 1"));
}

TEST_CASE("what is not an event in JSON is a history error", "[history]") {
    for (const char* text : {"",
                             " ",
                             "null",
                             "[]",
                             "5",
                             "{",
                             "{\"type\"",
                             "{\"type\":\"turn_started\"",
                             "{\"type\":\"turn_started\"}x",
                             "{\"type\":\"turn_started\",}",
                             "{type:1}",
                             "{\"type\":\"turn_started\",\"at\":01}",
                             "{\"type\":\"turn_started\",\"at\":+1}",
                             "{\"type\":\"turn_started\",\"type\":\"turn_started\"}",
                             "{\"type\":5}",
                             "{\"type\":\"turn_started\",\"x\":nul}",
                             "{\"type\":\"turn_started\",\"x\":.5}",
                             "{\"type\":\"turn_started\",\"note\":\"\\x\"}",
                             "{\"type\":\"turn_started\",\"note\":\"\\ud800\"}",
                             "{\"type\":\"turn_started\",\"note\":\"\\udc00\"}",
                             "{\"type\":\"turn_started\",\"note\":\"\\ud800\\u0041\"}",
                             "{\"type\":\"turn_started\",\"note\":\"\n\"}",
                             "{\"type\":\"turn_started\",\"note\":\"\xFF\"}",
                             "{\"type\":\"turn_started\",\"x\":\"\xC3\"}",
                             "{\"type\":\"turn_started\",\"execution\":\"0\"}",
                             "{\"type\":\"turn_started\",\"parent\":{\"instance\":\"\"}}",
                             "{\"type\":\"turn_started\",\"tags\":{\"a\":\"b\",\"a\":\"c\"}}",
                             "{\"type\":\"turn_started\",\"failure\":{\"non_retriable\":1}}"}) {
        CAPTURE(text);
        CHECK_THROWS_AS(decode_event(text), history_error);
    }
}

TEST_CASE("an error says where it is and what was found", "[history]") {
    CHECK_THROWS_WITH(decode_event(R"({"type":"turn_started","at":"soon"})"),
                      Contains("byte 28") && Contains("64 bits") && Contains("found \"soon\""));

    std::vector<history_event> events;
    CHECK_THROWS_WITH(
        decode_chunk({40, 2, R"([{"type":"turn_started"},{"type":"turn_started","task":x}])"},
                     events),
        Contains("event 41"));
}

TEST_CASE("escapes of characters beyond U+FFFF are read", "[history]") {
    CHECK(
        decode_event(R"({"type":"turn_started","note":"\ud83d\ude00\u20AC\u00e4\/\u0000"})").note ==
        std::string("\xF0\x9F\x98\x80\xE2\x82\xAC\xC3\xA4/\0", 11));
}

TEST_CASE("two megabytes of brackets are an error, not a crash", "[history]") {
    const std::string brackets(std::size_t{2} << 20U, '[');
    std::string objects;
    for (int i = 0; i < 300'000; ++i) {
        objects += "{\"a\":";
    }
    for (const std::string& deep : {brackets, objects}) {
        std::vector<history_event> events;
        CHECK_THROWS_AS(decode_event(deep), history_error);
        CHECK_THROWS_AS(decode_event("{\"type\":\"turn_started\",\"x\":" + deep), history_error);
        CHECK_THROWS_AS(decode_chunk({0, 1, deep}, events), history_error);
        CHECK_THROWS_AS(decode_failure(deep), history_error);
    }
}

TEST_CASE("a failure's text is stored even when it is not UTF-8", "[history][failure]") {
    const failure reason("type\xFF", std::string("a\0b\xC3", 4));

    const failure stored = decode_failure(encode_failure(reason));

    CHECK(stored.type == "type\xEF\xBF\xBD");
    CHECK(stored.message ==
          "a\xEF\xBF\xBD"
          "b\xEF\xBF\xBD");
}

TEST_CASE("a failure is stored with its causes, as far as the limit", "[history][failure]") {
    auto reason = std::make_shared<failure>("t", "0");
    for (int depth = 1; depth < 10'000; ++depth) {
        auto outer = std::make_shared<failure>("t", std::to_string(depth));
        outer->inner = std::move(reason);
        reason = std::move(outer);
    }

    const failure stored = decode_failure(encode_failure(*reason));

    std::size_t causes = 0;
    for (const failure* one = &stored; one != nullptr; one = one->inner.get()) {
        CHECK(one->message == std::to_string(9'999 - causes));
        ++causes;
    }
    CHECK(causes == 32);
}

TEST_CASE("events are split into texts of about the wanted size", "[history][chunk]") {
    const std::vector<history_event> events = test::sample_events();

    const std::vector<new_events> texts = encode_events(events, 400);

    std::vector<history_event> read;
    for (const new_events& part : texts) {
        CHECK((part.text.size() <= 402 || part.count == 1));
        decode_chunk({read.size(), part.count, part.text}, read);
    }
    CHECK(texts.size() > 3);
    CHECK(read == events);
    CHECK(encode_events({}).empty());
    CHECK(encode_events(events, std::numeric_limits<std::size_t>::max()).size() == 1);
}

TEST_CASE("a chunk must hold as many events as it says", "[history][chunk]") {
    std::vector<history_event> events;
    CHECK_THROWS_WITH(decode_chunk({0, 2, R"([{"type":"turn_started"}])"}, events),
                      Contains("1 events instead of 2"));
    CHECK_THROWS_AS(decode_chunk({0,
                                  0,
                                  "[] "
                                  "x"},
                                 events),
                    history_error);
    CHECK_NOTHROW(decode_chunk({0, 0, " [ ] "}, events));
}
