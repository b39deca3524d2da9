#pragma once

#include <perdure/backend.hpp>

#include <string>
#include <vector>

namespace perdure {
inline namespace v1 {

/// Passes every call on to another backend, which must outlive it. Derive from it to change, watch
/// or disturb some of the calls, as tests and decorators do. What the other one implements beside
/// `backend` is found by `interface_of`.
class PERDURE_EXPORT forwarding_backend : public backend {
  public:
    explicit forwarding_backend(backend& inner) : inner_(inner) {}
    ~forwarding_backend() override;

    /// Where `interface_of` goes on.
    [[nodiscard]] virtual backend& inner() const noexcept { return inner_; }

    [[nodiscard]] capabilities abilities() const noexcept override { return inner_.abilities(); }
    void create_hub() override { inner_.create_hub(); }
    void delete_hub() override { inner_.delete_hub(); }
    [[nodiscard]] hub_status status() override { return inner_.status(); }
    [[nodiscard]] std::string identity() override { return inner_.identity(); }
    [[nodiscard]] create_result create(const lock_request& next,
                                       std::span<const new_instance> instances) override {
        return inner_.create(next, instances);
    }
    [[nodiscard]] send_result send(const lock_request& next,
                                   std::span<const new_message> messages) override {
        return inner_.send(next, messages);
    }
    [[nodiscard]] std::vector<terminate_outcome> terminate(
        const request_id& request, std::span<const termination> terminations) override {
        return inner_.terminate(request, terminations);
    }
    [[nodiscard]] std::vector<std::optional<instance_record>> get(
        std::span<const instance_id> instances) override {
        return inner_.get(instances);
    }
    [[nodiscard]] instance_page query(const instance_filter& filter,
                                      std::size_t limit,
                                      const std::string& after) override {
        return inner_.query(filter, limit, after);
    }
    [[nodiscard]] std::optional<history_page> read_history(const instance_id& instance,
                                                           std::uint64_t from,
                                                           std::size_t bytes) override {
        return inner_.read_history(instance, from, bytes);
    }
    [[nodiscard]] std::optional<instance_record> wait(
        const instance_id& instance, std::chrono::steady_clock::time_point deadline) override {
        return inner_.wait(instance, deadline);
    }
    [[nodiscard]] purge_result purge(const purge_request& request) override {
        return inner_.purge(request);
    }
    [[nodiscard]] std::vector<unpark_outcome> unpark(
        const request_id& request, std::span<const instance_id> instances) override {
        return inner_.unpark(request, instances);
    }
    [[nodiscard]] work_batch lock(const lock_request& request) override {
        return inner_.lock(request);
    }
    [[nodiscard]] commit_result commit(const commit_request& request) override {
        return inner_.commit(request);
    }
    [[nodiscard]] std::vector<lease_outcome> renew(const renewal& request) override {
        return inner_.renew(request);
    }
    [[nodiscard]] std::vector<lease_outcome> return_leases(const lease_return& request) override {
        return inner_.return_leases(request);
    }
    void take_over(const request_id& request, std::span<const worker_id> workers) override {
        inner_.take_over(request, workers);
    }
    [[nodiscard]] wake_token wait_for_work(
        wake_token token, std::chrono::steady_clock::time_point deadline) override {
        return inner_.wait_for_work(token, deadline);
    }
    void interrupt_waits() noexcept override { inner_.interrupt_waits(); }

  private:
    backend& inner_;
};

/// What the backend implements beside `backend`, itself or behind backends that only forward to it;
/// null when it does not.
template <class Interface>
[[nodiscard]] Interface* interface_of(backend& store) {
    backend* next = &store;
    for (;;) {
        if (auto* found = dynamic_cast<Interface*>(next)) {
            return found;
        }
        const auto* forwarding = dynamic_cast<const forwarding_backend*>(next);
        if (forwarding == nullptr) {
            return nullptr;
        }
        next = &forwarding->inner();
    }
}

}  // namespace v1
}  // namespace perdure
