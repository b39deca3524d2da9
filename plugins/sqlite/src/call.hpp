#pragma once

#include "notifier.hpp"
#include "store.hpp"

#include <perdure/backend.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace perdure::sqlite {

/// A message that came to an inbox during the call.
struct arrival {
    std::int64_t due = 0;
    std::int64_t sequence = 0;
    std::int64_t visible_at = 0;
    task_id task{};
    std::string_view event;
    bool for_execution = false;
    bool is_timer = false;
    std::uint64_t completed_by = 0;
};

/// An activity that the call schedules: it is inserted at the call's end, in its final state.
struct scheduled_activity {
    const new_activity* added = nullptr;
    execution_id execution{};
    std::int64_t kind = 0;
    std::uint64_t token = 0;
    std::int64_t holder = 0;
    std::int64_t next_at = 0;
    bool is_cancelled = false;
};

/// A row of `instances`, as far as turns change it, read once a call and written once at its end.
struct instance_row {
    std::int64_t row = 0;
    instance_id instance;
    execution_id execution{};
    std::int64_t definition = 0;
    orchestration_status status = orchestration_status::pending;
    /// Ready since, due, or the end of the lease; see sql/001_initial.sql.
    std::int64_t next_at = never;
    std::int64_t not_before = 0;
    bool needs_turn = false;
    bool suspect = false;
    bool leased_alone = false;
    /// The end of the lease was noticed, but the token is good until the next lease [LOCK-3].
    bool expired = false;
    std::uint64_t token = 0;
    std::int64_t holder = 0;
    std::uint32_t deliveries = 0;
    std::uint64_t history_length = 0;
    std::uint64_t history_version = 0;
    std::int64_t inbox_length = 0;
    std::int64_t last_committer = 0;
    std::uint64_t last_committed = 0;
    std::int64_t updated_at = 0;
    bool parked = false;

    // Of this call.
    std::int64_t stored_work_key = 0;
    std::int64_t stored_next_at = never;
    const new_instance* birth = nullptr;
    bool is_changed = false;
    bool is_erased = false;
    /// How many messages are in the table that did not come during the call.
    std::int64_t stored_messages = 0;
    std::vector<arrival> arrivals;
    std::vector<scheduled_activity> scheduled;
    bool has_ended = false;
    const payload* output = nullptr;
    const std::string* failure_text = nullptr;

    explicit instance_row(instance_id id) : instance(std::move(id)) {}

    [[nodiscard]] bool is_held() const noexcept { return token != 0 && !expired; }
    /// Zero for none.
    [[nodiscard]] std::int64_t work_key() const noexcept;
    void leave_work_key() noexcept { next_at = never; }
};

/// An activity that is leased, or was.
struct held_activity {
    std::int64_t instance_row = 0;
    task_id task{};
    execution_id execution{};
    std::int64_t kind = 0;
    bool suspect = false;
    std::uint32_t deliveries = 0;
};

/// The earlier answer to a repeated call [REPEAT-1].
struct earlier_answer {
    std::string outcomes;
    std::string leased;
};

/// One call of the contract that writes: it holds the writer from beginning to end and is one
/// transaction [BATCH-3]. What is not finished is rolled back.
class call {
  public:
    enum class in_closed_hub { refused, allowed };

    explicit call(store& hub,
                  notifier& announcer,
                  urgency how = urgency::ordinary,
                  in_closed_hub use = in_closed_hub::refused);
    /// In a closed hub it is let in when the request has an answer [ROLE-6].
    call(store& hub, notifier& announcer, const request_id& request);
    /// Allowed in a closed hub. Throws `backend_error` (unavailable) when others are at work until
    /// then.
    call(store& hub, notifier& announcer, std::chrono::steady_clock::time_point deadline);
    call(const call&) = delete;
    call& operator=(const call&) = delete;
    ~call();

    [[nodiscard]] std::int64_t now() const noexcept { return now_; }
    [[nodiscard]] bool is_closed() const noexcept { return !before_.closed_reason.empty(); }
    [[nodiscard]] write_statements& sql() noexcept { return writer_->sql; }
    [[nodiscard]] name_cache& names() noexcept { return hub_.names(); }
    /// How many rows the last statement that writes has written.
    [[nodiscard]] std::int64_t changed_rows() const noexcept { return writer_->db.changes(); }
    [[nodiscard]] const std::vector<instance_row*>& made_ready() const noexcept {
        return made_ready_;
    }

