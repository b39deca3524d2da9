#pragma once

#include "store.hpp"

#include <perdure/instance_image.hpp>
#include <perdure/store_check.hpp>

namespace perdure::memory {

/// Images and checks of the hub of whoever derives from it.
class images_of_store : public image_store, public store_check {
  public:
    image_page read_images(const std::string& after, std::size_t limit, std::size_t bytes) override;
    std::vector<std::optional<instance_image>> read_images(std::span<const instance_id> instances,
                                                           std::size_t bytes) override;
    std::vector<write_outcome> write_images(std::span<const instance_image> images,
                                            std::uint64_t last_sequence,
                                            write_mode mode) override;
    void remove_images(std::span<const instance_id> instances) override;
    void set_closed(const std::string& reason) override;
    std::string closed_reason() override;
    check_page check(const std::string& after, std::size_t limit) override;
    std::size_t repair(std::span<const violation> found) override;

  private:
    virtual store& hub() noexcept = 0;
};

}  // namespace perdure::memory
