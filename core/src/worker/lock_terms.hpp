#pragma once

#include <perdure/backend.hpp>

#include <memory>

namespace perdure::dispatch {

using filter_ptr = std::shared_ptr<const work_filter>;

/// A request, and the filter that it points to: what a worker serves may change during a call.
struct lock_terms : lock_request {
    filter_ptr served;

    void serve(filter_ptr what) {
        served = std::move(what);
        filter = served.get();
    }
};

}  // namespace perdure::dispatch
