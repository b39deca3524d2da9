#pragma once

#include <perdure/registry.hpp>

#include <string>

// A shop whose orders are recorded by one state of its code and replayed by others: SHOP_CHANGE
// names what the build changes.

inline constexpr perdure::orchestrator<std::string, std::string> sell{"Sell"};
inline constexpr perdure::orchestrator<std::string, std::string> approve{"Approve"};

// Adds both, and the activities.
void add_shop(perdure::registry& known);
