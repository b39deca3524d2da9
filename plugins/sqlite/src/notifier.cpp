#include "notifier.hpp"

#include <algorithm>
#include <limits>

namespace perdure::sqlite {

namespace {

constexpr duration poll_interval_max = std::chrono::seconds(1);

}  // namespace

/// The instances that one call of `wait` waits for.
class notifier::registration {
  public:
    registration(notifier& owner, std::span<const instance_id> instances)
        : owner_(owner), instances_(instances) {
        const std::lock_guard guard(owner_.mutex_);
        for (const instance_id& id : instances_) {
            owner_.waiting_for_end_.emplace(id.text(), &self);
        }
    }
    registration(const registration&) = delete;
    registration& operator=(const registration&) = delete;
    ~registration() {
        const std::lock_guard guard(owner_.mutex_);
        for (const instance_id& id : instances_) {
            auto [next, last] = owner_.waiting_for_end_.equal_range(id.text());
            while (next != last) {
                next =
                    next->second == &self ? owner_.waiting_for_end_.erase(next) : std::next(next);
            }
        }
    }

    end_waiter self;

  private:
    notifier& owner_;
    std::span<const instance_id> instances_;
};

/// The right to look on behalf of all that wait; needs the mutex at its beginning and its end.
class notifier::poller {
  public:
    explicit poller(notifier& owner, std::unique_lock<std::mutex>& lock)
        : owner_(owner), lock_(lock) {
        owner_.somebody_polls_ = true;
    }
    poller(const poller&) = delete;
    poller& operator=(const poller&) = delete;
    ~poller() {
        if (!lock_.owns_lock()) {
            // The poll failed, so nothing is known of what it was to find.
            lock_.lock();
            owner_.next_due_ = 0;
            owner_.data_version_ = 0;
        }
        owner_.somebody_polls_ = false;
    }

