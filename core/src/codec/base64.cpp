#include "codec/base64.hpp"

#include <algorithm>
#include <cstdint>

namespace perdure::codecs {

namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

void append_base64(std::string& out, std::string_view bytes) {
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            group <<= 8U;
            group |= i < count ? static_cast<unsigned char>(bytes[at + i]) : 0U;
        }
        out += alphabet[group >> 18U];
        out += alphabet[(group >> 12U) & 63U];
        out += count > 1 ? alphabet[(group >> 6U) & 63U] : '=';
        out += count > 2 ? alphabet[group & 63U] : '=';
    }
}

std::optional<std::string> decode_base64(std::string_view text) {
    if (text.size() % 4 != 0) {
        return std::nullopt;
    }
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3);
    for (std::size_t at = 0; at < text.size(); at += 4) {
        std::string_view quad = text.substr(at, 4);
        if (at + 4 == text.size()) {
            quad = quad.substr(0, quad.ends_with("==") ? 2 : quad.ends_with('=') ? 3 : 4);
        }
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            const std::size_t digit = i < quad.size() ? alphabet.find(quad[i]) : 0;
            if (digit == std::string_view::npos) {
                return std::nullopt;
            }
            group = (group << 6U) | static_cast<std::uint32_t>(digit);
        }
        const std::size_t count = quad.size() - 1;
        for (std::size_t i = 0; i < 3; ++i) {
            const char byte = static_cast<char>((group >> (16U - 8U * i)) & 0xFFU);
            if (i < count) {
                bytes += byte;
            } else if (byte != 0) {
                return std::nullopt;
            }
        }
    }
    return bytes;
}

}  // namespace perdure::codecs
