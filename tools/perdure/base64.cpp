#include "base64.hpp"

namespace perdure::tool {
namespace {

constexpr std::string_view letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string base64(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        unsigned group = 0;
        for (std::size_t n = 0; n < 3; ++n) {
            const auto byte =
                at + n < bytes.size() ? static_cast<unsigned char>(bytes[at + n]) : 0U;
            group = (group << 8U) | byte;
        }
        for (std::size_t n = 0; n < 4; ++n) {
            text += at + n > bytes.size() ? '=' : letters[(group >> (18U - 6U * n)) & 63U];
        }
    }
    return text;
}

std::optional<std::string> from_base64(std::string_view text) {
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3);
    unsigned group = 0;
    unsigned bits = 0;
    for (const char letter : text.substr(0, text.find('='))) {
        const auto value = letters.find(letter);
        if (value == std::string_view::npos) {
            return std::nullopt;
        }
        group = ((group << 6U) | static_cast<unsigned>(value)) & 0xFFFFU;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes += static_cast<char>(static_cast<unsigned char>(group >> bits));
        }
    }
    // What is left over must be zeros, and the padding that of these bytes.
    return base64(bytes) == text ? std::optional(std::move(bytes)) : std::nullopt;
}

}  // namespace perdure::tool
