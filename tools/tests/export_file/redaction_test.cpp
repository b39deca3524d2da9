#include "moving/redaction.hpp"

#include "sample_images.hpp"

#include <catch2/catch.hpp>

using namespace perdure;
using namespace perdure::tool;

namespace {

std::string redacted_json_payload(const std::string& text) {
    return redacted(payload("json", text)).bytes;
}

}  // namespace

TEST_CASE("Payloads keep their shape and lose their content", "[redaction]") {
    CHECK(redacted_json_payload(R"({"card": "4711", "on": [true, null, -1.5e3], "": {}})") ==
          R"({"card": "xxxx", "on": [true, null, 0], "": {}})");
    CHECK(redacted_json_payload(R"("\u00e4\n\ud83d\udeb2ä")") == R"("xxxx")");
    CHECK(redacted_json_payload(R"("")") == R"("")");
    CHECK(redacted_json_payload("17") == "0");
    CHECK(redacted_json_payload("no JSON") == "xxxxxxx");
    CHECK(redacted(payload("text", "\"a\"")) == payload("text", "xxx"));
    CHECK(redacted(payload("bytes", "\xff\x01")) == payload("bytes", std::string(2, '\0')));
    CHECK(redacted(payload()) == payload());
}

TEST_CASE("Events keep everything but contents, byte for byte", "[redaction]") {
    CHECK(redacted_events(R"([ {"type":"task_scheduled", "at":17,"task":1,"name":"Pay",)"
                          R"("data":"{\"card\": \"4711\"}","tags":{"by":"me"}},)"
                          "\n"
                          R"({"type":"execution_suspended","note":"why", "new":["a",1]}])") ==
          R"([ {"type":"task_scheduled", "at":17,"task":1,"name":"Pay",)"
          R"("data":"{\"card\": \"xxxx\"}","tags":{"by":"xx"}},)"
          "\n"
          R"({"type":"execution_suspended","note":"xxx", "new":["x",0]}])");
    CHECK(redacted_events(R"({"type":"child_created","instance":"c","execution":"e","fire_at":1,)"
                          R"("version":"2","parent":{"instance":"p"},"trace":"t","format":1})") ==
          R"({"type":"child_created","instance":"c","execution":"e","fire_at":1,)"
          R"("version":"2","parent":{"instance":"p"},"trace":"t","format":1})");
    CHECK(redacted_events(R"({"data":{"codec":"b","base64":"/wE="}})") ==
          R"({"data":{"codec":"b","base64":"AAA="}})");
    CHECK(redacted_events(R"({"data":{"codec":"t","text":"abc"}})") ==
          R"({"data":{"codec":"t","text":"xxx"}})");
    CHECK(redacted_events(R"({"data":{"codec":"b","base64":"not that"}})") ==
          R"({"data":{"codec":"b","base64":""}})");
    CHECK(redacted_events(R"([1,"a",{"data":7}])") == R"([0,"x",{"data":0}])");
    CHECK(redacted_events("secret") == "xxxxxx");
}

TEST_CASE("Failures keep their types", "[redaction]") {
    CHECK(redacted_failure(R"({"type":"T","message":"m n","stack_trace":"s","non_retriable":true,)"
                           R"("properties":{"k":"v"},"inner":{"type":"U","message":"o"}})") ==
          R"({"type":"T","message":"xxx","stack_trace":"x","non_retriable":true,)"
          R"("properties":{"k":"x"},"inner":{"type":"U","message":"x"}})");
    CHECK(redacted_events(R"({"type":"task_failed","failure":{"type":"T","message":"m"}})") ==
          R"({"type":"task_failed","failure":{"type":"T","message":"x"}})");
    CHECK(redacted_failure("") == "");
}

TEST_CASE("Nothing of a redacted image's contents is left in a file", "[redaction]") {
    auto image = sample_image("customer-7");
    image.record.output = {"json", R"({"secret": "secret"})"};
    image.record.custom_status = {"text", "secret"};
    image.record.failure = R"({"type":"T","message":"secret"})";
    image.record.parked_reason = "secret";
    image.record.tags = {{"customer", "secret"}};
    image.history.push_back({5, 1, R"([{"type":"event_raised","data":"\"secret\""}])"});
    image.record.history_length = 6;
    image.activities.front().scheduled.input = {"json", R"(["secret"])"};
    image.activities.back().scheduled.details = R"({"tags":{"a":"secret"}})";
    CHECK(file_of({image}).find("secret") != std::string::npos);

    redact(image);
    const std::string file = file_of({image});

    CHECK(file.find("4711") == std::string::npos);
    CHECK(file.find("secret") == file.rfind("secret"));  // The name of a member stays.
    for (const char* kept : {"customer-7", "customer", "m-1", "Charge", "timer_fired", "slow"}) {
        CHECK(file.find(kept) != std::string::npos);
    }
    CHECK(read_all(file).images == std::vector{image});
}
