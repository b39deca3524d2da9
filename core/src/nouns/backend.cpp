#include <perdure/backend.hpp>

namespace perdure {
inline namespace v1 {

backend::~backend() = default;

std::string backend::identity() {
    return {};
}

std::optional<instance_record> backend::wait_and_get(
    const instance_id& instance, std::chrono::steady_clock::time_point deadline) {
    static_cast<void>(wait({&instance, 1}, deadline));
    return std::move(get({&instance, 1}).at(0));
}

work_batch backend::wait_for_lease(const lock_request& /*wanted*/,
                                   wake_token token,
                                   std::chrono::steady_clock::time_point deadline) {
    work_batch batch;
    batch.token = wait_for_work(token, deadline);
    return batch;
}

}  // namespace v1
}  // namespace perdure
