#pragma once

#include "../commands.hpp"

#include <perdure/hub.hpp>
#include <perdure/migration.hpp>

#include <functional>
#include <string_view>

// The images of those instances of a hub that a command line means.

namespace perdure::tool {

// Before anything is done: throws `invalid_input` or `no_such_instance` for what cannot be meant.
void check_wanted(std::string_view verb, const hub& from, const wanted_instances& wanted);

// For the reader that `take_wanted` gets.
[[nodiscard]] image_limits at_once_for(const wanted_instances& wanted);

// Images in parts, as `image_reader` gives them.
using image_taker = std::function<void(instance_image)>;
void take_wanted(const hub& from,
                 const wanted_instances& wanted,
                 image_reader& reads,
                 const image_taker& take);

}  // namespace perdure::tool