  private:
    notifier& owner_;
    std::unique_lock<std::mutex>& lock_;
};

notifier::notifier(store& hub) : hub_(hub), poll_interval_(hub.chosen().poll_interval) {}

std::uint64_t notifier::generation() {
    const std::lock_guard guard(mutex_);
    return generation_;
}

std::uint64_t notifier::announce(const changes& news, hub_state before, hub_state after) {
    const std::lock_guard guard(mutex_);
    bool is_heard = false;
    const bool is_foreign = known_changes_ >= 0 && before.changes != known_changes_;
    if (is_foreign || news.everything_ended) {
        hear_of_foreign_change();
    }
    if (after.clock.offset != clock_.offset || after.clock.ahead != clock_.ahead) {
        next_due_ = 0;
        is_heard = true;
    }
    clock_ = after.clock;
    known_changes_ = after.changes;
    if (news.ready) {
        ++generation_;
        is_heard = true;
    }
    if (news.next_due < next_due_) {
        next_due_ = news.next_due;
        is_heard = true;
    }
    for (const std::string& id : news.ended) {
        auto [next, last] = waiting_for_end_.equal_range(id);
        for (; next != last; ++next) {
            next->second->signalled.emplace_back(id);
            is_heard = true;
        }
    }
    if (is_heard) {
        changed_.notify_all();
    }
    return generation_;
}

void notifier::hear_of_state(hub_state seen) {
    const std::lock_guard guard(mutex_);
    if (known_changes_ < 0) {
        known_changes_ = seen.changes;
        clock_ = seen.clock;
    }
}

void notifier::interrupt() {
    const std::lock_guard guard(mutex_);
    interrupted_ = true;
    changed_.notify_all();
}

void notifier::hear_of_foreign_change() {
    ++generation_;
    ++foreign_generation_;
    next_due_ = 0;
    poll_interval_ = hub_.chosen().poll_interval;
    changed_.notify_all();
}

wake_token notifier::wait_for_work(wake_token token, steady::time_point deadline) {
    std::unique_lock lock(mutex_);
    while (!interrupted_ && generation_ == token.value && steady::now() < deadline) {
        rest(lock, deadline);
    }
    // Whoever waits on may have to look in our place.
    changed_.notify_all();
    return {generation_};
}

bool notifier::wait(std::span<const instance_id> instances, steady::time_point deadline) {
    registration waiter(*this, instances);
    std::vector<instance_id> suspected(instances.begin(), instances.end());
    while (true) {
        std::unique_lock lock(mutex_);
        const std::uint64_t foreign = foreign_generation_;
        lock.unlock();
        if (any_ended(suspected)) {
            return true;
        }
        lock.lock();
        while (!interrupted_ && waiter.self.signalled.empty() && foreign == foreign_generation_) {
            if (steady::now() >= deadline) {
                return false;
            }
            rest(lock, deadline);
        }
        if (interrupted_) {
            return false;
        }
        suspected = std::move(waiter.self.signalled);
        waiter.self.signalled.clear();
        if (foreign != foreign_generation_) {
            suspected.assign(instances.begin(), instances.end());
        }
        changed_.notify_all();
    }
}

bool notifier::any_ended(std::span<const instance_id> instances) {
    borrowed_reader reads(hub_);
    const snapshot view(reads.sql());
    const hub_state found = reads.hub();
    hear_of_state(found);
    found.require_open();
    return std::any_of(instances.begin(), instances.end(), [&](const instance_id& id) {
        const auto status = reads->status.number(id.text());
        return !status || is_terminal(static_cast<orchestration_status>(*status));
    });
}

notifier::steady::time_point notifier::due_moment() const {
    if (next_due_ == never) {
        return steady::time_point::max();
    }
    const std::int64_t left = next_due_ - clock_.now();
    // A day is as good as the truth, and keeps the sum within its range.
    const duration bounded =
        std::clamp<duration>(duration(left), duration::zero(), std::chrono::hours(24));
    return steady::now() + bounded;
}

void notifier::rest(std::unique_lock<std::mutex>& lock, steady::time_point deadline) {
    if (somebody_polls_) {
        changed_.wait_until(lock, deadline);
        return;
    }
    const poller self(*this, lock);
    const std::uint64_t generation = generation_;
    const auto until = std::min({deadline, next_poll_, due_moment()});
    if (until > steady::now()) {
        changed_.wait_until(lock, until);
    }
    if (interrupted_ || generation != generation_) {
        return;
    }
    if (steady::now() >= next_poll_) {
        poll_for_changes(lock);
    }
    if (clock_.now() >= next_due_) {
        poll_for_due(lock);
    }
}

void notifier::poll_for_changes(std::unique_lock<std::mutex>& lock) {
    lock.unlock();
    if (!reader_) {
        reader_ = hub_.take_reader();
    }
    hub_.file().require();
    const std::int64_t version = reader_->sql.data_version.number().value_or(0);
    hub_state found;
    const bool has_changed = version != data_version_;
    if (has_changed) {
        found = reader_->hub();
    }
    lock.lock();
    if (has_changed) {
        data_version_ = version;
        next_due_ = 0;
        if (found.changes >= known_changes_) {
            clock_ = found.clock;
        }
        // Our own commit may be counted before we hear of it here; that wakes somebody in vain.
        if (found.changes > known_changes_ || known_changes_ < 0) {
            known_changes_ = found.changes;
            hear_of_foreign_change();
            next_poll_ = steady::now() + poll_interval_;
            return;
        }
    }
    if (clock_.is_set_back()) {
        // It stands still until somebody writes: whoever looks for work now sets it going.
        ++generation_;
        changed_.notify_all();
    }
    next_poll_ = steady::now() + poll_interval_;
    poll_interval_ = std::max(hub_.chosen().poll_interval,
                              std::min<duration>(2 * poll_interval_, poll_interval_max));
}

void notifier::poll_for_due(std::unique_lock<std::mutex>& lock) {
    const std::int64_t now = clock_.now();
    // Without a call that writes, the clock may have gone back since.
    const std::int64_t after = std::min(due_announced_, now);
    // What is announced while we look lowers it again.
    next_due_ = never;
    lock.unlock();
    if (!reader_) {
        reader_ = hub_.take_reader();
    }
    const std::int64_t due = earliest_due(after);
    lock.lock();
    if (due <= now) {
        due_announced_ = now;
        next_due_ = 0;
        ++generation_;
        changed_.notify_all();
    } else {
        next_due_ = std::min(next_due_, due);
    }
}

std::int64_t notifier::earliest_due(std::int64_t after) {
    read_statements& sql = reader_->sql;
    std::int64_t due = never;
    std::int64_t work_key = std::numeric_limits<std::int64_t>::min();
    while (const auto next = sql.next_instance_work_key.number(work_key)) {
        work_key = *next;
        due = std::min(due, sql.next_instance_due.number(work_key, after).value_or(never));
    }
    std::int64_t rank = work_key = std::numeric_limits<std::int64_t>::min();
    while (true) {
        {
            rows next = sql.next_activity_work_key.query(work_key, rank);
            if (!next.next()) {
                return due;
            }
            work_key = next.number(0);
            rank = next.number(1);
        }
        due = std::min(due, sql.next_activity_due.number(work_key, rank, after).value_or(never));
    }
}

}  // namespace perdure::sqlite
