#include "moving/images_of.hpp"

#include <perdure/kit/images.hpp>
#include <perdure/migration.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace perdure {
inline namespace v1 {

namespace {

std::uint64_t end_of(const instance_image& part) {
    return part.history.back().first + part.history.back().count;
}

// What is there is the beginning of the same image [IMAGE-4].
bool is_beginning_of(const instance_image& found, const instance_image& part) {
    return found.history_version == 0 && found.created_as == part.created_as &&
           found.record.execution == part.record.execution;
}

// The chunks that the store has from event `from` to event `end`.
std::vector<history_chunk> stored_chunks(backend& store,
                                         const instance_id& id,
                                         std::uint64_t from,
                                         std::uint64_t end,
                                         std::size_t bytes) {
    std::vector<history_chunk> chunks;
    while (from < end) {
        auto page = store.read_history(id, from, bytes);
        if (!page || page->chunks.empty()) {
            break;
        }
        from = page->chunks.back().first + page->chunks.back().count;
        std::ranges::move(page->chunks, std::back_inserter(chunks));
    }
    std::erase_if(chunks, [&](const history_chunk& chunk) { return chunk.first >= end; });
    return chunks;
}

std::size_t weight_with_history(const instance_image& image) {
    std::size_t bytes = weight_of(image);
    for (const history_chunk& chunk : image.history) {
        bytes += chunk.text.size();
    }
    return bytes;
}

}  // namespace

image_writer::image_writer(backend& to, image_limits at_once)
    : to_(to), images_(moving::images_of(to)), at_once_(at_once) {}

std::vector<image_conflict> image_writer::write(std::span<const instance_image> parts,
                                                std::uint64_t last_sequence) {
    std::vector<image_conflict> conflicts;
    while (!parts.empty()) {
        // As many as one call may carry.
        std::size_t fitting = 0;
        std::size_t bytes = 0;
        while (fitting < parts.size() && fitting < at_once_.instances &&
               (fitting == 0 || bytes + weight_with_history(parts[fitting]) <= at_once_.bytes)) {
            bytes += weight_with_history(parts[fitting++]);
        }
        const auto now = parts.first(fitting);
        parts = parts.subspan(fitting);
        const auto outcomes = images_.write_images(now, last_sequence, write_mode::keep);
        std::vector<const instance_image*> existing;
        for (std::size_t n = 0; n < fitting; ++n) {
            if (outcomes.at(n) == write_outcome::refused) {
                existing.push_back(&now[n]);
            } else {
                count(now[n], false);
            }
        }
        std::ranges::move(compare_with_hub(existing, last_sequence), std::back_inserter(conflicts));
    }
    return conflicts;
}

std::vector<image_conflict> image_writer::compare(std::span<const instance_image> parts) {
    std::vector<const instance_image*> all;
    std::ranges::transform(parts, std::back_inserter(all), [](const auto& part) { return &part; });
    return compare_with_hub(all, std::nullopt);
}

std::vector<image_conflict> image_writer::compare_with_hub(
    const std::vector<const instance_image*>& parts, std::optional<std::uint64_t> last_sequence) {
    std::vector<image_conflict> conflicts;
    std::vector<instance_id> ids;
    for (const instance_image* part : parts) {
        ids.push_back(part->record.instance);
    }
    auto found = images_.read_images(ids, at_once_.bytes);
    for (std::size_t n = 0; n < parts.size(); ++n) {
        const instance_image& part = *parts[n];
        if (in_conflict_ == ids[n]) {
            continue;
        }
        if (last_sequence && found.at(n) && continue_writing(part, *found[n], *last_sequence)) {
            count(part, false);
            continue;
        }
        std::string different =
            found.at(n) ? difference_of(part, std::move(*found[n])) : "it is not there";
        if (different.empty()) {
            count(part, true);
        } else {
            in_conflict_ = ids[n];
            conflicts.push_back({ids[n], std::move(different)});
        }
    }
    return conflicts;
}

// Completes what a writer that was killed has begun.
bool image_writer::continue_writing(const instance_image& part,
                                    const instance_image& found,
                                    std::uint64_t last_sequence) {
    if (!is_beginning_of(found, part)) {
        return false;
    }
    const std::uint64_t length = found.record.history_length;
    instance_image rest = part;
    std::erase_if(rest.history, [&](const history_chunk& chunk) { return chunk.first < length; });
    return !rest.history.empty() &&
           images_.write_images(std::span(&rest, 1), last_sequence, write_mode::keep).front() ==
               write_outcome::written;
}

// Histories are compared as far as the part reaches.
std::string image_writer::difference_of(const instance_image& part, instance_image found) {
    const bool is_whole = part.history.front().first == 0 && has_end(part) && has_end(found);
    if (is_beginning_of(found, part)) {  // Which has nothing but a history so far.
        found = part;
        found.history.clear();
    }
    if (!is_whole) {
        found.history = stored_chunks(
            to_, part.record.instance, part.history.front().first, end_of(part), at_once_.bytes);
    }
    std::string different = difference(part, found);
    if (different.empty() && found.history.size() != part.history.size()) {
        different = "a part of the history is missing";
    }
    return different;
}

void image_writer::count(const instance_image& part, bool is_unchanged) {
    for (const history_chunk& chunk : part.history) {
        counts_.events += chunk.count;
    }
    if (has_end(part)) {
        ++counts_.instances;
        counts_.unchanged += is_unchanged ? 1U : 0U;
        counts_.messages += part.inbox.size();
        counts_.activities += part.activities.size();
    }
}

}  // namespace v1
}  // namespace perdure
