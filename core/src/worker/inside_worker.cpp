#include "worker/inside_worker.hpp"

namespace perdure::dispatch {

namespace {
thread_local const inside_worker* innermost = nullptr;
}

inside_worker::inside_worker(const engine_log& worker) noexcept
    : worker_(worker), outer_(innermost) {
    innermost = this;
}

inside_worker::~inside_worker() {
    innermost = outer_;
}

bool inside_worker::is(const engine_log& worker) noexcept {
    for (const inside_worker* each = innermost; each != nullptr; each = each->outer_) {
        if (&each->worker_ == &worker) {
            return true;
        }
    }
    return false;
}

}  // namespace perdure::dispatch
