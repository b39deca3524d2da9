#include "worker/dispatcher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace perdure::dispatch {

namespace {

/// How long a wait for work lasts at most, so that a stop is heard: an interruption would end the
/// waits of other workers on the same hub too.
constexpr auto wait_slice = std::chrono::milliseconds(80);

std::vector<item_ptr> items_of(work_batch& batch, steady::time_point now, duration lease_duration) {
    std::vector<item_ptr> items;
    items.reserve(batch.orchestrations.size() + batch.activities.size());
    const auto add = [&](auto&& work) {
        auto item = std::make_shared<leased_item>(std::forward<decltype(work)>(work));
        item->heard_at = now;
        item->renewed_at = now;
        item->lease_end = now + lease_duration;
        item->store_time = batch.store_time;
        items.push_back(std::move(item));
    };
    for (orchestration_work& work : batch.orchestrations) {
        add(std::move(work));
    }
    for (activity_work& work : batch.activities) {
        add(std::move(work));
    }
    return items;
}

/// Ends a role that one thread at a time has.
class role_end {
  public:
    role_end(std::mutex& mutex, bool& role) : mutex_(mutex), role_(role) {}
    role_end(const role_end&) = delete;
    role_end& operator=(const role_end&) = delete;
    ~role_end() {
        const std::lock_guard guard(mutex_);
        role_ = false;
    }

  private:
    std::mutex& mutex_;
    bool& role_;
};

}  // namespace

bool dispatcher::takes_work() const {
    return !is_stopping_ && !quarantine_.is_on();
}

lock_terms dispatcher::terms(const expected_work& expected) {
    admission::load present;
    if (takes_work()) {
        present.room = queue_.room(expected, pipeline_.pending(), steady::now());
    }
    present.are_frames_scarce = turns_.are_frames_scarce();
    if (present.are_frames_scarce) {
        present.begun = held_.size() + queue_.size();
    }
    return admission_.terms(request_id{random_uuid()}, expected, present);
}

bool dispatcher::note_definitions() {
    if (!served_.can_change()) {
        return false;
    }
    filter_ptr present = served_.filter();
    const std::lock_guard guard(mutex_);
    if (!admission_.serve(std::move(present))) {
        return false;
    }
    outlook_.doubt();
    return true;
}

void dispatcher::receive(work_batch batch, const lock_request& asked, const expected_work& own) {
    const auto now = steady::now();
    const brought_work came{
        batch.orchestrations.size(), batch.activities.size(), batch.token, batch.contended};
    std::vector<item_ptr> items = items_of(batch, now, options_.lease_duration);
    {
        const std::lock_guard guard(mutex_);
        if (batch.suspects_waiting) {
            quarantine_.note_waiting(now);
        }
        if (admission_.is_current(asked) && outlook_.learn(asked, own, came, now)) {
            admission_.note_answer(own, came, outlook_);
        }
        if (!items.empty()) {
            poll_pauses_.reset();
            empty_polls_ = 0;
        }
        if (!is_stopping_) {
            for (item_ptr& item : items) {
                queue_.put(std::move(item));
            }
            return;
        }
    }
    give_back(items);
}

std::optional<std::size_t> dispatcher::lock_work(const lock_request& asked) {
    work_batch batch;
    try {
        const bool is_answered = calls_.repeat([&] { batch = store_.lock(asked); },
                                               [this] { return !is_stopping_.load(); });
        if (!is_answered) {
            return std::nullopt;
        }
    } catch (const backend_error& trouble) {
        calls_.note_refusal("lock work", trouble);
        static_cast<void>(calls_.pause(std::min<duration>(options_.poll_max, wait_slice)));
        return std::nullopt;
    }
    const std::size_t count = batch.orchestrations.size() + batch.activities.size();
    if (batch.contended && count == 0) {
        static_cast<void>(calls_.pause(std::chrono::milliseconds(1)));
    }
    receive(std::move(batch), asked, {});
    return count;
}

void dispatcher::poll() {
    const role_end polling(mutex_, is_polling_);
    note_definitions();
    if (lock_doubtful() > 0) {
        return;
    }
    lock_terms asked;
    bool is_known = false;
    {
        const std::lock_guard guard(mutex_);
        asked = terms({});
        is_known = outlook_.is_complete();
    }
    if (!is_known) {
        const auto count = lock_regular(asked);
        if (!count || *count > 0) {
            return;
        }
        const std::lock_guard guard(mutex_);
        // With no room for one kind nothing can be known of it, and its end will be a commit.
        is_known = outlook_.is_complete() || asked.orchestrations == 0 || asked.activities == 0;
    }
    if (is_known) {
        wait_for_work();
    }
}

