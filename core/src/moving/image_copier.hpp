#pragma once

#include "moving/course.hpp"

#include <perdure/instance_image.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace perdure::moving {

/// Copies instances of one store into another one, the first time and again, as they change. One
/// thread at a time; stores and course must outlive it.
class image_copier {
  public:
    enum class verification { skipped, done };

    image_copier(backend& from, backend& to, std::string to_description, promotion::course& course);

    /// All of them, each compared after it was written.
    void copy_all();
    /// These as they are now, or are no more. Returns those that have to be copied again, because
    /// they changed while they were.
    [[nodiscard]] std::vector<instance_id> copy(const std::vector<instance_id>& ids,
                                                verification check);
    /// Those of the source, and those that have been copied.
    [[nodiscard]] std::vector<instance_id> all_ids();

  private:
    /// What the other store has of an instance's history.
    struct copied_history {
        execution_id created_as{};
        execution_id execution{};
        std::uint64_t length = 0;
    };

    void write(std::span<const instance_image> images, verification check);
    void write_long(const instance_image& beginning);
    void write_part(const instance_image& part);
    void verify(std::span<const instance_image> images);
    void note_copied(const instance_image& image);
    [[nodiscard]] std::uint64_t last_sequence();

    backend& source_;
    backend& target_;
    const std::string to_description_;
    promotion::course& course_;
    image_store& source_images_;
    image_store& target_images_;
    std::map<instance_id, copied_history> known_;
    std::vector<instance_id> to_copy_again_;
};

}  // namespace perdure::moving
