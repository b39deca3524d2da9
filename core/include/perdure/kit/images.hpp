#pragma once

#include <perdure/export.hpp>
#include <perdure/instance_image.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

// What every backend that moves instances asks of the images that it is given.

namespace perdure {
inline namespace v1 {

/// [IMAGE-6] Throws `backend_error` (rejected), which names the instance and says what is wrong with
/// it, for an image that no store can have had. Images may come from files that people have changed.
PERDURE_EXPORT void refuse_contradictions(std::span<const instance_image> images,
                                          std::uint64_t last_sequence);

/// What an image without its history counts for in a page, roughly, in bytes.
[[nodiscard]] PERDURE_EXPORT std::size_t weight_of(const instance_image& image) noexcept;

}  // namespace v1
}  // namespace perdure
