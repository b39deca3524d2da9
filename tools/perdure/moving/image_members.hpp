#pragma once

#include <perdure/instance_image.hpp>

#include <string_view>
#include <type_traits>

// The members of the lines of an export file, each by its name, once for who writes and who reads
// them: docs/export-format.md explains them. `Members` is called with a name and a value; a value
// that is the default, or the third argument, is left out. Names are never changed or used again
// for something else; whoever adds one raises the version of the format.

namespace perdure::tool {

// What `describe` may get: a value to write, or one to be read into.
template <class Value, class Type>
concept described_as = std::is_same_v<std::remove_const_t<Value>, Type>;

template <class Members, described_as<payload> Value>
void describe(Members& has, Value& value) {
    has("codec", value.codec);
    has("bytes", value.bytes);
}

template <class Members, described_as<parent_link> Value>
void describe(Members& has, Value& value) {
    has("instance", value.instance);
    has("execution", value.execution);
    has("task", value.task);
}

template <class Members, described_as<lease_image> Value>
void describe(Members& has, Value& value) {
    has("token", value.token);
    has("holder", value.holder);
    has("until", value.until);
    has("suspect", value.suspect);
    has("deliveries", value.deliveries);
    has("ready_at", value.ready_at);
}

template <class Members, described_as<accepted_message> Value>
void describe(Members& has, Value& value) {
    has("id", value.id);
    has("at", value.at);
}

template <class Members, described_as<message_image> Value>
void describe(Members& has, Value& value) {
    has("sequence", value.message.sequence);
    has("visible_at", value.message.visible_at);
    has("due", value.due);
    has("task", value.message.task);
    has("for_execution", value.for_execution);
    has("timer", value.is_timer);
    has("completed_by", value.completed_by);
    has.stored("event", value.message.event);
}

template <class Members, described_as<activity_image> Value>
void describe(Members& has, Value& value) {
    has("execution", value.execution);
    has("task", value.scheduled.task);
    has("name", value.scheduled.name);
    has("version", value.scheduled.version);
    has("queue", value.scheduled.queue);
    has("priority", value.scheduled.priority);
    has("input", value.scheduled.input);
    has("held", value.held);
    has.stored("details", value.scheduled.details);
}

template <class Members, described_as<history_chunk> Value>
void describe(Members& has, Value& value) {
    has("first", value.first);
    has("count", value.count);
    has.stored("events", value.text);
}

template <class Members, described_as<instance_record> Value>
void describe(Members& has, Value& value) {
    has("instance", value.instance);
    has("execution", value.execution);
    has("kind", value.kind);
    has("name", value.name);
    has("version", value.version);
    has("level", value.level, feature_level{1});
    has("status", value.status);
    has("created_at", value.created_at);
    has("updated_at", value.updated_at);
    has("completed_at", value.completed_at);
    has("start_at", value.start_at);
    has("parked_reason", value.parked_reason);
    has("tags", value.tags);
    has("parent", value.parent);
    has("custom_status", value.custom_status);
    has("output", value.output);
    has.stored("failure", value.failure);
    has("history_length", value.history_length);
}

// All but what has lines of its own.
template <class Members, described_as<instance_image> Value>
void describe(Members& has, Value& value) {
    describe(has, value.record);
    has("created_as", value.created_as);
    has("history_version", value.history_version);
    has("last_committed", value.last_committed);
    has("last_committer", value.last_committer);
    has("needs_turn", value.needs_turn, true);
    has("not_before", value.not_before);
    has("held", value.held);
}

}  // namespace perdure::tool
