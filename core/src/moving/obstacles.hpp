#pragma once

#include <perdure/backend.hpp>

#include <string>

namespace perdure::moving {

/// A store and what people call it.
struct named_store {
    backend& store;
    const std::string& name;
};

/// Throws `backend_error` (rejected).
[[noreturn]] void refuse(const std::string& why);
/// The same, unless it is empty.
void refuse_for(const std::string& obstacle);

// What is in the way of a move while calls go on, as a text for people; empty when nothing is.
// Thrown: `backend_error` when a store cannot be asked.

[[nodiscard]] std::string same_hub(named_store from, named_store to);
/// Timers and leases would end at another time.
[[nodiscard]] std::string clocks_apart(named_store from, named_store to);
/// Workers of the first one may do what the other one does not know.
[[nodiscard]] std::string lesser_abilities(named_store from, named_store to);
[[nodiscard]] std::string not_empty(named_store where);
[[nodiscard]] std::string live_worker(named_store where);

}  // namespace perdure::moving
