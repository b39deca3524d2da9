#pragma once

#include "moving/course.hpp"
#include "moving/cut_limits.hpp"
#include "moving/image_copier.hpp"
#include "moving/store_switch.hpp"

#include <perdure/instance_image.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace perdure::moving {

/// Moves all instances of an open hub into another one while calls of this process go on: copies
/// them, copies again what has changed meanwhile, and when little is left lets calls wait for a
/// moment, copies the rest, and puts the other store in the place of the first.
class mover {
  public:
    /// `from` is the switch of the hub that moves; it and the course outlive the mover.
    mover(store_switch& from,
          std::shared_ptr<backend> to,
          std::string to_description,
          promotion::course& course);

    /// To the end, whichever. Throws nothing.
    void run() noexcept;

  private:
    // Calls wait for no longer than this for others that are under way.
    static constexpr std::chrono::milliseconds patience{100};

    void check();
    void copy_all();
    void copy_changes();
    [[nodiscard]] bool try_to_cut();
    [[nodiscard]] bool cut();
    void wait_for_calls();
    void undo() noexcept;

    store_switch& from_;
    /// What the switch stands before, until the end.
    backend& source_;
    const std::string from_description_;
    const std::shared_ptr<backend> target_;
    const std::string to_description_;
    promotion::course& course_;
    image_store& source_images_;
    image_store& target_images_;
    bool has_begun_ = false;
    /// The first store says that the hub has moved, or may do so.
    bool may_have_closed_ = false;
    cut_limits limits_{0};
    image_copier copies_;
};

}  // namespace perdure::moving
