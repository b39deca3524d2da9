#pragma once

#include "store.hpp"

#include <perdure/adjustable_clock.hpp>
#include <perdure/backend.hpp>
#include <perdure/backend_statistics.hpp>
#include <perdure/hub_role.hpp>
#include <perdure/instance_image.hpp>
#include <perdure/store_check.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace perdure::postgres {

/// A task hub in a PostgreSQL schema. Each method is one call of one function there, one
/// autocommitted statement; sql/postgres/README.md says what the functions do. Only a commit of one
/// turn has two, if the first one finds more to do than the turn's.
///
/// Safe from any thread. It owns one thread, which listens for other processes. A process that
/// fork() made from the one that opened it may only destroy it.
class postgres_backend final : public backend,
                               public adjustable_clock,
                               public statistics_source,
                               public image_store,
                               public role_store,
                               public store_check {
  public:
    explicit postgres_backend(settings chosen);

    [[nodiscard]] capabilities abilities() const noexcept override;
    void create_hub() override;
    void delete_hub() override;
    [[nodiscard]] hub_status status() override;
    [[nodiscard]] std::string identity() override;
    [[nodiscard]] bool advance_clock(duration by) override;

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
    void interrupt_waits() noexcept override;

    [[nodiscard]] backend_statistics statistics() const noexcept override;

    [[nodiscard]] image_page read_images(const std::string& after,
                                         std::size_t limit,
                                         std::size_t bytes) override;
    [[nodiscard]] std::vector<std::optional<instance_image>> read_images(
        std::span<const instance_id> instances, std::size_t bytes) override;
    [[nodiscard]] std::vector<write_outcome> write_images(std::span<const instance_image> images,
                                                          std::uint64_t last_sequence,
                                                          write_mode mode) override;
    void remove_images(std::span<const instance_id> instances) override;
    [[nodiscard]] check_page check(const std::string& after, std::size_t limit) override;
    [[nodiscard]] std::size_t repair(std::span<const violation> found) override;
    void set_closed(const std::string& reason) override;
    [[nodiscard]] std::string closed_reason() override;

    [[nodiscard]] hub_role role() override;
    [[nodiscard]] bool change_role(std::uint64_t era, const hub_role& next) override;
    [[nodiscard]] std::vector<instance_change> changes(std::size_t limit) override;
    [[nodiscard]] std::size_t count_changes(std::size_t limit) override;
    void forget_changes(std::span<const instance_change> changes) override;

  private:
    // Once, with the numbers of names that are known.
    [[nodiscard]] create_result create_now(const lock_request& next,
                                           std::span<const new_instance> instances);
    [[nodiscard]] commit_result commit_now(const commit_request& request);
    /// A call of a client that may lease something.
    [[nodiscard]] answer call_leasing(const statement& what,
                                      const parameters& values,
                                      const lock_request& next);
    /// What it has leased, if anything.
    [[nodiscard]] work_batch read_handed(const announcing_call& work,
                                         const lock_request& next,
                                         const field& time,
                                         const field& handed);
    [[nodiscard]] std::vector<write_outcome> write_now(std::span<const instance_image> images,
                                                       std::uint64_t last_sequence,
                                                       write_mode mode);
    void change_for_all(const statement& what, const parameters& values);
    [[nodiscard]] std::vector<std::string> purgeable(const purge_request& request);

    /// In a process that fork() made it is left as it is: its connections are the opener's, which
    /// closing them would end, and its thread is not there to be joined.
    struct end_in_opener {
        void operator()(store* opened) const noexcept;
    };
    const std::unique_ptr<store, end_in_opener> owned_;
    store& hub_;
    /// Of the last role that was given through this handle [ROLE-5]; 0 for none.
    std::atomic<std::uint64_t> era_{0};
};

}  // namespace perdure::postgres
