#include "notifier.hpp"

#include <algorithm>
#include <exception>
#include <iterator>

// The half of the notifier that waits for the end of instances.

namespace perdure::postgres {

/// One call that waits.
struct notifier::end_waiter {
    enum class knowledge {
        /// Whether its instances run must be looked at.
        none,
        /// Somebody looks.
        being_polled,
        /// They ran when last looked at.
        running,
    };

    std::span<const instance_id> instances;
    knowledge known = knowledge::none;
    bool is_rung = false;
    bool wants_record = false;
    /// How many looks had begun before it.
    std::uint64_t polls_before = 0;
    std::optional<instance_record> record = {};
    std::condition_variable told = {};
};

/// Its presence among the waiters; needs the mutex at its beginning, and takes it at its end.
class notifier::end_registration {
  public:
    end_registration(notifier& owner, end_waiter& self, std::unique_lock<std::mutex>& lock)
        : owner_(owner), self_(self), lock_(lock) {
        owner_.end_waiters_.insert(&self_);
        for (const instance_id& id : self_.instances) {
            owner_.awaited_.emplace(id.text(), &self_);
        }
        owner_.poll_ends_soon();
    }
    end_registration(const end_registration&) = delete;
    end_registration& operator=(const end_registration&) = delete;
    ~end_registration() {
        if (!lock_.owns_lock()) {
            lock_.lock();
        }
        for (const instance_id& id : self_.instances) {
            auto [next, last] = owner_.awaited_.equal_range(id.text());
            while (next != last) {
                next = next->second == &self_ ? owner_.awaited_.erase(next) : std::next(next);
            }
        }
        owner_.end_waiters_.erase(&self_);
        owner_.last_end_wait_ = steady::now();
        // It may have been asked to look, and left for another reason.
        owner_.hand_on_polling();
    }

