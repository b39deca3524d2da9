#pragma once

#include <perdure/backend.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace perdure::testing {

/// Passes every call on; a test overrides the ones that it disturbs.
class forwarding_backend : public backend {
  public:
    explicit forwarding_backend(backend& inner) : inner_(inner) {}

    capabilities abilities() const noexcept override { return inner_.abilities(); }
    void create_hub() override { inner_.create_hub(); }
    void delete_hub() override { inner_.delete_hub(); }
    hub_status status() override { return inner_.status(); }
    std::string identity() override { return inner_.identity(); }
    bool advance_clock(duration by) override { return inner_.advance_clock(by); }
    std::vector<create_outcome> create(const request_id& request,
                                       std::span<const new_instance> instances) override {
        return inner_.create(request, instances);
    }
    std::vector<send_outcome> send(const request_id& request,
                                   std::span<const new_message> messages) override {
        return inner_.send(request, messages);
    }
    std::vector<terminate_outcome> terminate(const request_id& request,
                                             std::span<const termination> ends) override {
        return inner_.terminate(request, ends);
    }
    std::vector<std::optional<instance_record>> get(std::span<const instance_id> ids) override {
        return inner_.get(ids);
    }
    instance_page query(const instance_filter& filter,
                        std::size_t limit,
                        const std::string& after) override {
        return inner_.query(filter, limit, after);
    }
    std::optional<history_page> read_history(const instance_id& instance,
                                             std::uint64_t from,
                                             std::size_t bytes) override {
        return inner_.read_history(instance, from, bytes);
    }
    bool wait(std::span<const instance_id> ids,
              std::chrono::steady_clock::time_point deadline) override {
        return inner_.wait(ids, deadline);
    }
    std::optional<instance_record> wait_and_get(
        const instance_id& id, std::chrono::steady_clock::time_point deadline) override {
        return inner_.wait_and_get(id, deadline);
    }
    purge_result purge(const purge_request& request) override { return inner_.purge(request); }
    std::vector<release_outcome> release(const request_id& request,
                                         std::span<const instance_id> ids) override {
        return inner_.release(request, ids);
    }
    work_batch lock(const lock_request& request) override { return inner_.lock(request); }
    commit_result commit(const commit_request& request) override { return inner_.commit(request); }
    std::vector<lease_outcome> renew(const renewal& request) override {
        return inner_.renew(request);
    }
    std::vector<lease_outcome> give_back(const request_id& request,
                                         std::span<const held_item> items) override {
        return inner_.give_back(request, items);
    }
    std::vector<lease_outcome> abandon(const request_id& request,
                                       std::span<const held_item> items,
                                       duration delay) override {
        return inner_.abandon(request, items, delay);
    }
    std::vector<lease_outcome> park(const request_id& request,
                                    std::span<const held_item> items,
                                    std::span<const std::string> reasons) override {
        return inner_.park(request, items, reasons);
    }
    void take_over(const request_id& request, std::span<const worker_id> workers) override {
        inner_.take_over(request, workers);
    }
    wake_token wait_for_work(wake_token token,
                             std::chrono::steady_clock::time_point deadline) override {
        return inner_.wait_for_work(token, deadline);
    }
    work_batch wait_for_lease(const lock_request& wanted,
                              wake_token token,
                              std::chrono::steady_clock::time_point deadline) override {
        return inner_.wait_for_lease(wanted, token, deadline);
    }
    void interrupt_waits() noexcept override { inner_.interrupt_waits(); }

  protected:
    backend& inner_;
};

}  // namespace perdure::testing
