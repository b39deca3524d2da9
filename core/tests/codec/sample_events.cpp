#include "codec/sample_events.hpp"

#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace perdure::test {

namespace {

constexpr uuid first_execution{0x0123456789AB4CDEULL, 0x8123456789ABCDEFULL};
constexpr uuid second_execution{0xFEDCBA9876544321ULL, 0xBEDCBA9876543210ULL};

history_event event_of(event_kind kind, long long seconds, std::uint64_t task = 0) {
    history_event event;
    event.kind = kind;
    event.at = timestamp(std::chrono::seconds(1'700'000'000 + seconds));
    event.task = {task};
    return event;
}

history_event named(history_event event, std::string name, payload data = {}) {
    event.name = std::move(name);
    event.data = std::move(data);
    return event;
}

history_event with_data(history_event event, payload data) {
    event.data = std::move(data);
    return event;
}

history_event with_reason(history_event event, failure reason) {
    event.reason = std::make_shared<const failure>(std::move(reason));
    return event;
}

history_event with_note(history_event event, std::string note) {
    event.note = std::move(note);
    return event;
}

history_event started() {
    history_event event = named(event_of(event_kind::execution_started, 0),
                                "Checkout",
                                {"json", R"({"id":"4711","items":[{"qty":2}]})"});
    event.version = "2.0";
    event.execution = {first_execution};
    event.fire_at = timestamp(std::chrono::seconds(1'700'000'000));
    event.tags = {{"customer", "Zoë"}, {"region", "eu"}};
    event.parent = parent_link{instance_id("order-4711"), {second_execution}, {7}};
    event.trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\nvendor=1";
    return event;
}

failure chained_failure() {
    failure cause("std::system_error", "connection refused");
    failure reason("payments.declined", "card \"4711\" was declined\nby the bank");
    reason.stack_trace = "#0 charge()";
    reason.non_retriable = true;
    reason.properties = {{"code", "51"}};
    reason.inner = std::make_shared<const failure>(std::move(cause));
    return reason;
}

history_event timer(event_kind kind, long long seconds) {
    history_event event = event_of(kind, seconds, 3);
    event.fire_at = timestamp(std::chrono::microseconds(1'700'000'900'000'001));
    return event;
}

history_event child_created() {
    history_event event =
        named(event_of(event_kind::child_created, 4, 5), "Ship", {"json", "null"});
    event.version = "1";
    event.instance = "order-4711:5";
    event.execution = {second_execution};
    event.tags = {{"region", "eu"}};
    return event;
}

history_event event_sent() {
    history_event event = named(event_of(event_kind::event_sent, 6, 6), "paid", {"json", "true"});
    event.instance = "ledger";
    return event;
}

}  // namespace

std::vector<history_event> sample_events() {
    using kind = event_kind;
    const payload binary("cbor", std::string("\xA1\x00\xFF\x01", 4));
    return {
        started(),
        with_data(event_of(kind::execution_completed, 60), {"json", R"("done")"}),
        with_reason(event_of(kind::execution_failed, 60), chained_failure()),
        with_note(event_of(kind::execution_terminated, 60), "asked for by the customer"),
        with_note(event_of(kind::execution_suspended, 20), "audit"),
        with_note(event_of(kind::execution_resumed, 30), "audit over"),
        with_data(event_of(kind::execution_continued_as_new, 60), {"json", "15"}),
        named(event_of(kind::task_scheduled, 1, 1), "ChargeCard", {"json", R"({"cents":1999})"}),
        with_data(event_of(kind::task_completed, 2, 1), {"json", R"({"receipt":"r-1"})"}),
        with_reason(event_of(kind::task_failed, 2, 2), {"perdure.timeout", "no answer"}),
        timer(kind::timer_created, 3),
        timer(kind::timer_fired, 900),
        child_created(),
        with_data(event_of(kind::child_completed, 7, 5), {"text/plain", "tracked: \"Z-9\""}),
        with_reason(event_of(kind::child_failed, 7, 5), {"perdure.terminated", "terminated"}),
        named(event_of(kind::event_raised, 8), "approved", binary),
        event_sent(),
        event_of(kind::turn_started, 9),
        with_data(event_of(kind::custom_status_set, 9), {"json", R"({"step":"shipping"})"}),
        event_of(kind::task_cancelled, 10, 3),
    };
}

std::string golden_text(event_kind kind) {
    const std::string name =
        std::string(PERDURE_TEST_DATA) + "/golden/" + std::string(to_string(kind)) + ".json";
    std::ifstream file(name, std::ios::binary);
    if (!file) {
        throw std::runtime_error("cannot open " + name);
    }
    std::ostringstream text;
    text << file.rdbuf();
    std::string line = text.str();
    if (line.ends_with('\n')) {
        line.pop_back();
    }
    return line;
}

}  // namespace perdure::test
