#pragma once

#include "order.hpp"

#include <perdure/context.hpp>

#include <string>

// The orchestration of 06_order, apart from what executes it: order_flows.cpp makes a library of
// it.

inline constexpr perdure::activity<order, void> reserve{"reserve"};
inline constexpr perdure::activity<order, void> charge{"charge"};
inline constexpr perdure::activity<order, void> pack{"pack"};
inline constexpr perdure::activity<order, void> ship{"ship"};
inline constexpr perdure::activity<order, void> notify{"notify"};
inline constexpr perdure::orchestrator<order, std::string> fulfil_order{"FulfilOrder"};

perdure::orchestration<std::string> fulfil(perdure::context& ctx, order wanted);
