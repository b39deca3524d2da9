#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace perdure::codecs {

/// Appends the bytes in base64 (RFC 4648, with padding).
void append_base64(std::string& out, std::string_view bytes);

/// The bytes; nothing if the text is not exactly what `append_base64` writes.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace perdure::codecs
