#pragma once

#include "call.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace perdure::sqlite {

/// Fills one answer of `lock` or `commit`, up to the room and the weight of the request.
class grant {
  public:
    grant(call& work, const lock_request& request);

    /// Hands out again what an earlier call with the same request id did [REPEAT-1].
    void repeat(std::string_view leased);
    /// Offers an instance that this call has at hand.
    void offer(instance_row& target);
    /// Offers the activities that this call has scheduled for the instance.
    void offer_scheduled(instance_row& owner);
    /// Fills the room that is left from the work keys [LOCK-6], or hands out one suspect.
    void fill();

    [[nodiscard]] bool is_empty() const noexcept {
        return batch_.orchestrations.empty() && batch_.activities.empty();
    }
    /// The leased items, as the answers table keeps them.
    [[nodiscard]] const std::string& leased() const noexcept { return leased_; }
    [[nodiscard]] work_batch take();

  private:
    struct activity_key {
        std::int64_t rank = 0;
        std::int64_t next_at = 0;
        std::int64_t row = 0;
        std::int64_t task = 0;
        uuid execution;

        friend auto operator<=>(const activity_key&, const activity_key&) = default;
    };

    [[nodiscard]] bool is_full() const noexcept;
    [[nodiscard]] std::size_t orchestration_room() const noexcept;
    [[nodiscard]] std::size_t activity_room() const noexcept;
    [[nodiscard]] std::uint64_t next_token(std::int64_t row, std::uint64_t task);
    void lease(instance_row& target);
    void add(instance_row& target);
    void add_inbox(const instance_row& target, std::vector<inbox_message>& inbox);
    void add_arrivals(const instance_row& target, std::vector<inbox_message>& inbox);
    void add_history(const instance_row& target, std::vector<history_chunk>& history);
    void fill_orchestrations();
    void fill_activities();
    void collect_activities(std::int64_t work_key,
                            std::size_t room,
                            std::vector<activity_key>& found);
    void lease_activity(const activity_key& key);
    void add_activity(const activity_key& key, std::uint64_t token);
    [[nodiscard]] bool is_waiting_suspect(const instance_row& target) const noexcept;
    [[nodiscard]] bool suspects_wait();

    call& work_;
    const lock_request& request_;
    served_work_keys work_keys_;
    std::int64_t worker_ = 0;
    bool has_suspects_ = false;
    work_batch batch_;
    std::size_t bytes_ = 0;
    std::uint32_t ordinal_ = 0;
    std::string leased_;
};

}  // namespace perdure::sqlite
