// The orchestrations of 06_order as a library. What was recorded is replayed against them:
//
//     perdure replay --hub sqlite:orders.db --load liborder_flows.so

#include "fulfil_order.hpp"

#include <perdure/flows.hpp>
#include <perdure/registry.hpp>

static void add_all(perdure::registry& known) {
    known.add(fulfil_order, fulfil);
}
PERDURE_FLOWS(add_all)
