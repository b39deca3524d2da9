#include <perdure/instance_image.hpp>

namespace perdure {
inline namespace v1 {

image_store::~image_store() = default;

bool has_end(const instance_image& image) noexcept {
    const history_chunk* last = image.history.empty() ? nullptr : &image.history.back();
    return last != nullptr && last->first + last->count == image.record.history_length;
}

}  // namespace v1
}  // namespace perdure
