#include "redaction.hpp"

#include "../base64.hpp"
#include "../json_check.hpp"
#include "line_writer.hpp"

#include <perdure/detail/json.hpp>

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace perdure::tool {
namespace {

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
    return std::ranges::find(names, name) != names.end();
}

// As many letters as the text has characters.
std::string letters_for(std::string_view text) {
    const auto begins_character = [](char byte) {
        return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
    };
    return std::string(static_cast<std::size_t>(std::ranges::count_if(text, begins_character)),
                       'x');
}

std::string redacted_bytes(const std::string& bytes) {
    return json_string(bytes) ? letters_for(bytes) : std::string(bytes.size(), '\0');
}

// Copies a JSON text with other values in some places.
class json_redaction {
  public:
    using rule = void (json_redaction::*)();

    // The text after a rule was applied to the whole.
    static std::string of(const std::string& text, rule apply) {
        const payload whole(std::string(json_codec), text);
        detail::json_reader in(whole);
        json_redaction made(whole.bytes, in);
        (made.*apply)();
        return made.finish();
    }

    void any_value() {
        switch (in_.raw().front()) {
            case '"':
                replace('"' + letters_for(in_.text()) + '"');
                return;
            case '[':
            case '{':
                each([this](const std::string&) { any_value(); });
                return;
            case 't':
            case 'f':
            case 'n':
                return;
            default:
                replace("0");
        }
    }

    void event_or_events() {
        if (in_.raw().front() == '[') {
            each([this](const std::string&) { event_or_events(); });
        } else if (in_.raw().front() == '{') {
            each([this](const std::string& name) { member_of_event(name); });
        } else {
            any_value();
        }
    }

    void failure() {
        constexpr std::array<std::string_view, 2> kept = {"type", "non_retriable"};
        if (in_.raw().front() != '{') {
            any_value();
            return;
        }
        each([&](const std::string& name) {
            if (name == "inner") {
                failure();
            } else if (!is_one_of(name, kept)) {
                any_value();
            }
        });
    }

  private:
    json_redaction(std::string_view text, detail::json_reader& in) : text_(text), in_(in) {}

    template <class Apply>
    void each(const Apply& apply) {
        const bool is_named = in_.raw().front() == '{';
        while (in_.enter_next()) {
            apply(is_named ? in_.name() : std::string());
            in_.leave();
        }
    }

    // What a newer version has added may hold contents, too.
    void member_of_event(const std::string& name) {
        constexpr std::array<std::string_view, 11> kept = {"type",
                                                           "at",
                                                           "task",
                                                           "name",
                                                           "version",
                                                           "instance",
                                                           "execution",
                                                           "fire_at",
                                                           "parent",
                                                           "trace",
                                                           "format"};
        if (name == "data") {
            event_payload();
        } else if (name == "failure") {
            failure();
        } else if (!is_one_of(name, kept)) {
            any_value();
        }
    }

    // JSON stands there as a string.
    void event_payload() {
        if (in_.raw().front() == '"') {
            replace_text(redacted(payload(std::string(json_codec), in_.text())).bytes);
        } else if (in_.raw().front() == '{') {
            each([this](const std::string& name) {
                if (name == "base64" && in_.raw().front() == '"') {
                    const auto bytes = from_base64(in_.text());
                    replace('"' + base64(std::string(bytes ? bytes->size() : 0, '\0')) + '"');
                } else if (name != "codec") {
                    any_value();
                }
            });
        } else {
            any_value();
        }
    }

    void replace_text(const std::string& text) { replace(json_string(text).value_or("\"\"")); }

    void replace(std::string_view value) {
        const std::string_view old = in_.raw();
        const auto begin = static_cast<std::size_t>(old.data() - text_.data());
        out_ += text_.substr(copied_, begin - copied_);
        out_ += value;
        copied_ = begin + old.size();
    }

    std::string finish() {
        out_ += text_.substr(copied_);
        return std::move(out_);
    }

    std::string_view text_;
    detail::json_reader& in_;
    std::string out_;
    std::size_t copied_ = 0;
};

std::string redacted_json(const std::string& text, json_redaction::rule apply) {
    return is_json(text) ? json_redaction::of(text, apply) : redacted_bytes(text);
}

}  // namespace

payload redacted(const payload& value) {
    if (value.codec == json_codec) {
        return {value.codec, redacted_json(value.bytes, &json_redaction::any_value)};
    }
    return {value.codec, redacted_bytes(value.bytes)};
}

std::string redacted_events(const std::string& text) {
    return redacted_json(text, &json_redaction::event_or_events);
}

std::string redacted_failure(const std::string& text) {
    return redacted_json(text, &json_redaction::failure);
}

void redact(instance_image& image) {
    instance_record& record = image.record;
    record.custom_status = redacted(record.custom_status);
    record.output = redacted(record.output);
    record.failure = redacted_failure(record.failure);
    record.parked_reason = redacted_bytes(record.parked_reason);
    for (auto& [key, value] : record.tags) {
        value = redacted_bytes(value);
    }
    for (history_chunk& chunk : image.history) {
        chunk.text = redacted_events(chunk.text);
    }
    for (message_image& waiting : image.inbox) {
        waiting.message.event = redacted_events(waiting.message.event);
    }
    for (activity_image& activity : image.activities) {
        activity.scheduled.input = redacted(activity.scheduled.input);
        activity.scheduled.details = redacted_events(activity.scheduled.details);
    }
}

}  // namespace perdure::tool
