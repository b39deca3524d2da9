#pragma once

#include "moving/gate.hpp"
#include "moving/recent_leases.hpp"
#include "moving/touched_instances.hpp"

#include <perdure/hub_role.hpp>
#include <perdure/kit/forwarding_backend.hpp>
#include <perdure/promotion.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace perdure::moving {

struct opened_store {
    std::shared_ptr<backend> store;
    /// For messages: without secrets, and without what drives a terminal.
    std::string description;
};

/// Opens the store of a hub that has moved. Throws `backend_error`.
using store_opener = std::function<opened_store(const std::string& uri)>;

/// Stands in each hub before its backend, and can put another one in its place while calls go on:
/// when this process moves the hub, and when a call hears that another one has done so. Exactly one
/// store is asked at any moment, so no rule of the contract changes for its callers: a lease that
/// was given before the move is good after it, and what waits for a change looks at the new store.
///
/// Safe from any thread.
class PERDURE_EXPORT store_switch final : public forwarding_backend {
  public:
    /// Without an opener it does not follow other processes.
    store_switch(std::shared_ptr<backend> first, std::string description, store_opener opens);
    ~store_switch() override;

    /// What the present store is called. The reference stays valid.
    [[nodiscard]] const std::string& description() const noexcept { return here().description; }
    /// Begins to move to another store, which has no other users. Throws `backend_error`:
    /// (rejected) when a move is going on, (configuration) when one of the backends cannot move.
    [[nodiscard]] promotion promote(std::shared_ptr<backend> to, std::string to_description);

    // For the one who moves.

    /// Notes from now on what calls change; false when a call takes longer than this.
    [[nodiscard]] bool begin_noting(std::chrono::milliseconds patience);
    [[nodiscard]] touched_instances& touched() noexcept { return touched_; }
    /// No call is under way any more, none of them will be repeated, and all others wait; false
    /// when that takes longer.
    [[nodiscard]] bool close(std::chrono::milliseconds patience);
    void reopen();
    /// While it is closed: the next calls go to another store.
    void move_to(std::shared_ptr<backend> next, const std::string& description);
    /// Whether this worker has renewed through this switch.
    [[nodiscard]] bool knows(const worker_id& worker);

    // What others call.

    [[nodiscard]] backend& inner() const noexcept override { return *here().store; }
    [[nodiscard]] capabilities abilities() const noexcept override;
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
    void interrupt_waits() noexcept override;

  private:
    /// A store that is asked, or was.
    struct place {
        std::shared_ptr<backend> store;
        std::string description;
        /// How many moves there were before.
        std::uint64_t era = 0;
    };
    /// What a worker said last.
    struct known_worker {
        std::optional<work_filter> filter;
        std::chrono::steady_clock::time_point until;
    };
    /// A call whose answer was lost: it will be repeated, where it was made.
    struct unanswered_call {
        std::chrono::steady_clock::time_point since;
        const place* where;
    };

    template <class Call>
    auto through(Call call);
    template <class Call>
    auto through(const request_id& request, Call call);
    template <class Call>
    auto remembered(const request_id& request, const place& asked, Call call);
    template <class Items, class IdOf>
    [[nodiscard]] std::vector<instance_id> noted(const Items& items, IdOf id_of) const;
    [[nodiscard]] static std::vector<instance_id> with_parents(backend& store,
                                                               std::vector<instance_id> ids);
    void remember(const request_id& unanswered, const place& asked);
    void forget(const request_id& answered);
    [[nodiscard]] const place* earlier_place_of(const request_id& request);
    [[nodiscard]] work_batch given_out(const place& by, work_batch batch);
    [[nodiscard]] lease known_to(const place& asked, lease held);
    [[nodiscard]] std::vector<held_item> known_to(const place& asked,
                                                  std::span<const held_item> items);
    void keep(const renewal& said);
    void tell_of_workers(backend& next);
    [[nodiscard]] const place& here() const noexcept { return *here_; }
    [[nodiscard]] bool is_asked_still(const place& asked);
    void ask_from_now_on(std::shared_ptr<backend> next, std::string description);

    [[nodiscard]] bool follow(const place& asked, std::chrono::steady_clock::time_point deadline);
    [[nodiscard]] bool follow_to(role_store& asked, const hub_role& left);

    const store_opener opens_;
    mutable gate gate_;
    touched_instances touched_;
    std::atomic<const place*> here_;
    recent_leases recent_;
    std::atomic<bool> interrupted_{false};
    /// One call looks where the hub is; the others wait.
    std::mutex following_;

    std::mutex mutex_;
    /// Callers may still wait in the earlier ones.
    std::deque<place> places_;
    std::map<worker_id, known_worker> workers_;
    /// Workers whose leases calls have ended since changes are noted.
    std::vector<worker_id> taken_over_;
    std::map<request_id, unanswered_call> unanswered_;
    std::atomic<std::size_t> unanswered_count_{0};
    std::shared_ptr<promotion::course> course_;
    std::thread mover_;
};

}  // namespace perdure::moving
