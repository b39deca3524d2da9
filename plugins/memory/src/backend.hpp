#pragma once

#include "call.hpp"

#include <memory>

namespace perdure::memory {

/// The readable reference backend: everything in maps of this process, behind one mutex.
///
/// Safe from any thread; owns none. The hub lives as long as an object that shares it.
class memory_backend final : public backend {
  public:
    enum class clock { real, test };
    memory_backend(std::shared_ptr<store> hub, clock chosen);

    capabilities abilities() const noexcept override;
    void create_hub() override;
    void delete_hub() override;
    hub_status status() override;
    bool advance_clock(duration by) override;

    std::vector<create_outcome> create(const request_id&, std::span<const new_instance>) override;
    std::vector<send_outcome> send(const request_id&, std::span<const new_message>) override;
    std::vector<terminate_outcome> terminate(const request_id&,
                                             std::span<const termination>) override;
    std::vector<std::optional<instance_record>> get(std::span<const instance_id>) override;
    instance_page query(const instance_filter&,
                        std::size_t limit,
                        const std::string& after) override;
    std::optional<history_page> read_history(const instance_id&,
                                             std::uint64_t from,
                                             std::size_t bytes) override;
    bool wait(std::span<const instance_id>, steady_time deadline) override;
    purge_result purge(const purge_request&) override;
    std::vector<release_outcome> release(const request_id&, std::span<const instance_id>) override;

    work_batch lock(const lock_request&) override;
    commit_result commit(const commit_request&) override;
    std::vector<lease_outcome> renew(const renewal&) override;
    std::vector<lease_outcome> give_back(const request_id&, std::span<const held_item>) override;
    std::vector<lease_outcome> abandon(const request_id&,
                                       std::span<const held_item>,
                                       duration delay) override;
    std::vector<lease_outcome> park(const request_id&,
                                    std::span<const held_item>,
                                    std::span<const std::string> reasons) override;
    void take_over(const request_id&, std::span<const worker_id>) override;
    wake_token wait_for_work(wake_token, steady_time deadline) override;
    void interrupt_waits() noexcept override;

  private:
    std::shared_ptr<store> hub_;
    const clock clock_;
    bool interrupted_ = false;
};

/// What `answer` says of each item and its number, in their order [BATCH-2].
template <class Items, class Answer>
auto each(const Items& items, Answer answer) {
    std::vector<decltype(answer(items[0], std::size_t{}))> answers;
    for (const auto& item : items) {
        answers.push_back(answer(item, answers.size()));
    }
    return answers;
}

/// Whether a query with this filter shows the instance.
bool matches(const instance_filter& filter, const instance& found);

/// Whether a worker with this filter has the code for the item; without a filter it has all.
bool serves(const work_filter* filter, store& hub, const item_key& key);

/// Hands out work as `lock` and the second half of `commit` do: first `preferred`, then the lanes.
work_batch hand_out(call& work, const lock_request& request, std::span<const item_key> preferred);

}  // namespace perdure::memory
