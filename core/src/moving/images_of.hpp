#pragma once

#include <perdure/instance_image.hpp>

namespace perdure::moving {

/// What the backend implements so that its instances can move. Throws `backend_error`
/// (configuration) when it does not.
[[nodiscard]] image_store& images_of(backend& store);

}  // namespace perdure::moving
