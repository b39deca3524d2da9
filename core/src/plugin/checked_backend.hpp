#pragma once

#include <perdure/kit/forwarding_backend.hpp>

#include <memory>

namespace perdure::plugin {

/// A plugin's backend with the checks that every backend would otherwise have to make. What callers
/// ask is refused as `store_fault::rejected` when it means nothing, before the backend is called;
/// what it answers is, too, when it is not what the contract promises, and so is any exception that
/// is no `backend_error`. Safe from any thread.
class PERDURE_EXPORT checked_backend final : public forwarding_backend {
  public:
    explicit checked_backend(std::shared_ptr<backend> plugin);

    [[nodiscard]] capabilities abilities() const noexcept override { return abilities_; }
    void create_hub() override;
    void delete_hub() override;
    [[nodiscard]] hub_status status() override;
    [[nodiscard]] std::string identity() override;
    [[nodiscard]] create_result create(const lock_request& next,
                                       std::span<const new_instance> instances) override;
    [[nodiscard]] send_result send(const lock_request& next,
                                   std::span<const new_message> messages) override;
    [[nodiscard]] std::vector<terminate_outcome> terminate(
        const request_id& request, std::span<const termination> terminations) override;
    [[nodiscard]] std::vector<std::optional<instance_record>> get(
        std::span<const instance_id> instances) override;
    [[nodiscard]] instance_page query(const instance_filter& filter,
                                      std::size_t limit,
                                      const std::string& after) override;
    [[nodiscard]] std::optional<history_page> read_history(const instance_id& instance,
                                                           std::uint64_t from,
                                                           std::size_t bytes) override;
    [[nodiscard]] std::optional<instance_record> wait(
        const instance_id& instance, std::chrono::steady_clock::time_point deadline) override;
    [[nodiscard]] purge_result purge(const purge_request& request) override;
    [[nodiscard]] std::vector<unpark_outcome> unpark(
        const request_id& request, std::span<const instance_id> instances) override;
    [[nodiscard]] work_batch lock(const lock_request& request) override;
    [[nodiscard]] commit_result commit(const commit_request& request) override;
    [[nodiscard]] std::vector<lease_outcome> renew(const renewal& request) override;
    [[nodiscard]] std::vector<lease_outcome> return_leases(const lease_return& request) override;
    void take_over(const request_id& request, std::span<const worker_id> workers) override;
    [[nodiscard]] wake_token wait_for_work(wake_token token,
                                           std::chrono::steady_clock::time_point deadline) override;

  private:
    std::shared_ptr<backend> plugin_;
    capabilities abilities_;
};

}  // namespace perdure::plugin
