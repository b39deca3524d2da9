#pragma once

#include <string>

namespace perdure::tool {

// Throws `invalid_input` unless the text is one JSON value.
void check_json(const std::string& option, const std::string& text);

}  // namespace perdure::tool
