#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

// Writing JSON: the pieces that both the stored form of events and the payloads consist of.

namespace perdure::codecs {

/// How many objects and arrays may stand inside each other, in anything that is read or written.
inline constexpr std::size_t json_depth_max = 256;

/// How many of the bytes from `begin` on stand for themselves in a JSON string and are ASCII.
[[nodiscard]] std::size_t plain_prefix(const char* begin, const char* end) noexcept;

/// What to do with a text that JSON or a store cannot carry.
enum class text_rule {
    /// Refuse what is not UTF-8.
    exact,
    /// Refuse also U+0000, which JSON can carry but PostgreSQL's jsonb cannot.
    exact_without_nul,
    /// Write U+FFFD in place of every byte that is refused above: for texts that explain something,
    /// which it is better to keep damaged than to lose with the event around them.
    mended,
};

/// Appends the text as a JSON string, quotes included. False if the rule refuses it; then `out` is
/// as it was.
[[nodiscard]] bool append_text(std::string& out, std::string_view text, text_rule rule);

/// Appends the text as a JSON string, mended if need be.
void append_mended(std::string& out, std::string_view text);

template <std::integral Number>
void append_number(std::string& out, Number value) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof(digits), value);
    out.append(digits, end.ptr);
}

/// The shortest form that reads back as the same number; false for NaN and the infinities.
[[nodiscard]] bool append_number(std::string& out, double value);
[[nodiscard]] bool append_number(std::string& out, float value);

/// At most 80 bytes of the text, cut between characters, for an error message.
[[nodiscard]] std::string excerpt(std::string_view text);

}  // namespace perdure::codecs
