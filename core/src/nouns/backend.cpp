#include <perdure/adjustable_clock.hpp>
#include <perdure/backend.hpp>
#include <perdure/kit/forwarding_backend.hpp>

namespace perdure {
inline namespace v1 {

backend::~backend() = default;

std::pair<std::vector<create_outcome>, work_batch> backend::create_and_hand_out(
    const lock_request& next, std::span<const new_instance> instances) {
    return {create(next.request, instances), {}};
}

std::pair<std::vector<send_outcome>, work_batch> backend::send_and_hand_out(
    const lock_request& next, std::span<const new_message> messages) {
    return {send(next.request, messages), {}};
}

std::string backend::identity() {
    return {};
}

adjustable_clock::~adjustable_clock() = default;

forwarding_backend::~forwarding_backend() = default;

bool advance_clock(backend& store, duration by) {
    if (by < duration::zero()) {
        throw backend_error(store_fault::rejected, "advance_clock: a clock moves only forward");
    }
    auto* clock = interface_of<adjustable_clock>(store);
    return clock != nullptr && clock->advance_clock(by);
}

}  // namespace v1
}  // namespace perdure
