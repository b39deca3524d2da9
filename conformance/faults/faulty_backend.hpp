#pragma once

#include <perdure/hub.hpp>
#include <perdure/kit/forwarding_backend.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace perdure::conformance {

/// The calls that can go wrong, by the names of the contract.
enum class method {
    create,
    send,
    terminate,
    get,
    query,
    read_history,
    purge,
    unpark,
    lock,
    commit,
    renew,
    return_leases,
    take_over,
};

/// How a call goes wrong.
enum class mishap {
    /// It throws, and nothing happened: `unavailable`, as when a connection breaks before a call.
    failure,
    /// It happens, and throws `outcome_unknown`.
    lost_answer,
    /// The leases that it hands out expire at once, behind the back of who gets them.
    expiry,
    /// What it hands out is given back behind the back of who gets it, and handed out again.
    second_delivery,
    /// Of a commit: it does not happen, and is answered as if it had, with no work: a store that
    /// loses what it has acknowledged.
    lost_commit,
};

/// How often a call goes wrong, in a thousand; `expiry` and `second_delivery` concern calls that
/// hand out work, and `lost_commit` only `commit`.
struct mishap_rates {
    unsigned failure = 0;
    unsigned lost_answer = 0;
    unsigned expiry = 0;
    unsigned second_delivery = 0;
    unsigned lost_commit = 0;
};

/// Forwards to another backend and lets calls go wrong, the n-th or random ones.
///
/// Safe from any thread. What happens in the store is always what the contract allows, so that an
/// engine that keeps its side of the contract loses nothing on it.
class faulty_backend final : public forwarding_backend {
  public:
    explicit faulty_backend(hub inner);

    /// The `n`-th call of the method from now on, 1 for the next, goes wrong, once.
    void plan(method which, mishap what, std::size_t n);
    /// The `n`-th call of any method from now on goes wrong, once.
    void plan_any(mishap what, std::size_t n);
    /// From now on calls go wrong at random; rates of zero end it.
    void plan_random(const mishap_rates& rates, std::uint64_t seed);
    [[nodiscard]] std::size_t calls() const;
    [[nodiscard]] std::size_t mishaps() const;
    /// The leases that lost commits would have ended, and that the store has still.
    [[nodiscard]] std::vector<held_item> lost() const;

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

  private:
    [[nodiscard]] std::optional<mishap> next_mishap(method which);
    template <class Call>
    auto attempt(method which, Call forward);
    template <class Call>
    auto perform(method which, std::optional<mishap> what, Call forward);
    void undermine(mishap how, const worker_id& holder, const work_batch& batch);
    [[nodiscard]] commit_result pretend(const commit_request& request);

    const hub hub_;
    mutable std::mutex mutex_;
    std::size_t calls_ = 0;
    std::size_t mishaps_ = 0;
    std::map<method, std::size_t> calls_of_;
    std::map<std::pair<method, std::size_t>, mishap> planned_;
    std::map<std::size_t, mishap> planned_any_;
    std::vector<held_item> lost_;
    mishap_rates rates_;
    std::mt19937_64 dice_;
};

}  // namespace perdure::conformance
