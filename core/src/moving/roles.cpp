#include "moving/roles.hpp"

#include <perdure/backend_error.hpp>
#include <perdure/kit/forwarding_backend.hpp>

namespace perdure::moving {

role_store& roles_of(backend& store) {
    auto* found = interface_of<role_store>(store);
    if (found == nullptr) {
        throw backend_error(store_fault::configuration,
                            "the backend cannot take part in a live move: it does not implement "
                            "perdure::role_store (perdure/hub_role.hpp); it may move at rest");
    }
    return *found;
}

hub_role reopened(const hub_role& closing) {
    return {.role = move_role::tracked, .move = closing.move, .other = closing.other};
}

hub_role opened(const hub_role& sealed) {
    return {.role = move_role::plain, .move = sealed.move, .other = sealed.other};
}

bool is_decided_by(const hub_role& target, const hub_role& source) noexcept {
    return source.role == move_role::moved && target.role == move_role::sealed &&
           source.move == target.move && source.era == target.sealed_for + 1;
}

}  // namespace perdure::moving
