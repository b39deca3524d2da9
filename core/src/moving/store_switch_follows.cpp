#include "moving/roles.hpp"
#include "moving/store_switch.hpp"

#include <fmt/format.h>

#include <thread>
#include <utility>

// What a call does that hears that another process moves the hub, or has moved it.

namespace perdure::moving {

namespace {

using steady = std::chrono::steady_clock;

// A hub is closed for some tens of milliseconds.
constexpr auto looks_again_after = std::chrono::milliseconds(1);
// After this who moved it is taken for dead.
constexpr auto closed_max = std::chrono::seconds(1);

}  // namespace

// Whether the call may be made again: here, or where the hub is now.
bool store_switch::follow(const place& asked, steady::time_point deadline) {
    std::unique_lock looking(following_);
    if (&here() != &asked) {
        return true;
    }
    auto* roles = interface_of<role_store>(*asked.store);
    if (!opens_ || roles == nullptr || steady::now() >= deadline) {
        return false;
    }
    const hub_role left = roles->role();
    switch (left.role) {
        case move_role::plain:
        case move_role::tracked:
            // It was opened again, unless it is closed for something else.
            return left.reason.empty();
        case move_role::closing:
            if (asked.store->status().store_time > saturating_add(left.since, closed_max)) {
                static_cast<void>(roles->change_role(left.era, reopened(left)));
                return true;
            }
            looking.unlock();
            std::this_thread::sleep_for(looks_again_after);
            return true;
        case move_role::moved:
        case move_role::standby:
        case move_role::following:
        case move_role::sealed:
            follow_to(left);
            return true;
    }
    return false;
}

void store_switch::follow_to(const hub_role& left) {
    // Until the other hub can be reached, the call fails as it did, or as it would there.
    try {
        std::shared_ptr<backend> next = opens_(left.other);
        auto* roles = interface_of<role_store>(*next);
        if (roles != nullptr) {
            const hub_role found = roles->role();
            if (is_decided_by(found, left)) {
                static_cast<void>(roles->change_role(found.era, opened(found)));
            }
        }
        ask_from_now_on(std::move(next), left.other);
    } catch (backend_error& fault) {
        fault.add_context("following the hub, which has moved to " + left.other);
        throw;
    }
}

}  // namespace perdure::moving
