#include "codec/json_text.hpp"

#include "nouns/utf8.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>

namespace perdure::codecs {

namespace {

// Eight bytes at a time; each function sets the high bit of the bytes that it is about. A byte
// above a true one may be set as well, which is harmless: the caller looks at the rest one by one.
constexpr std::uint64_t every_byte(unsigned char value) noexcept {
    return 0x0101010101010101ULL * value;
}
constexpr std::uint64_t zeros(std::uint64_t block) noexcept {
    return (block - every_byte(1)) & ~block & every_byte(0x80);
}
constexpr bool all_plain(std::uint64_t block) noexcept {
    const std::uint64_t control = (block - every_byte(0x20)) & ~block;
    return ((block | control) & every_byte(0x80)) == 0 && zeros(block ^ every_byte('"')) == 0 &&
           zeros(block ^ every_byte('\\')) == 0;
}

void append_escape(std::string& out, char byte) {
    constexpr std::string_view digits = "0123456789abcdef";
    switch (byte) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        case '\b':
            out += "\\b";
            return;
        case '\f':
            out += "\\f";
            return;
        default:
            break;
    }
    const auto code = static_cast<unsigned char>(byte);
    out += "\\u00";
    out += digits[code >> 4U];
    out += digits[code & 15U];
}

template <class Number>
bool append_floating(std::string& out, Number value) {
    if (!std::isfinite(value)) {
        return false;
    }
    char digits[40];
    const auto end = std::to_chars(digits, digits + sizeof(digits), value);
    out.append(digits, end.ptr);
    return true;
}

}  // namespace

std::size_t plain_prefix(const char* begin, const char* end) noexcept {
    const char* at = begin;
    std::uint64_t block = 0;
    while (end - at >= 8) {
        std::memcpy(&block, at, 8);
        if (!all_plain(block)) {
            break;
        }
        at += 8;
    }
    while (at != end && *at >= 0x20 && *at != '"' && *at != '\\') {
        ++at;
    }
    return static_cast<std::size_t>(at - begin);
}

bool append_text(std::string& out, std::string_view text, text_rule rule) {
    const std::size_t before = out.size();
    const char* const end = text.data() + text.size();
    out += '"';
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t plain = plain_prefix(text.data() + at, end);
        out.append(text, at, plain);
        at += plain;
        if (at == text.size()) {
            break;
        }
        std::size_t length = utf8_length(text, at);
        if (length == 0 || (text[at] == '\0' && rule != text_rule::exact)) {
            if (rule != text_rule::mended) {
                out.resize(before);
                return false;
            }
            out += "\xEF\xBF\xBD";
            length = 1;
        } else if (length == 1) {
            append_escape(out, text[at]);
        } else {
            out.append(text, at, length);
        }
        at += length;
    }
    out += '"';
    return true;
}

void append_mended(std::string& out, std::string_view text) {
    static_cast<void>(append_text(out, text, text_rule::mended));
}

bool append_number(std::string& out, double value) {
    return append_floating(out, value);
}
bool append_number(std::string& out, float value) {
    return append_floating(out, value);
}

std::string excerpt(std::string_view text) {
    constexpr std::size_t bytes_max = 80;
    if (text.size() <= bytes_max) {
        return std::string(text);
    }
    std::size_t cut = bytes_max;
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80) {
        --cut;
    }
    return std::string(text.substr(0, cut)) + "...";
}

}  // namespace perdure::codecs
