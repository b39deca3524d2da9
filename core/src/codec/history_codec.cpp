#include "codec/base64.hpp"
#include "codec/history_members.hpp"
#include "codec/json_text.hpp"

#include <perdure/codec.hpp>
#include <perdure/history_codec.hpp>

#include <utility>

// Writing the stored form of events; history_decoder.cpp reads it. Members with their default value
// are left out, the others are in the order of the table in docs/history-format.md.

namespace perdure {
inline namespace v1 {

namespace {

using namespace perdure::codecs;

/// The members of one JSON object, one after the other.
class object_text {
  public:
    explicit object_text(std::string& out) : out_(&out) { *out_ += '{'; }

    std::string& member(std::string_view name) {
        *out_ += is_empty_ ? "\"" : ",\"";
        is_empty_ = false;
        *out_ += name;
        *out_ += "\":";
        return *out_;
    }
    void text(std::string_view name, std::string_view value) {
        if (!value.empty()) {
            append_mended(member(name), value);
        }
    }
    template <class Number>
    void number(std::string_view name, Number value) {
        if (value != 0) {
            append_number(member(name), value);
        }
    }
    void time(std::string_view name, timestamp value) {
        number(name, value.time_since_epoch().count());
    }
    void id(std::string_view name, const uuid& value) {
        if (!value.is_nil()) {
            append_mended(member(name), to_string(value));
        }
    }
    void texts(std::string_view name, const std::map<std::string, std::string>& values) {
        if (values.empty()) {
            return;
        }
        char before = '{';
        member(name);
        for (const auto& [key, value] : values) {
            *out_ += std::exchange(before, ',');
            append_mended(*out_, key);
            *out_ += ':';
            append_mended(*out_, value);
        }
        *out_ += '}';
    }
    void raw(std::string_view members) {
        if (!members.empty()) {
            *out_ += is_empty_ ? "" : ",";
            is_empty_ = false;
            *out_ += members;
        }
    }
    void close() { *out_ += '}'; }

  private:
    std::string* out_;
    bool is_empty_ = true;
};

void write_payload(object_text& event, const payload& data) {
    if (data.is_none()) {
        return;
    }
    std::string& out = event.member(member::data);
    if (data.codec == json_codec && append_text(out, data.bytes, text_rule::exact_without_nul)) {
        return;
    }
    object_text object(out);
    object.text(member::codec, data.codec);
    const std::size_t before = out.size();
    if (!append_text(object.member(member::text), data.bytes, text_rule::exact_without_nul)) {
        out.resize(before);
        std::string& encoded = object.member(member::base64);
        encoded += '"';
        append_base64(encoded, data.bytes);
        encoded += '"';
    }
    object.close();
}

void write_failure(std::string& out, const failure& outermost) {
    std::size_t depth = 0;
    // The causes follow as last member each, so that all objects can be closed at the end.
    for (const failure* reason = &outermost; reason != nullptr; reason = reason->inner.get()) {
        object_text object(out);
        object.text(member::type, reason->type);
        object.text(member::message, reason->message);
        object.text(member::stack_trace, reason->stack_trace);
        if (reason->non_retriable) {
            object.member(member::non_retriable) += "true";
        }
        object.texts(member::properties, reason->properties);
        ++depth;
        if (reason->inner == nullptr || depth == failure_depth_max) {
            break;
        }
        object.member(member::inner);
    }
    out.append(depth, '}');
}

void write_parent(object_text& event, const parent_link& parent) {
    object_text object(event.member(member::parent));
    object.text(member::instance, parent.instance.text());
    object.id(member::execution, parent.execution.value);
    object.number(member::task, parent.task.value);
    object.close();
}

void write_event(std::string& out, const history_event& event) {
    object_text object(out);
    object.text(member::type, to_string(event.kind));
    object.time(member::at, event.at);
    object.number(member::task, event.task.value);
    object.text(member::name, event.name);
    object.text(member::version, event.version);
    write_payload(object, event.data);
    object.text(member::instance, event.instance);
    object.id(member::execution, event.execution.value);
    object.time(member::fire_at, event.fire_at);
    if (event.reason) {
        write_failure(object.member(member::failure), *event.reason);
    }
    object.text(member::note, event.note);
    object.texts(member::tags, event.tags);
    if (event.parent) {
        write_parent(object, *event.parent);
    }
    object.text(member::trace, event.trace);
    object.raw(event.unknown);
    object.close();
}

}  // namespace

std::string encode_event(const history_event& event) {
    std::string out;
    out.reserve(96 + event.data.bytes.size() + event.name.size());
    write_event(out, event);
    return out;
}

std::vector<new_events> encode_events(std::span<const history_event> events, std::size_t bytes) {
    std::vector<new_events> texts;
    std::string one;
    for (const history_event& event : events) {
        one.clear();
        write_event(one, event);
        if (texts.empty() || texts.back().text.size() >= bytes ||
            one.size() > bytes - texts.back().text.size()) {
            if (!texts.empty()) {
                texts.back().text += ']';
            }
            texts.push_back({0, "["});
        }
        new_events& last = texts.back();
        last.text += last.count == 0 ? "" : ",\n";
        last.text += one;
        ++last.count;
    }
    if (!texts.empty()) {
        texts.back().text += ']';
    }
    return texts;
}

std::string encode_failure(const failure& reason) {
    std::string out;
    write_failure(out, reason);
    return out;
}

}  // namespace v1
}  // namespace perdure
