#include "moving/roles.hpp"
#include "moving/store_switch.hpp"

#include <perdure/printable.hpp>

#include <thread>
#include <utility>

// What a call does that hears that another process moves the hub, or has moved it.

namespace perdure::moving {

namespace {

using steady = std::chrono::steady_clock;

constexpr auto looks_again_after = std::chrono::milliseconds(1);

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
            return follow_to(*roles, left);
    }
    return false;
}

// False when neither hub is open, and no decision says which one is to be.
bool store_switch::follow_to(role_store& asked, const hub_role& left) {
    // Until the other hub can be reached, the call fails as it would there.
    try {
        opened_store next = opens_(left.other);
        auto* roles = interface_of<role_store>(*next.store);
        if (roles != nullptr) {
            const hub_role found = roles->role();
            if (is_decided_by(found, left)) {
                static_cast<void>(roles->change_role(found.era, opened(found)));
            } else if (is_decided_by(left, found)) {
                static_cast<void>(asked.change_role(left.era, opened(left)));
                return true;
            } else if (is_target(found.role)) {
                return false;
            }
        }
        ask_from_now_on(std::move(next.store), std::move(next.description));
        return true;
    } catch (backend_error& fault) {
        fault.add_context("following the hub, which has moved to " + printable(left.other));
        throw;
    }
}

}  // namespace perdure::moving