  private:
    notifier& owner_;
    end_waiter& self_;
    std::unique_lock<std::mutex>& lock_;
};

void notifier::begin_starts(std::span<const instance_id> instances) {
    const std::lock_guard guard(mutex_);
    if (listening_.ends) {
        for (const instance_id& id : instances) {
            fresh_.add(id.text());
        }
    }
}

void notifier::forget_start(const instance_id& instance) {
    const std::lock_guard guard(mutex_);
    fresh_.remove(instance.text());
    // Who has begun to wait meanwhile has relied on it.
    auto [next, last] = awaited_.equal_range(instance.text());
    for (; next != last; ++next) {
        if (next->second->known == end_waiter::knowledge::running) {
            next->second->known = end_waiter::knowledge::none;
        }
    }
    hand_on_polling();
}

void notifier::forget_starts() {
    const std::lock_guard guard(mutex_);
    fresh_.clear();
}

bool notifier::wait(std::span<const instance_id> instances, steady::time_point deadline) {
    end_waiter self{.instances = instances};
    return await(self, deadline);
}

std::optional<instance_record> notifier::wait_for_record(const instance_id& instance,
                                                         steady::time_point deadline) {
    end_waiter self{.instances = {&instance, 1}, .wants_record = true};
    static_cast<void>(await(self, deadline));
    return std::move(self.record);
}

bool notifier::is_record_wanted(const instance_id& instance) {
    const std::lock_guard guard(mutex_);
    const auto [first, last] = awaited_.equal_range(instance.text());
    return std::any_of(first, last, [](const auto& entry) { return entry.second->wants_record; });
}

bool notifier::await(end_waiter& self, steady::time_point deadline) {
    std::unique_lock lock(mutex_);
    self.polls_before = polls_;
    if (std::all_of(self.instances.begin(), self.instances.end(), [this](const instance_id& id) {
            return fresh_.has(id.text());
        })) {
        self.known = end_waiter::knowledge::running;
    }
    const end_registration presence(*this, self, lock);
    if (carrier_ != nullptr && !known_sleepers_.ends) {
        carrier_->stir();
    }
    while (!self.is_rung && !interrupted_) {
        if (self.known == end_waiter::knowledge::being_polled ||
            (self.known == end_waiter::knowledge::none && somebody_polls_)) {
            self.told.wait(lock);
            continue;
        }
        if (self.known == end_waiter::knowledge::none) {
            poll_for_ends(lock);
            continue;
        }
        const auto now = steady::now();
        if (now >= deadline) {
            return false;
        }
        if (listening_.ends) {
            self.told.wait_until(lock, deadline);
        } else if (const auto poll = next_end_poll(now); poll > now) {
            self.told.wait_until(lock, std::min(deadline, poll));
        } else {
            suspect_all_ends();
        }
    }
    return self.is_rung;
}

notifier::steady::time_point notifier::next_end_poll(steady::time_point now) {
    if (!next_end_poll_) {
        next_end_poll_ = now + end_poll_interval_;
        end_poll_interval_ = std::min(2 * end_poll_interval_, terms_.poll_max);
    }
    return *next_end_poll_;
}

void notifier::poll_ends_soon() {
    end_poll_interval_ = terms_.poll_min;
    if (next_end_poll_) {
        next_end_poll_ = std::min(*next_end_poll_, steady::now() + end_poll_interval_);
    }
}

void notifier::suspect_all_ends() {
    fresh_.clear();
    next_end_poll_.reset();
    for (end_waiter* waiter : end_waiters_) {
        waiter->known = end_waiter::knowledge::none;
    }
    hand_on_polling();
}

/// Looks on behalf of all that have to know.
void notifier::poll_for_ends(std::unique_lock<std::mutex>& lock) {
    using knowledge = end_waiter::knowledge;
    std::vector<std::string> ids;
    for (end_waiter* waiter : end_waiters_) {
        if (waiter->known == knowledge::none) {
            waiter->known = knowledge::being_polled;
            for (const instance_id& id : waiter->instances) {
                ids.push_back(id.text());
            }
        }
    }
    somebody_polls_ = true;
    lock.unlock();
    std::vector<std::string> ended;
    std::exception_ptr problem;
    try {
        if (!ids.empty()) {
            ended = ends_(ids);
        }
    } catch (...) {
        problem = std::current_exception();
    }
    lock.lock();
    somebody_polls_ = false;
    for (const std::string& id : ended) {
        signal(id);
    }
    for (end_waiter* waiter : end_waiters_) {
        if (waiter->known == knowledge::being_polled) {
            // Whoever looked for others in vain leaves it to them to find out why.
            waiter->known = problem ? knowledge::none : knowledge::running;
            waiter->told.notify_one();
        }
    }
    hand_on_polling();
    if (problem) {
        std::rethrow_exception(problem);
    }
}

void notifier::hand_on_polling() {
    if (somebody_polls_) {
        return;
    }
    for (end_waiter* waiter : end_waiters_) {
        if (waiter->known == end_waiter::knowledge::none) {
            waiter->told.notify_one();
            return;
        }
    }
}

void notifier::signal(std::string_view id, const changes& news) {
    fresh_.remove(id);
    auto [next, last] = awaited_.equal_range(id);
    for (; next != last; ++next) {
        end_waiter& waiter = *next->second;
        if (waiter.wants_record && waiter.polls_before < news.poll_number) {
            waiter.record = news.ended_record;
        }
        waiter.is_rung = true;
        waiter.told.notify_one();
    }
}

std::vector<std::string> notifier::awaited() {
    const std::lock_guard guard(mutex_);
    std::vector<std::string> ids;
    ids.reserve(awaited_.size());
    for (const auto& [id, waiter] : awaited_) {
        // Equal keys stand side by side.
        if (ids.empty() || ids.back() != id) {
            ids.emplace_back(id);
        }
    }
    return ids;
}

void notifier::hear_of_ends(std::span<const std::string> ended) {
    const std::lock_guard guard(mutex_);
    for (const std::string& id : ended) {
        signal(id);
    }
}

void notifier::hear_of_some_ends() {
    const std::lock_guard guard(mutex_);
    suspect_all_ends();
}

void notifier::wake_end_waiters() {
    for (end_waiter* waiter : end_waiters_) {
        waiter->told.notify_one();
    }
}

}  // namespace perdure::postgres
