#pragma once

#include <string>

namespace perdure::tool {

// Whether the text is one JSON value.
[[nodiscard]] bool is_json(const std::string& text);

// Throws `invalid_input` unless the text is one JSON value.
void check_json(const std::string& option, const std::string& text);

}  // namespace perdure::tool
