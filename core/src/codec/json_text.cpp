#include "codec/json_text.hpp"

#include <array>

namespace perdure {

namespace {

/// Björn Höhrmann's automaton would do; this spells the ranges of the Unicode standard, table 3-7.
std::size_t sequence_length(const unsigned char* at, std::size_t left) noexcept {
    const unsigned char lead = at[0];
    const auto in = [&](std::size_t i, unsigned char least, unsigned char most) {
        return i < left && at[i] >= least && at[i] <= most;
    };
    if (lead >= 0xC2 && lead <= 0xDF) {
        return in(1, 0x80, 0xBF) ? 2 : 0;
    }
    if (lead >= 0xE0 && lead <= 0xEF) {
        const unsigned char least = lead == 0xE0 ? 0xA0 : 0x80;
        const unsigned char most = lead == 0xED ? 0x9F : 0xBF;
        return in(1, least, most) && in(2, 0x80, 0xBF) ? 3 : 0;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        const unsigned char least = lead == 0xF0 ? 0x90 : 0x80;
        const unsigned char most = lead == 0xF4 ? 0x8F : 0xBF;
        return in(1, least, most) && in(2, 0x80, 0xBF) && in(3, 0x80, 0xBF) ? 4 : 0;
    }
    return 0;
}

}  // namespace

bool is_plain_text(std::string_view bytes) noexcept {
    const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
    for (std::size_t i = 0; i < bytes.size();) {
        if (at[i] == 0) {
            return false;
        }
        if (at[i] < 0x80) {
            ++i;
            continue;
        }
        const std::size_t length = sequence_length(at + i, bytes.size() - i);
        if (length == 0) {
            return false;
        }
        i += length;
    }
    return true;
}

void append_json_string(std::string& out, std::string_view text) {
    static constexpr std::string_view digits = "0123456789abcdef";
    out += '"';
    std::size_t copied = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte >= 0x20 && byte != '"' && byte != '\\') {
            continue;
        }
        out.append(text, copied, i - copied);
        copied = i + 1;
        switch (byte) {
            case '"': out += "\\\""; break;
            case '\\': out += "\\\\"; break;
            case '\n': out += "\\n"; break;
            case '\r': out += "\\r"; break;
            case '\t': out += "\\t"; break;
            default:
                out += "\\u00";
                out += digits[byte >> 4U];
                out += digits[byte & 15U];
        }
    }
    out.append(text, copied, text.size() - copied);
    out += '"';
}

}  // namespace perdure
