#pragma once

#include <optional>
#include <string>
#include <string_view>

// Bytes as text (RFC 4648, with padding).

namespace perdure::tool {

[[nodiscard]] std::string base64(std::string_view bytes);

// The bytes; nothing if the text is not exactly what `base64` writes.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace perdure::tool
