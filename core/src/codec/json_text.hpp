#pragma once

#include <string>
#include <string_view>

namespace perdure {

/// Valid UTF-8 without NUL: what can stand in a JSON string, and in a text column, unchanged.
[[nodiscard]] bool is_plain_text(std::string_view bytes) noexcept;

/// Appends the text as a JSON string, quotes included. The text must be valid UTF-8.
void append_json_string(std::string& out, std::string_view text);

}  // namespace perdure