    // Repeats.
    [[nodiscard]] std::optional<earlier_answer> find_answer(const request_id& request);
    void keep_answer(const request_id& request,
                     std::string_view outcomes,
                     std::string_view leased = {});
    /// [RENEW-2] Removes some of the answers and workers that are too old.
    void tidy();

    // Instances. Pointers stay valid until the end of the call.
    [[nodiscard]] instance_row* find(const instance_id& id);
    [[nodiscard]] instance_row* find_row(std::int64_t row);
    /// Reads it anew when it is looked for again: its row is written by somebody else. It has not
    /// changed so far.
    void forget(const instance_row& target);
    /// By the row of a lease, or, if that is not the right one, by its id.
    [[nodiscard]] instance_row* find(const instance_id& id, const lease& held);
    /// The instance or activity that this lease is for; nothing when it is lost [LOCK-2].
    [[nodiscard]] instance_row* holder(const held_item& item);
    [[nodiscard]] std::optional<held_activity> activity_holder(const held_item& item);
    [[nodiscard]] bool is_leased(const instance_row& target) const noexcept {
        return target.is_held() && target.next_at > now_;
    }
    /// The execution with which the instance was created [CREATE-3].
    [[nodiscard]] execution_id created_as(const instance_row& target);
    void insert(const new_instance& fresh);
    /// For an instance that is to be written.
    [[nodiscard]] std::int64_t new_row();
    /// [LEVEL-1] The instance waits under another work key from then on.
    void raise_level(instance_row& target, feature_level level);
    void erase(instance_row& target);
    /// Ends the lease.
    void release_lease(instance_row& target);
    /// The holder is back before anybody took the item [LOCK-3].
    static void take_back_expiry(instance_row& target);
    /// Puts the instance where its state says: under a work key, or under none. One that is ready
    /// is so since now.
    void settle(instance_row& target) { settle(target, now_); }
    void settle(instance_row& target, std::int64_t ready_from);
    void append_history(instance_row& target, std::uint32_t count, const std::string& text);
    void append_event(instance_row& target, const std::string& event);
    void end(instance_row& target, orchestration_status status);
    [[nodiscard]] std::optional<parent_link> parent(const instance_row& target);

    // Messages.
    void raise_sequence(std::uint64_t least) {
        last_sequence_ = std::max(last_sequence_, static_cast<std::int64_t>(least));
    }
    void post(instance_row& target, arrival message);
    void tell_parent(const std::optional<parent_link>& parent, const std::string& event);
    [[nodiscard]] send_outcome send(const new_message& message);
    [[nodiscard]] terminate_outcome terminate(const termination& wish);

    // Activities.
    void queue_activity(const held_activity& task, std::int64_t next_at, std::uint64_t token);

    // Leases.
    void expire(instance_row& target);
    /// Makes suspects of the items whose lease has ended [SUSPECT-1] [SUSPECT-2]. Returns whether
    /// there are any suspects at all.
    [[nodiscard]] bool find_expired_leases();

    // The end.
    void news_of_ready() noexcept { news_.ready = true; }
    /// Whoever waits, waits for something else from now on.
    void news_of_everything() noexcept { news_.ready = news_.everything_ended = true; }
    void news_of_due(std::int64_t at);
    void news_of_lease(std::int64_t until) noexcept {
        news_.next_due = std::min(news_.next_due, until);
    }
    void advance_clock(duration by);
    void empty_hub();
    /// Writes what has changed and commits. Returns the wake token after it.
    wake_token finish();

  private:
    void begin(in_closed_hub use, const request_id* request = nullptr);
    void roll_back() noexcept;
    [[nodiscard]] bool is_clock_news() const;
    [[nodiscard]] std::int64_t first_due(const instance_row& target);
    [[nodiscard]] std::int64_t due_time(const instance_row& target);
    instance_row* keep(rows& found);
    void remember_message_id(const instance_row& target, const std::string& id);
    void write_back();
    void write_new(const instance_row& target);
    void write_changed(instance_row& target);
    void write_activities(instance_row& target);

    store& hub_;
    notifier& notifier_;
    turn turn_;
    writer* writer_ = nullptr;
    std::int64_t now_ = 0;
    hub_state before_;
    hub_clock clock_;
    std::int64_t rows_written_ = 0;
    std::int64_t stored_sequence_ = 0;
    std::int64_t last_sequence_ = 0;
    std::int64_t last_row_ = -1;
    std::deque<instance_row> instances_;
    std::unordered_map<std::int64_t, instance_row*> by_row_;
    std::unordered_map<std::string_view, instance_row*> by_id_;
    std::vector<instance_row*> made_ready_;
    changes news_;
    bool is_finished_ = false;
};

}  // namespace perdure::sqlite
