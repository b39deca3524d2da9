#pragma once

#include "moving/course.hpp"
#include "moving/store_switch.hpp"

#include <perdure/instance_image.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

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
    /// What the other store has of an instance's history.
    struct copied_history {
        execution_id created_as{};
        execution_id execution{};
        std::uint64_t length = 0;
    };
    enum class verification { skipped, done };
    struct was_aborted {};
    // Calls wait for no longer than this for others that are under way.
    static constexpr std::chrono::milliseconds patience{100};

    [[noreturn]] static void refuse(const std::string& why);

    void check();
    void check_clocks();
    void copy_all();
    void copy_changes();
    void copy(const std::vector<instance_id>& ids, verification check);
    void write(std::span<const instance_image> images, verification check);
    void write_long(const instance_image& beginning);
    void write_part(const instance_image& part);
    void verify(std::span<const instance_image> images);
    [[nodiscard]] bool try_to_cut();
    void cut();
    void note_copied(const instance_image& image);
    [[nodiscard]] std::uint64_t last_sequence();
    [[nodiscard]] std::vector<instance_id> all_ids();
    void require_going_on();
    void wait_for_calls();
    template <class Step>
    void persist(Step step);
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
    std::size_t attempts_ = 0;
    std::map<instance_id, copied_history> known_;
    /// Held at the last copy of their item.
    std::map<instance_id, std::vector<lease_token>> leases_;
};

}  // namespace perdure::moving
