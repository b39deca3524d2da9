#pragma once

#include "moving/course.hpp"
#include "moving/image_copier.hpp"

#include <perdure/hub_role.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace perdure::moving {

/// A side of a live move.
struct moving_hub {
    moving_hub(backend& opened, std::string called);

    [[nodiscard]] hub_role role() { return roles.role(); }

    backend& store;
    std::string name;
    role_store& roles;
    image_store& images;
};

/// The steps that copy, of a move that has begun. One thread at a time; hubs and course must
/// outlive it.
class live_mover {
  public:
    live_mover(moving_hub& from, moving_hub& to, promotion::course& course);

    /// Until the target has all but some changes.
    void run();
    /// Until the target has the hub.
    void cut();

  private:
    void take_over();
    void wait_for_decision();
    void become(move_role role, std::uint64_t sealed_for = 0);
    [[nodiscard]] std::size_t changes_left(std::size_t limit);
    [[nodiscard]] bool copy_some(const std::vector<instance_change>& changes,
                                 image_copier::verification check);
    void copy_changes();
    [[nodiscard]] bool try_to_cut(std::size_t attempt);
    [[nodiscard]] bool copy_rest_and_hand_over(const hub_role& closed, std::size_t most);
    void reopen() noexcept;
    void report_obstacle(const std::string& what);

    moving_hub& from_;
    moving_hub& to_;
    promotion::course& course_;
    image_copier copies_;
    /// The role that the target has, unless somebody else has taken over.
    hub_role mine_;
};

/// Changes the role from what was read, as soon as the store can do so. False when somebody else
/// has changed it. A change whose answer was lost is looked for.
[[nodiscard]] bool change_role(moving_hub& where,
                               const hub_role& was,
                               const hub_role& next,
                               promotion::course& course);
/// The same; throws `backend_error` (rejected) when somebody else has changed it.
void must_change_role(moving_hub& where,
                      const hub_role& was,
                      const hub_role& next,
                      promotion::course& course);

}  // namespace perdure::moving
