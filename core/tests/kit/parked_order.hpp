#pragma once

#include <perdure/client.hpp>
#include <perdure/kit/forwarding_backend.hpp>
#include <perdure/worker.hpp>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

// For the tests of every plugin: what a worker does with a turn that the store rejects.

namespace perdure::testing {

/// Spoils what is committed, or what is stored, before the store sees it: at every commit, because
/// core repeats one that is rejected.
class spoiling_backend final : public forwarding_backend {
  public:
    using spoiler = std::function<void(std::vector<finished_work>&)>;

    spoiling_backend(backend& inner, spoiler spoil)
        : forwarding_backend(inner), spoil_(std::move(spoil)) {}

    commit_result commit(const commit_request& request) override {
        std::vector<finished_work> finished(request.finished.begin(), request.finished.end());
        if (!finished.empty()) {
            spoil_(finished);
        }
        return forwarding_backend::commit({finished, request.next});
    }
    std::vector<lease_outcome> return_leases(const lease_return& request) override {
        auto outcomes = forwarding_backend::return_leases(request);
        if (request.kind == return_kind::park) {
            parked_.set_value();
        }
        return outcomes;
    }
    [[nodiscard]] std::future<void> parked() { return parked_.get_future(); }

  private:
    const spoiler spoil_;
    std::promise<void> parked_;
};

inline orchestration<int> return_input(context& /*ctx*/, int count) {
    co_return count;
}

/// Why the only instance of the store is parked, after a worker has executed its turn and the
/// commits were spoiled. Empty if it is not parked within 20 seconds.
[[nodiscard]] inline std::string reason_of_parked_order(backend& store,
                                                        spoiling_backend::spoiler spoil) {
    constexpr orchestrator<int, int> order{"Order"};
    const auto spoiling = std::make_shared<spoiling_backend>(store, std::move(spoil));
    const hub opened(spoiling, "spoiled");
    const std::future<void> parked = spoiling->parked();
    registry orders;
    orders.add(order, return_input);
    worker working(opened, orders);
    const instance_id id = client(opened).start(order, 12);
    working.start();
    const bool is_parked = parked.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
    working.stop();
    return is_parked ? store.get({&id, 1}).at(0).value().parked_reason : std::string();
}

}  // namespace perdure::testing
