#include "moving/images_of.hpp"

#include <perdure/kit/forwarding_backend.hpp>
#include <perdure/kit/images.hpp>
#include <perdure/migration.hpp>
#include <perdure/printable.hpp>

#include <utility>

namespace perdure {

namespace moving {

image_store& images_of(backend& store) {
    auto* found = interface_of<image_store>(store);
    if (found == nullptr) {
        throw backend_error(store_fault::configuration,
                            "this backend cannot move its instances: its plugin would have to "
                            "implement image_store (perdure/instance_image.hpp)");
    }
    return *found;
}

}  // namespace moving

inline namespace v1 {

image_reader::image_reader(backend& from, image_limits at_once)
    : from_(from), images_(moving::images_of(from)), at_once_(at_once) {}

std::vector<instance_image> image_reader::next() {
    if (unfinished_) {
        unfinished_ = rest_of(*std::exchange(unfinished_, std::nullopt));
        if (unfinished_) {
            instance_image part = *unfinished_;
            if (has_end(part)) {
                unfinished_.reset();
            }
            return {std::move(part)};
        }
    }
    if (is_at_end_) {
        return {};
    }
    image_page page = images_.read_images(after_, at_once_.instances, at_once_.bytes);
    last_sequence_ = std::max(last_sequence_, page.last_sequence);
    after_ = page.next;
    is_at_end_ = page.next.empty();
    if (!page.images.empty() && !has_end(page.images.back())) {
        unfinished_ = page.images.back();
    }
    return std::move(page.images);
}

std::vector<std::optional<instance_image>> image_reader::get(
    std::span<const instance_id> instances) {
    auto images = images_.read_images(instances, at_once_.bytes);
    for (const auto& image : images) {
        for (const message_image& message : image ? image->inbox : std::vector<message_image>()) {
            last_sequence_ = std::max(last_sequence_, message.message.sequence);
        }
    }
    return images;
}

std::optional<instance_image> image_reader::rest_of(const instance_image& part) {
    if (has_end(part)) {
        return std::nullopt;
    }
    const history_chunk& last = part.history.back();
    auto page = from_.read_history(part.record.instance, last.first + last.count, at_once_.bytes);
    const bool is_the_same = page && page->execution == part.record.execution &&
                             page->history_version == part.history_version &&
                             page->last_committed == part.last_committed;
    if (!is_the_same || page->chunks.empty()) {
        throw backend_error(store_fault::conflict,
                            "instance \"" + printable(part.record.instance.text()) +
                                "\" has changed while it was read");
    }
    instance_image next = part;
    next.history = std::move(page->chunks);
    return next;
}

}  // namespace v1
}  // namespace perdure
