#pragma once

#include <perdure/hub.hpp>
#include <perdure/instance_image.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

// Moving all instances of a hub into another one, of whatever backend, while nobody works on either;
// and the two halves of it, which export and import use as well. docs/migration.md explains when and
// how.

namespace perdure {
inline namespace v1 {

/// How much of a hub is held in memory at once. What belongs to one instance apart from its history
/// is never divided.
struct image_limits {
    std::size_t instances = batch_items_max;
    std::size_t bytes = batch_bytes_max;
};

/// Reads the images of a hub, one after the other, in the order in which the instances were created.
/// The history of an image that is too long comes in parts: the same image with other chunks each
/// time. One thread at a time; the backend must outlive it. Throws `backend_error`: (configuration)
/// for a backend that cannot move, (conflict) when a long history changes while it is read.
class PERDURE_EXPORT image_reader {
  public:
    explicit image_reader(backend& from, image_limits at_once = {});

    /// The next images or parts; empty after the last.
    [[nodiscard]] std::vector<instance_image> next();
    /// The images of these instances, the first parts of them; `rest_of` has the others.
    [[nodiscard]] std::vector<std::optional<instance_image>> get(
        std::span<const instance_id> instances);
    /// The part that follows, or nothing when this one has the end.
    [[nodiscard]] std::optional<instance_image> rest_of(const instance_image& part);
    /// No message that was read has a higher sequence.
    [[nodiscard]] std::uint64_t last_sequence() const noexcept { return last_sequence_; }

  private:
    backend& from_;
    image_store& images_;
    image_limits at_once_;
    std::string after_;
    bool is_at_end_ = false;
    std::optional<instance_image> unfinished_;
    std::uint64_t last_sequence_ = 0;
};

/// What has been written, or was there already.
struct image_counts {
    std::uint64_t instances = 0;
    std::uint64_t events = 0;
    std::uint64_t messages = 0;
    std::uint64_t activities = 0;
    /// Of the instances, those that were there already, with the same content.
    std::uint64_t unchanged = 0;
};

/// Instances that are there with other content than the image.
struct image_conflict {
    instance_id instance;
    /// The first thing that differs, and both values.
    std::string difference{};
};

/// Writes images, whole or in parts that follow each other, into a hub. What was written before, by
/// this writer or by another one that was killed, is found and not written again. Nothing happens to
/// an instance that is there with other content. One thread at a time; the backend must outlive it.
/// Throws `backend_error`.
class PERDURE_EXPORT image_writer {
  public:
    explicit image_writer(backend& to, image_limits at_once = {});

    /// Returns the conflicts; the other images are in the hub. Parts of an image that conflicts may
    /// still be given.
    [[nodiscard]] std::vector<image_conflict> write(std::span<const instance_image> parts,
                                                    std::uint64_t last_sequence);
    /// Writes nothing: returns what the hub has otherwise or not at all, and counts all others as
    /// unchanged.
    [[nodiscard]] std::vector<image_conflict> compare(std::span<const instance_image> parts);
    [[nodiscard]] const image_counts& counts() const noexcept { return counts_; }

  private:
    /// With a sequence it completes what is incomplete.
    [[nodiscard]] std::vector<image_conflict> compare_with_hub(
        const std::vector<const instance_image*>& parts,
        std::optional<std::uint64_t> last_sequence);
    [[nodiscard]] bool continue_writing(const instance_image& part,
                                        const instance_image& found,
                                        std::uint64_t last_sequence);
    [[nodiscard]] std::string difference_of(const instance_image& part, instance_image found);
    void count(const instance_image& part, bool is_unchanged);

    backend& to_;
    image_store& images_;
    image_limits at_once_;
    image_counts counts_;
    /// The instance whose next parts are left out.
    std::optional<instance_id> in_conflict_;
};

/// The first thing in which two images differ, with both values, for a person; empty when they are
/// equal. Their histories are compared as far as both reach.
[[nodiscard]] PERDURE_EXPORT std::string difference(const instance_image& first,
                                                    const instance_image& second);

/// How far a migration is; both phases count to the same number of instances.
struct migration_progress {
    enum class phase { copying, verifying };
    phase doing = phase::copying;
    image_counts done{};
};

struct migration_options {
    image_limits at_once{};
    /// The source may be used afterwards, as a copy that goes its own way.
    bool leaves_source_open = false;
    /// Called after each step, on the thread of the caller. What it throws ends the migration,
    /// which another call resumes.
    std::function<void(const migration_progress&)> on_progress{};
};

/// Moves all instances of a hub into another one, which is empty or holds a part of the same copy,
/// and verifies then that both hold the same, event by event. While it goes on the target is closed,
/// and at the end the source is instead [CLOSED-1], so that nobody gets an answer from what is not
/// the hub. Can be repeated after having been killed at any point: it goes on. When it fails both
/// are as open as before. Throws `backend_error`: (configuration) when both are the same hub, or
/// one of the backends cannot move; (moved) when one of them is closed for another reason;
/// (rejected) when a worker lives on one of them, when the target holds an instance that the source
/// does not have, or has otherwise, or when something has changed meanwhile.
PERDURE_EXPORT image_counts migrate(const hub& from,
                                    const hub& to,
                                    const migration_options& options = {});

}  // namespace v1
}  // namespace perdure
