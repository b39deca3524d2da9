#include "nouns/checks.hpp"

#include "nouns/utf8.hpp"

#include <perdure/codec.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace perdure::checks {

namespace {

[[noreturn]] void refuse_bytes(const subject& what, std::size_t found, std::size_t most) {
    throw invalid_input(
        fmt::format("{}: {} bytes are too many; at most {} are allowed", what.text(), found, most));
}

std::size_t weight(const failure& outermost) {
    std::size_t bytes = 0;
    for (const failure* reason = &outermost; reason != nullptr; reason = reason->inner.get()) {
        bytes += reason->type.size() + reason->message.size() + reason->stack_trace.size();
        for (const auto& [key, value] : reason->properties) {
            bytes += key.size() + value.size();
        }
    }
    return bytes;
}

}  // namespace

std::string subject::text() const {
    std::string all(owner);
    if (!name.empty()) {
        all += fmt::format(" \"{}\"", name);
    }
    if (!part.empty()) {
        all += fmt::format(": {}", part);
    }
    return all;
}

void check_text(const subject& what, std::string_view text) {
    if (text.size() > text_bytes_max) {
        refuse_bytes(what, text.size(), text_bytes_max);
    }
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = utf8_length(text, at);
        if (length == 0 || text[at] == '\0') {
            throw invalid_input(
                fmt::format("{}: byte {} is not valid UTF-8 text without NUL", what.text(), at));
        }
        at += length;
    }
}

void check_optional_name(const subject& what, std::string_view name) {
    if (!name.empty()) {
        check_name(what.text(), name);
    }
}

void check_tags(const subject& what, const tag_map& tags) {
    if (tags.size() > tags_max) {
        throw invalid_input(fmt::format(
            "{}: {} are too many; at most {} are allowed", what.text(), tags.size(), tags_max));
    }
    for (const auto& [key, value] : tags) {
        check_name(what.text() + ": key", key);
        const std::string owner = what.text() + ": value of";
        check_text({owner, key}, value);
    }
}

void check_payload(const subject& what, const payload& value, std::size_t bytes_max) {
    if (value.is_none()) {
        return;
    }
    if (value.codec != json_codec) {
        check_name(what.text() + ": codec name", value.codec);
    }
    if (value.bytes.size() > bytes_max) {
        refuse_bytes(what, value.bytes.size(), bytes_max);
    }
}

failure bounded(failure reason) {
    if (weight(reason) <= failure_bytes_max) {
        return reason;
    }
    reason.inner.reset();
    reason.stack_trace.clear();
    if (weight(reason) > failure_bytes_max) {
        reason.properties.clear();
        reason.type.resize(std::min(reason.type.size(), id_bytes_max));
        reason.message.resize(std::min(reason.message.size(), text_bytes_max));
    }
    return reason;
}

}  // namespace perdure::checks
