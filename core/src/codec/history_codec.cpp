#include <perdure/history_codec.hpp>

#include "codec/base64.hpp"
#include "codec/json_text.hpp"

#include <fmt/format.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <charconv>

namespace perdure {
inline namespace v1 {

namespace {

using json_value = rapidjson::Value;

// ---------------------------------------------------------------------------------------- writing

class object_writer {
  public:
    explicit object_writer(std::string& out) : out_(out) { out_ += '{'; }

    void text(std::string_view key, std::string_view value) {
        member(key);
        append_json_string(out_, value);
    }
    void number(std::string_view key, std::int64_t value) {
        member(key);
        out_.append(std::string_view(digits_, format(value)));
    }
    void unsigned_number(std::string_view key, std::uint64_t value) {
        member(key);
        out_.append(std::string_view(digits_, format(value)));
    }
    void flag(std::string_view key) {
        member(key);
        out_ += "true";
    }
    /// Begins a member whose value the caller appends.
    std::string& raw(std::string_view key) {
        member(key);
        return out_;
    }
    void members(std::string_view text) {
        separate();
        out_ += text;
    }
    void close() { out_ += '}'; }

  private:
    void separate() {
        if (!is_first_) {
            out_ += ',';
        }
        is_first_ = false;
    }
    void member(std::string_view key) {
        separate();
        out_ += '"';
        out_ += key;
        out_ += "\":";
    }
    template <class Number>
    std::size_t format(Number value) {
        return static_cast<std::size_t>(
            std::to_chars(std::begin(digits_), std::end(digits_), value).ptr - digits_);
    }

    std::string& out_;
    bool is_first_ = true;
    char digits_[24]{};
};

void append_payload(std::string& out, const payload& value) {
    const bool is_text = is_plain_text(value.bytes);
    if (is_text && value.codec == json_codec) {
        append_json_string(out, value.bytes);
        return;
    }
    object_writer object(out);
    object.text("codec", value.codec);
    if (is_text) {
        object.text("text", value.bytes);
    } else {
        object.text("base64", encode_base64(value.bytes));
    }
    object.close();
}

void append_tags(std::string& out, const tag_map& tags) {
    out += '{';
    for (bool is_first = true; const auto& [key, value] : tags) {
        if (!is_first) {
            out += ',';
        }
        is_first = false;
        append_json_string(out, key);
        out += ':';
        append_json_string(out, value);
    }
    out += '}';
}

void append_failure(std::string& out, const failure& reason) {
    object_writer object(out);
    object.text("type", reason.type);
    object.text("message", reason.message);
    if (!reason.stack_trace.empty()) {
        object.text("stack_trace", reason.stack_trace);
    }
    if (reason.non_retriable) {
        object.flag("non_retriable");
    }
    if (!reason.properties.empty()) {
        append_tags(object.raw("properties"), reason.properties);
    }
    if (reason.inner) {
        append_failure(object.raw("inner"), *reason.inner);
    }
    object.close();
}

void append_parent(std::string& out, const parent_link& parent) {
    object_writer object(out);
    object.text("instance", parent.instance.text());
    object.text("execution", to_string(parent.execution.value));
    object.unsigned_number("task", parent.task.value);
    object.close();
}

void append_event(std::string& out, const history_event& event) {
    object_writer object(out);
    object.text("type", to_string(event.kind));
    if (event.at != timestamp{}) {
        object.number("at", event.at.time_since_epoch().count());
    }
    if (event.task) {
        object.unsigned_number("task", event.task.value);
    }
    if (!event.name.empty()) {
        object.text("name", event.name);
    }
    if (!event.version.empty()) {
        object.text("version", event.version);
    }
    if (!event.data.is_none()) {
        append_payload(object.raw("data"), event.data);
    }
    if (!event.instance.empty()) {
        object.text("instance", event.instance);
    }
    if (!event.execution.value.is_nil()) {
        object.text("execution", to_string(event.execution.value));
    }
    if (event.fire_at != timestamp{}) {
        object.number("fire_at", event.fire_at.time_since_epoch().count());
    }
    if (event.reason) {
        append_failure(object.raw("failure"), *event.reason);
    }
    if (!event.note.empty()) {
        object.text("note", event.note);
    }
    if (!event.tags.empty()) {
        append_tags(object.raw("tags"), event.tags);
    }
    if (event.parent) {
        append_parent(object.raw("parent"), *event.parent);
    }
    if (!event.trace.empty()) {
        object.text("trace", event.trace);
    }
    if (!event.unknown.empty()) {
        object.members(event.unknown);
    }
    object.close();
}

// ---------------------------------------------------------------------------------------- reading

[[noreturn]] void refuse(std::string_view where, const std::string& problem) {
    throw history_error(fmt::format("stored history, {}: {}", where, problem));
}

std::string_view view_of(const json_value& value) {
    return {value.GetString(), value.GetStringLength()};
}

std::string text_of(const json_value& value, std::string_view key) {
    if (!value.IsString()) {
        refuse(fmt::format("member \"{}\"", key), "expected text");
    }
    return std::string(view_of(value));
}

std::int64_t number_of(const json_value& value, std::string_view key) {
    if (!value.IsInt64()) {
        refuse(fmt::format("member \"{}\"", key), "expected a whole number");
    }
    return value.GetInt64();
}

std::uint64_t unsigned_of(const json_value& value, std::string_view key) {
    if (!value.IsUint64()) {
        refuse(fmt::format("member \"{}\"", key), "expected a whole number of at least 0");
    }
    return value.GetUint64();
}

uuid uuid_of(const json_value& value, std::string_view key) {
    try {
        return parse_uuid(text_of(value, key));
    } catch (const invalid_input& problem) {
        refuse(fmt::format("member \"{}\"", key), problem.what());
    }
}

void require_object(const json_value& value, std::string_view key) {
    if (!value.IsObject()) {
        refuse(fmt::format("member \"{}\"", key), "expected an object");
    }
}

payload payload_of(const json_value& value) {
    if (value.IsString()) {
        return {std::string(json_codec), std::string(view_of(value))};
    }
    require_object(value, "data");
    payload out;
    for (const auto& member : value.GetObject()) {
        const std::string_view key = view_of(member.name);
        if (key == "codec") {
            out.codec = text_of(member.value, key);
        } else if (key == "text") {
            out.bytes = text_of(member.value, key);
        } else if (key == "base64") {
            auto bytes = decode_base64(text_of(member.value, key));
            if (!bytes) {
                refuse("member \"base64\"", "it is not base64");
            }
            out.bytes = std::move(*bytes);
        }
    }
    if (out.codec.empty()) {
        refuse("member \"data\"", "it names no codec");
    }
    return out;
}

tag_map tags_of(const json_value& value, std::string_view key) {
    require_object(value, key);
    tag_map tags;
    for (const auto& member : value.GetObject()) {
        tags.insert_or_assign(std::string(view_of(member.name)), text_of(member.value, key));
    }
    return tags;
}

constexpr int nesting_max = 64;

failure failure_of(const json_value& value, int depth) {
    require_object(value, "failure");
    if (depth > nesting_max) {
        refuse("member \"failure\"", "more than 64 failures within each other");
    }
    failure out;
    for (const auto& member : value.GetObject()) {
        const std::string_view key = view_of(member.name);
        if (key == "type") {
            out.type = text_of(member.value, key);
        } else if (key == "message") {
            out.message = text_of(member.value, key);
        } else if (key == "stack_trace") {
            out.stack_trace = text_of(member.value, key);
        } else if (key == "non_retriable") {
            out.non_retriable = member.value.IsTrue();
        } else if (key == "properties") {
            out.properties = tags_of(member.value, key);
        } else if (key == "inner") {
            out.inner = std::make_shared<const failure>(failure_of(member.value, depth + 1));
        }
    }
    return out;
}

parent_link parent_of(const json_value& value) {
    require_object(value, "parent");
    std::string instance;
    execution_id execution;
    task_id task;
    for (const auto& member : value.GetObject()) {
        const std::string_view key = view_of(member.name);
        if (key == "instance") {
            instance = text_of(member.value, key);
        } else if (key == "execution") {
            execution = {uuid_of(member.value, key)};
        } else if (key == "task") {
            task = {unsigned_of(member.value, key)};
        }
    }
    try {
        return {instance_id(std::move(instance)), execution, task};
    } catch (const invalid_input& problem) {
        refuse("member \"parent\"", problem.what());
    }
}

void keep_unknown(std::string& out, const json_value& name, const json_value& value) {
    if (!out.empty()) {
        out += ',';
    }
    append_json_string(out, view_of(name));
    out += ':';
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    value.Accept(writer);
    out.append(buffer.GetString(), buffer.GetSize());
}

void read_kind(history_event& event, const json_value& value) {
    const std::string name = text_of(value, "type");
    const auto kind = parse_event_kind(name);
    if (!kind) {
        refuse("member \"type\"",
               fmt::format("unknown kind of event \"{}\"; it was written by a newer version", name));
    }
    event.kind = *kind;
}

/// Members by falling frequency. Returns false for one that this version does not know.
bool read_member(history_event& event, std::string_view key, const json_value& value) {
    if (key == "type") {
        read_kind(event, value);
    } else if (key == "at") {
        event.at = timestamp(duration(number_of(value, key)));
    } else if (key == "task") {
        event.task = {unsigned_of(value, key)};
    } else if (key == "name") {
        event.name = text_of(value, key);
    } else if (key == "data") {
        event.data = payload_of(value);
    } else if (key == "version") {
        event.version = text_of(value, key);
    } else if (key == "instance") {
        event.instance = text_of(value, key);
    } else if (key == "execution") {
        event.execution = {uuid_of(value, key)};
    } else if (key == "fire_at") {
        event.fire_at = timestamp(duration(number_of(value, key)));
    } else if (key == "failure") {
        event.reason = std::make_shared<const failure>(failure_of(value, 1));
    } else if (key == "note") {
        event.note = text_of(value, key);
    } else if (key == "tags") {
        event.tags = tags_of(value, key);
    } else if (key == "parent") {
        event.parent = parent_of(value);
    } else if (key == "trace") {
        event.trace = text_of(value, key);
    } else {
        return false;
    }
    return true;
}

history_event event_of(const json_value& value) {
    if (!value.IsObject()) {
        refuse("an event", "expected an object");
    }
    history_event event;
    for (const auto& member : value.GetObject()) {
        if (!read_member(event, view_of(member.name), member.value)) {
            keep_unknown(event.unknown, member.name, member.value);
        }
    }
    if (event.kind == event_kind{}) {
        refuse("an event", "it has no member \"type\"");
    }
    return event;
}

void parse(rapidjson::Document& document, std::string_view text) {
    constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseFullPrecisionFlag |
                               rapidjson::kParseValidateEncodingFlag;
    document.Parse<flags>(text.data(), text.size());
    if (document.HasParseError()) {
        refuse(fmt::format("byte {}", document.GetErrorOffset()), "it is not valid JSON");
    }
}

}  // namespace

std::string encode_event(const history_event& event) {
    std::string out;
    out.reserve(160 + event.data.bytes.size());
    append_event(out, event);
    return out;
}

history_event decode_event(std::string_view text) {
    rapidjson::Document document;
    parse(document, text);
    return event_of(document);
}

std::vector<new_events> encode_events(std::span<const history_event> events, std::size_t bytes) {
    std::vector<new_events> parts;
    for (const history_event& event : events) {
        if (parts.empty() || parts.back().text.size() >= bytes) {
            parts.emplace_back().text = "[";
        } else {
            parts.back().text += ",\n";
        }
        append_event(parts.back().text, event);
        ++parts.back().count;
    }
    for (new_events& part : parts) {
        part.text += ']';
    }
    return parts;
}

void decode_chunk(const history_chunk& chunk, std::vector<history_event>& events) {
    rapidjson::Document document;
    parse(document, chunk.text);
    if (!document.IsArray() || document.Size() != chunk.count) {
        refuse(fmt::format("chunk from event {}", chunk.first),
               fmt::format("expected an array of {} events", chunk.count));
    }
    for (const json_value& value : document.GetArray()) {
        events.push_back(event_of(value));
    }
}

std::string encode_failure(const failure& reason) {
    std::string out;
    append_failure(out, reason);
    return out;
}

failure decode_failure(std::string_view text) {
    rapidjson::Document document;
    parse(document, text);
    return failure_of(document, 1);
}

}  // namespace v1
}  // namespace perdure
