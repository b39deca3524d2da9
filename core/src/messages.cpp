#include "messages.hpp"

#include <perdure/history_codec.hpp>

#include <memory>

namespace perdure::messages {

std::string completed(event_kind kind, const payload& result) {
    history_event event;
    event.kind = kind;
    event.data = result;
    return encode_event(event);
}

std::string failed(event_kind kind, const failure& reason) {
    history_event event;
    event.kind = kind;
    event.reason = std::make_shared<const failure>(reason);
    return encode_event(event);
}

std::string timer_fired() {
    history_event event;
    event.kind = event_kind::timer_fired;
    return encode_event(event);
}

std::string event_raised(const std::string& name, const payload& content) {
    history_event event;
    event.kind = event_kind::event_raised;
    event.name = name;
    event.data = content;
    return encode_event(event);
}

namespace {
std::string noted(event_kind kind, const std::string& note) {
    history_event event;
    event.kind = kind;
    event.note = note;
    return encode_event(event);
}
}  // namespace

std::string suspended(const std::string& note) {
    return noted(event_kind::execution_suspended, note);
}

std::string resumed(const std::string& note) {
    return noted(event_kind::execution_resumed, note);
}

std::string terminated(const std::string& note, const tag_map& tags) {
    history_event event;
    event.kind = event_kind::execution_terminated;
    event.note = note;
    event.tags = tags;
    return encode_event(event);
}

std::string child_gone(const std::string& child,
                       const std::string& type,
                       const std::string& message) {
    failure reason(type, message);
    reason.properties["instance"] = child;
    // Somebody has decided so; a retry would decide otherwise.
    reason.non_retriable = true;
    return failed(event_kind::child_failed, reason);
}

}  // namespace perdure::messages
