#pragma once

#include <perdure/backend.hpp>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

// A backend that a test scripts: what it does not script fails the test by an exception.

namespace perdure::testing {

class fake_backend : public backend {
  public:
    std::function<commit_result(const commit_request&)> on_commit;
    std::function<work_batch(const lock_request&)> on_lock;
    std::function<create_result(const lock_request&, std::span<const new_instance>)> on_create;
    std::function<send_result(const lock_request&, std::span<const new_message>)> on_send;
    std::function<std::vector<lease_outcome>(const renewal&)> on_renew;
    unsigned lanes = 1;

    capabilities abilities() const noexcept override {
        capabilities offered;
        offered.durable = false;
        offered.commit_lanes = lanes;
        return offered;
    }
    void create_hub() override {}
    void delete_hub() override {}
    hub_status status() override { return {}; }

    create_result create(const lock_request& next,
                         std::span<const new_instance> instances) override {
        return on_create(next, instances);
    }
    send_result send(const lock_request& next, std::span<const new_message> messages) override {
        return on_send(next, messages);
    }
    std::vector<terminate_outcome> terminate(const request_id&,
                                             std::span<const termination>) override {
        throw backend_error(store_fault::rejected, "terminate is not scripted");
    }
    std::vector<std::optional<instance_record>> get(std::span<const instance_id> ids) override {
        return std::vector<std::optional<instance_record>>(ids.size());
    }
    instance_page query(const instance_filter&, std::size_t, const std::string&) override {
        return {};
    }
    std::optional<history_page> read_history(const instance_id&,
                                             std::uint64_t,
                                             std::size_t) override {
        return std::nullopt;
    }
    std::optional<instance_record> wait(const instance_id&,
                                        std::chrono::steady_clock::time_point) override {
        return std::nullopt;
    }
    purge_result purge(const purge_request&) override { return {}; }
    std::vector<unpark_outcome> unpark(const request_id&,
                                       std::span<const instance_id> ids) override {
        return std::vector<unpark_outcome>(ids.size());
    }
    work_batch lock(const lock_request& request) override {
        return on_lock ? on_lock(request) : work_batch();
    }
    commit_result commit(const commit_request& request) override { return on_commit(request); }
    std::vector<lease_outcome> renew(const renewal& request) override {
        return on_renew ? on_renew(request)
                        : std::vector<lease_outcome>(request.items.size(), lease_outcome::done);
    }
    std::vector<lease_outcome> return_leases(const lease_return& request) override {
        return std::vector<lease_outcome>(request.items.size(), lease_outcome::done);
    }
    void take_over(const request_id&, std::span<const worker_id>) override {}
    wake_token wait_for_work(wake_token token, std::chrono::steady_clock::time_point) override {
        return token;
    }
    void interrupt_waits() noexcept override {}
};

inline orchestration_work a_leased_turn(const std::string& id) {
    return {instance_id(id),
            {},
            {},
            "o",
            "",
            orchestration_status::pending,
            0,
            {},
            0,
            {},
            {},
            1,
            false};
}

inline activity_work a_leased_activity(const std::string& id) {
    return {instance_id(id), {}, {}, {}, "a", "", "", {}, "", 1, false};
}

inline finished_work a_finished_turn(const std::string& id, checkpoint turn = {}) {
    return {.instance = instance_id(id), .turn = std::move(turn)};
}

inline finished_work a_finished_activity(const std::string& id) {
    return {.instance = instance_id(id), .activity = ended_activity{}};
}

/// Everything is committed, nothing is handed out.
inline commit_result all_committed(const commit_request& request) {
    commit_result answer;
    answer.outcomes.assign(request.finished.size(), commit_outcome::committed);
    return answer;
}

}  // namespace perdure::testing