std::optional<std::size_t> dispatcher::lock_regular(const lock_request& asked) {
    {
        const std::lock_guard guard(mutex_);
        is_locking_ = true;
        admission_.note_lock(steady::now());
    }
    const role_end locking(mutex_, is_locking_);
    return lock_work(asked);
}

void dispatcher::wait_for_work() {
    const auto begin = steady::now();
    auto deadline = begin;
    wake_token token;
    {
        const std::lock_guard guard(mutex_);
        deadline += poll_pauses_.next();
        token = outlook_.token();
        crew_.begin_wait();
    }
    bool has_changed = false;
    std::uint64_t began = calls_.era();
    try {
        while (!has_changed && !is_stopping_) {
            const auto slice = std::min<steady::time_point>(deadline, steady::now() + wait_slice);
            began = calls_.era();
            const wake_token woken = store_.wait_for_work(token, slice);
            const auto now = steady::now();
            has_changed = woken.value != token.value || now < slice;
            token = woken;
            // What was ready before a definition came is not announced again.
            has_changed = note_definitions() || has_changed;
            if (now >= deadline) {
                break;
            }
        }
    } catch (const backend_error& trouble) {
        calls_.note_trouble(trouble, began);
        static_cast<void>(calls_.pause(std::min<duration>(options_.poll_max, wait_slice)));
    }
    bool is_idle_spin = false;
    {
        // Wake-ups in a row that bring nothing, as when somebody has interrupted all waits for
        // good, must not keep a core busy.
        const std::lock_guard guard(mutex_);
        const bool was_short = steady::now() - begin < std::chrono::milliseconds(1);
        empty_polls_ = was_short ? empty_polls_ + 1 : 0;
        is_idle_spin = empty_polls_ > 3;
    }
    if (is_idle_spin) {
        static_cast<void>(calls_.pause(std::min<duration>(options_.poll_min, wait_slice)));
    }
    const std::lock_guard guard(mutex_);
    crew_.end_wait();
    // A commit's answer that came meanwhile may be newer; an older token only makes a wait shorter.
    outlook_.doubt(token);
}

std::optional<detail::idle_workers::room> dispatcher::offer() {
    const std::lock_guard guard(mutex_);
    if (!takes_work() || !outlook_.is_complete() || queue_.size() > 0) {
        return std::nullopt;
    }
    lock_terms asked = terms({});
    asked.activities = 0;
    if (asked.orchestrations == 0) {
        return std::nullopt;
    }
    filter_ptr served = std::move(asked.served);
    return detail::idle_workers::room{asked, std::move(served)};
}

void dispatcher::take(work_batch work) {
    std::vector<item_ptr> items = items_of(work, steady::now(), options_.lease_duration);
    {
        const std::lock_guard guard(mutex_);
        poll_pauses_.reset();
        if (takes_work()) {
            for (item_ptr& item : items) {
                queue_.put(std::move(item));
                crew_.wake_one();
            }
            return;
        }
    }
    give_back(items);
}

void dispatcher::ask_again(detail::idle_workers::room brought) {
    const std::lock_guard guard(mutex_);
    doubtful_.push_back(std::move(brought));
    outlook_.doubt();
    crew_.wake_one();
}

std::size_t dispatcher::lock_doubtful() {
    std::vector<detail::idle_workers::room> doubtful;
    {
        const std::lock_guard guard(mutex_);
        doubtful.swap(doubtful_);
    }
    std::size_t count = 0;
    for (const detail::idle_workers::room& brought : doubtful) {
        count += lock_work(brought.next).value_or(0);
    }
    if (!doubtful.empty()) {
        // The answer to a repeat says nothing of what became ready since its first time.
        const std::lock_guard guard(mutex_);
        outlook_.doubt();
    }
    return count;
}

void dispatcher::lock_fairly() {
    lock_terms asked;
    {
        const std::lock_guard guard(mutex_);
        asked = admission_.fair_terms(request_id{random_uuid()});
    }
    static_cast<void>(lock_regular(asked));
}

void dispatcher::seek_suspect() {
    const role_end locking(mutex_, is_locking_);
    lock_terms asked;
    {
        const std::lock_guard guard(mutex_);
        asked = admission_.suspect_terms(request_id{random_uuid()});
    }
    const bool has_come = lock_work(asked).value_or(0) > 0;
    const auto now = steady::now();
    {
        const std::lock_guard guard(mutex_);
        if (has_come) {
            quarantine_.note_found(now);
        } else {
            quarantine_.note_none(now);
            outlook_.doubt();
        }
    }
    if (has_come && log_.is_on()) {
        log_.write(log_event::suspect_quarantined,
                   log_level::warning,
                   {},
                   "work whose last lease expired is executed alone");
    }
}

}  // namespace perdure::dispatch
