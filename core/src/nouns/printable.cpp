#include "nouns/utf8.hpp"

#include <perdure/printable.hpp>

#include <fmt/format.h>

#include <cstdint>

namespace perdure {
inline namespace v1 {

namespace {

struct code_range {
    std::uint32_t first;
    std::uint32_t last;
};

// Unicode 15.1: categories Cc, Zl, Zp, and those of Cf that are invisible or turn the direction.
// The joiners U+200C and U+200D, which scripts and emoji need, are not among them.
constexpr code_range misleading[] = {{0x0000, 0x001F},
                                     {0x007F, 0x009F},
                                     {0x00AD, 0x00AD},
                                     {0x061C, 0x061C},
                                     {0x180E, 0x180E},
                                     {0x200B, 0x200B},
                                     {0x200E, 0x200F},
                                     {0x2028, 0x202E},
                                     {0x2060, 0x206F},
                                     {0xFEFF, 0xFEFF},
                                     {0xFFF9, 0xFFFB},
                                     {0xE0000, 0xE007F}};

bool misleads(std::uint32_t code) noexcept {
    for (const code_range& range : misleading) {
        if (code >= range.first && code <= range.last) {
            return true;
        }
    }
    return false;
}

// The code point of a well-formed sequence.
std::uint32_t code_at(std::string_view text, std::size_t at, std::size_t length) noexcept {
    const auto byte = [&](std::size_t n) { return static_cast<unsigned char>(text[at + n]); };
    std::uint32_t code = length == 1 ? byte(0) : byte(0) & (0xFFU >> (length + 1));
    for (std::size_t n = 1; n < length; ++n) {
        code = (code << 6U) | (byte(n) & 0x3FU);
    }
    return code;
}

void append_for_people(std::string& out, std::uint32_t code) {
    switch (code) {
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        default:
            out += code < 0x80 ? fmt::format("\\x{:02x}", code) : fmt::format("\\u{:04x}", code);
    }
}

void append_for_json(std::string& out, std::uint32_t code) {
    if (code < 0x20) {
        // In JSON these stand between its parts only.
        out += ' ';
    } else if (code < 0x10000) {
        out += fmt::format("\\u{:04x}", code);
    } else {
        out +=
            fmt::format("\\u{:04x}\\u{:04x}", 0xD7C0U + (code >> 10U), 0xDC00U + (code & 0x3FFU));
    }
}

template <class Escape, class Mend>
std::string without_misleading(std::string_view text, Escape escape, Mend mend) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = utf8_length(text, at);
        if (length == 0) {
            mend(out, static_cast<unsigned char>(text[at]));
            ++at;
            continue;
        }
        const std::uint32_t code = code_at(text, at, length);
        if (misleads(code)) {
            escape(out, code);
        } else {
            out.append(text, at, length);
        }
        at += length;
    }
    return out;
}

}  // namespace

std::string printable(std::string_view text) {
    return without_misleading(text, append_for_people, [](std::string& out, unsigned char byte) {
        out += fmt::format("\\x{:02x}", byte);
    });
}

std::string printable_json(std::string_view json) {
    return without_misleading(
        json, append_for_json, [](std::string& out, unsigned char) { out += "\\ufffd"; });
}

}  // namespace v1
}  // namespace perdure
