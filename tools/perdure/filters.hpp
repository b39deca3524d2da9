#pragma once

#include "commands.hpp"

#include <perdure/hub.hpp>

namespace perdure::tool {

// Throws `invalid_input` that names the filter.
[[nodiscard]] instance_filter read_filter(const filter_words& words);

// Opens a hub that must exist: a mistyped path shall not become a new, empty hub.
[[nodiscard]] hub open_existing(const std::string& uri);

}  // namespace perdure::tool
