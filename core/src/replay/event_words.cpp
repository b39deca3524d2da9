#include "replay/event_words.hpp"

#include "replay/match.hpp"

#include <perdure/codec.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string_view>

namespace perdure::replay {

namespace {

constexpr std::size_t shown_bytes = 100;
constexpr std::size_t shown_before_difference = 20;

std::string time_words(timestamp at) {
    if (at == timestamp::max()) {
        return "never";
    }
    const auto day = std::chrono::floor<std::chrono::days>(at);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss time(at - day);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
                       static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()),
                       time.hours().count(),
                       time.minutes().count(),
                       time.seconds().count(),
                       time.subseconds().count());
}

/// Not in the middle of a character.
std::size_t character_at(std::string_view text, std::size_t at) {
    at = std::min(at, text.size());
    while (at > 0 && at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) {
        --at;
    }
    return at;
}

std::string excerpt(std::string_view text, std::size_t from = 0) {
    const std::size_t begin = character_at(text, from);
    const std::size_t end = character_at(text, begin + shown_bytes);
    return (begin > 0 ? "..." : "") + std::string(text.substr(begin, end - begin)) +
           (end < text.size() ? "..." : "");
}

std::string_view word_for_data(event_kind kind) {
    switch (kind) {
        case event_kind::task_completed:
        case event_kind::child_completed:
        case event_kind::execution_completed:
            return "result";
        case event_kind::event_raised:
        case event_kind::event_sent:
            return "content";
        case event_kind::custom_status_set:
            return "value";
        default:
            return "input";
    }
}

std::string words_from(const history_event& event, std::size_t from) {
    std::string words = describe(event);
    if (!event.version.empty()) {
        words += " version \"" + event.version + '"';
    }
    if (event.fire_at != timestamp()) {
        words += " due " + time_words(event.fire_at);
    }
    if (!event.data.is_none()) {
        words += fmt::format(" {}", word_for_data(event.kind));
        if (event.data.codec != json_codec) {
            words += fmt::format(" ({}, {} bytes)", event.data.codec, event.data.bytes.size());
        }
        words += ' ' + excerpt(event.data.bytes, from);
    }
    if (event.reason) {
        words += ": " + event.reason->type + ": " + excerpt(event.reason->message);
    }
    if (!event.note.empty()) {
        words += ": " + excerpt(event.note);
    }
    return words;
}

}  // namespace

std::string words_of(const history_event& event) {
    return words_from(event, 0);
}

two_words words_of_both(const history_event& first, const history_event& second) {
    const std::string& a = first.data.bytes;
    const std::string& b = second.data.bytes;
    const auto differing = std::ranges::mismatch(a, b).in1 - a.begin();
    const auto at = static_cast<std::size_t>(differing);
    // Where both are short, all of them is shown.
    const bool is_far = at > shown_bytes - shown_before_difference;
    const std::size_t from = is_far ? at - shown_before_difference : 0;
    return {words_from(first, from), words_from(second, from)};
}

}  // namespace perdure::replay
