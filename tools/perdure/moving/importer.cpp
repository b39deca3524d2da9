#include "importer.hpp"

#include <perdure/kit/forwarding_backend.hpp>
#include <perdure/kit/images.hpp>

#include <algorithm>
#include <utility>

namespace perdure::tool {
namespace {

constexpr std::size_t conflicts_kept = 20;

std::size_t weight_with_history(const instance_image& image) {
    std::size_t bytes = weight_of(image);
    for (const history_chunk& chunk : image.history) {
        bytes += chunk.text.size();
    }
    return bytes;
}

}  // namespace

importer::importer(const hub& to) : to_(to), writes_(to_.store()) {}

void importer::take(read_part part) {
    last_sequence_ = std::max(last_sequence_, part.last_sequence);
    const instance_image& image = part.image;
    if (image.history.front().first == 0 && has_end(image)) {
        waiting_bytes_ += weight_with_history(image);
        waiting_.push_back(std::move(part.image));
        if (waiting_.size() == at_once_.instances || waiting_bytes_ >= at_once_.bytes) {
            flush();
        }
        return;
    }
    flush();
    if (has_end(image)) {
        begun_.reset();
    } else if (image.history.front().first == 0) {
        begun_ = image.record.instance;
    }
    const auto before = conflict_count_;
    write(std::span(&image, 1));
    if (conflict_count_ != before) {
        begun_.reset();
    }
}

void importer::take(const file_damage& damage) {
    if (damage.instance && damage.instance == begun_) {
        remove_incomplete(*damage.instance);
    }
    begun_.reset();
}

void importer::flush() {
    if (!waiting_.empty()) {
        write(waiting_);
    }
    waiting_.clear();
    waiting_bytes_ = 0;
}

void importer::write(std::span<const instance_image> images) {
    for (image_conflict& found : writes_.write(images, last_sequence_)) {
        if (++conflict_count_ <= conflicts_kept) {
            conflicts_.push_back(std::move(found));
        }
    }
}

// Nothing else with this id: that was there before.
void importer::remove_incomplete(const instance_id& id) {
    const auto found = to_.store().get(std::span(&id, 1)).front();
    if (found && found->parked_reason == incomplete_image) {
        interface_of<image_store>(to_.store())->remove_images(std::span(&id, 1));
    }
}

}  // namespace perdure::tool
