#include "moving/image_copier.hpp"

#include "moving/images_of.hpp"
#include "moving/obstacles.hpp"

#include <perdure/migration.hpp>
#include <perdure/printable.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace perdure::moving {

namespace {

// A longer history is copied in parts, and only what is new of it.
constexpr std::size_t short_history = std::size_t{256} << 10U;

}  // namespace

image_copier::image_copier(backend& from,
                           backend& to,
                           std::string to_description,
                           promotion::course& course)
    : source_(from),
      target_(to),
      to_description_(std::move(to_description)),
      course_(course),
      source_images_(images_of(from)),
      target_images_(images_of(to)) {}

void image_copier::copy_all() {
    std::string after;
    do {
        persist(course_, [&] {
            const image_page page =
                source_images_.read_images(after, batch_items_max, batch_bytes_max);
            write(page.images, verification::done);
            after = page.next;
        });
    } while (!after.empty());
}

// Of both stores.
std::vector<instance_id> image_copier::all_ids() {
    std::vector<instance_id> ids;
    for (const auto& [id, history] : known_) {
        ids.push_back(id);
    }
    std::string after;
    do {
        const instance_page page = source_.query({}, batch_items_max, after);
        for (const instance_record& record : page.instances) {
            ids.push_back(record.instance);
        }
        after = page.next;
    } while (!after.empty());
    return ids;
}

std::vector<instance_id> image_copier::copy(const std::vector<instance_id>& ids,
                                            verification check) {
    for (std::size_t begin = 0; begin < ids.size(); begin += batch_items_max) {
        const auto some =
            std::span(ids).subspan(begin, std::min(batch_items_max, ids.size() - begin));
        std::vector<instance_id> gone;
        std::vector<instance_image> images;
        auto found = source_images_.read_images(some, short_history);
        for (std::size_t n = 0; n < some.size(); ++n) {
            if (found.at(n)) {
                images.push_back(std::move(*found[n]));
            } else {
                gone.push_back(some[n]);
                known_.erase(some[n]);
            }
        }
        if (!gone.empty()) {
            target_images_.remove_images(gone);
        }
        write(images, check);
    }
    return std::exchange(to_copy_again_, {});
}

void image_copier::write(std::span<const instance_image> images, verification check) {
    std::vector<instance_image> whole;
    for (const instance_image& image : images) {
        if (has_end(image)) {
            whole.push_back(image);
        } else {
            write_long(image);
        }
    }
    if (whole.empty()) {
        return;
    }
    const auto outcomes = target_images_.write_images(whole, last_sequence(), write_mode::replace);
    if (std::ranges::count(outcomes, write_outcome::written) != std::ssize(whole)) {
        refuse(fmt::format("{} refuses an image", to_description_));
    }
    if (check == verification::done) {
        verify(whole);
    }
    for (const instance_image& image : whole) {
        note_copied(image);
    }
}

// What the other store has already of a long history is left there.
void image_copier::write_long(const instance_image& beginning) {
    const instance_id& id = beginning.record.instance;
    const auto known = known_.find(id);
    const bool is_known = known != known_.end() &&
                          known->second.created_as == beginning.created_as &&
                          known->second.execution == beginning.record.execution &&
                          known->second.length <= beginning.record.history_length;
    instance_image next = beginning;
    if (is_known) {
        auto page = source_.read_history(id, known->second.length - 1, batch_bytes_max);
        if (page && page->history_version == beginning.history_version &&
            page->last_committed == beginning.last_committed) {
            next.history = std::move(page->chunks);
        }
    }
    known_.erase(id);
    image_reader reads(source_);
    try {
        write_part(next);
        while (auto rest = reads.rest_of(next)) {
            next = std::move(*rest);
            write_part(next);
        }
        note_copied(beginning);
    } catch (const backend_error& fault) {
        if (fault.code() != store_fault::conflict) {
            throw;
        }
        to_copy_again_.push_back(id);
    }
}

void image_copier::write_part(const instance_image& part) {
    const auto outcome =
        target_images_.write_images(std::span(&part, 1), last_sequence(), write_mode::replace);
    if (outcome.front() != write_outcome::written) {
        refuse(fmt::format("{} refuses a part of an image", to_description_));
    }
}

void image_copier::note_copied(const instance_image& image) {
    const instance_id& id = image.record.instance;
    known_[id] = {image.created_as, image.record.execution, image.record.history_length};
    course_.report([&](promotion_progress& it) {
        ++it.copied;
        it.events += image.record.history_length;
        it.problem.clear();
    });
}

void image_copier::verify(std::span<const instance_image> images) {
    image_writer compares(target_);
    const auto conflicts = compares.compare(images);
    if (!conflicts.empty()) {
        refuse(fmt::format("{} has instance \"{}\" otherwise than it was written: {}",
                           to_description_,
                           printable(conflicts.front().instance.text()),
                           conflicts.front().difference));
    }
}

std::uint64_t image_copier::last_sequence() {
    return source_images_.read_images({}, 1, 1).last_sequence;
}

}  // namespace perdure::moving
