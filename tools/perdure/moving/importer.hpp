#pragma once

#include "export_reader.hpp"

#include <perdure/hub.hpp>
#include <perdure/migration.hpp>

#include <optional>
#include <string>
#include <vector>

namespace perdure::tool {

// Puts what was read from a file into a hub. One thread at a time.
class importer {
  public:
    explicit importer(const hub& to);

    void take(read_part part);
    // Takes back what there is of a damaged instance.
    void take(const file_damage& damage);
    // Call last.
    void finish() { flush(); }

    [[nodiscard]] const image_counts& counts() const noexcept { return writes_.counts(); }
    [[nodiscard]] std::uint64_t conflict_count() const noexcept { return conflict_count_; }
    // The first of them.
    [[nodiscard]] const std::vector<image_conflict>& conflicts() const noexcept {
        return conflicts_;
    }

  private:
    void flush();
    void write(std::span<const instance_image> images);
    void remove_incomplete(const instance_id& id);

    hub to_;
    image_writer writes_;
    image_limits at_once_;
    // Whole instances that are written together.
    std::vector<instance_image> waiting_;
    std::size_t waiting_bytes_ = 0;
    std::uint64_t last_sequence_ = 0;
    // An instance of which parts are written, and not the last.
    std::optional<instance_id> begun_;
    std::uint64_t conflict_count_ = 0;
    std::vector<image_conflict> conflicts_;
};

}  // namespace perdure::tool
