#include "awaited_ends.hpp"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <iterator>
#include <string>
#include <utility>

namespace perdure::postgres {

/// One call that waits, for as long as it does.
struct awaited_ends::waiter {
    enum class knowledge {
        /// Whether its instances run must be polled for.
        none,
        /// Somebody polls.
        being_polled,
        /// They ran at the last poll.
        running,
    };

    waiter(awaited_ends& all, const wish& what, knowledge at_first);
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;
    ~waiter();

    awaited_ends& where;
    const wish& wanted;
    knowledge known;
    answer heard = {};
    std::condition_variable told = {};
};

awaited_ends::waiter::waiter(awaited_ends& all, const wish& what, knowledge at_first)
    : where(all), wanted(what), known(at_first) {
    where.waiters_.insert(this);
    for (const instance_id& id : wanted.instances) {
        where.by_instance_.emplace(id.text(), this);
    }
    where.poll_soon();
}

awaited_ends::waiter::~waiter() {
    for (const instance_id& id : wanted.instances) {
        auto [next, last] = where.by_instance_.equal_range(id.text());
        while (next != last) {
            next = next->second == this ? where.by_instance_.erase(next) : std::next(next);
        }
    }
    where.waiters_.erase(this);
    where.last_wait_ = steady::now();
    // It may have been asked to poll, and left for another reason.
    where.hand_on_polling();
}

awaited_ends::awaited_ends(const pace& chosen, query ends)
    : pace_(chosen), ends_(std::move(ends)), interval_(chosen.first) {}

awaited_ends::answer awaited_ends::wait(std::unique_lock<std::mutex>& held, const wish& wanted) {
    using knowledge = waiter::knowledge;
    const bool are_fresh = std::all_of(wanted.instances.begin(),
                                       wanted.instances.end(),
                                       [this](const instance_id& id) { return fresh_.has(id); });
    waiter self(*this, wanted, are_fresh ? knowledge::running : knowledge::none);
    while (!self.heard.has_ended && !is_interrupted_) {
        if (self.known == knowledge::being_polled ||
            (self.known == knowledge::none && somebody_polls_)) {
            self.told.wait(held);
        } else if (self.known == knowledge::none) {
            poll(held);
        } else if (const auto now = steady::now(); now >= wanted.deadline) {
            break;
        } else if (is_told_) {
            self.told.wait_until(held, wanted.deadline);
        } else if (const auto next = next_poll(now); next > now) {
            self.told.wait_until(held, std::min(wanted.deadline, next));
        } else {
            suspect_all();
        }
    }
    return std::move(self.heard);
}

void awaited_ends::interrupt() {
    is_interrupted_ = true;
    for (waiter* each : waiters_) {
        each->told.notify_one();
    }
}

void awaited_ends::set_told(bool is_told) {
    if (std::exchange(is_told_, is_told) && !is_told) {
        poll_soon();
        suspect_all();
    }
}

void awaited_ends::tell(const instance_id& id,
                        const std::optional<instance_record>& record,
                        std::uint64_t poll_number) {
    fresh_.remove(id);
    auto [next, last] = by_instance_.equal_range(id.text());
    for (; next != last; ++next) {
        waiter& each = *next->second;
        if (each.wanted.record_after && *each.wanted.record_after < poll_number) {
            each.heard.record = record;
        }
        each.heard.has_ended = true;
        each.told.notify_one();
    }
}

void awaited_ends::suspect_all() {
    fresh_.clear();
    next_poll_.reset();
    for (waiter* each : waiters_) {
        each->known = waiter::knowledge::none;
    }
    hand_on_polling();
}

void awaited_ends::begin_starts(std::span<const instance_id> instances) {
    if (is_told_) {
        for (const instance_id& id : instances) {
            fresh_.add(id);
        }
    }
}

void awaited_ends::forget_start(const instance_id& instance) {
    fresh_.remove(instance);
    // Who has begun to wait meanwhile has relied on it.
    auto [next, last] = by_instance_.equal_range(instance.text());
    for (; next != last; ++next) {
        if (next->second->known == waiter::knowledge::running) {
            next->second->known = waiter::knowledge::none;
        }
    }
    hand_on_polling();
}

std::vector<instance_id> awaited_ends::instances() const {
    std::vector<instance_id> ids;
    ids.reserve(by_instance_.size());
    for (const auto& [id, each] : by_instance_) {
        // Equal keys stand side by side.
        if (ids.empty() || ids.back().text() != id) {
            ids.emplace_back(std::string(id));
        }
    }
    return ids;
}

bool awaited_ends::is_record_wanted(const instance_id& instance) const {
    const auto [first, last] = by_instance_.equal_range(instance.text());
    return std::any_of(first, last, [](const auto& entry) {
        return entry.second->wanted.record_after.has_value();
    });
}

/// On behalf of all that have to know.
void awaited_ends::poll(std::unique_lock<std::mutex>& held) {
    using knowledge = waiter::knowledge;
    std::vector<instance_id> ids;
    for (waiter* each : waiters_) {
        if (each->known == knowledge::none) {
            each->known = knowledge::being_polled;
            ids.insert(ids.end(), each->wanted.instances.begin(), each->wanted.instances.end());
        }
    }
    somebody_polls_ = true;
    held.unlock();
    std::vector<instance_id> ended;
    std::exception_ptr problem;
    try {
        if (!ids.empty()) {
            ended = ends_(ids);
        }
    } catch (...) {
        problem = std::current_exception();
    }
    held.lock();
    somebody_polls_ = false;
    for (const instance_id& id : ended) {
        tell(id);
    }
    for (waiter* each : waiters_) {
        if (each->known == knowledge::being_polled) {
            // Whoever polled for others in vain leaves it to them to find out why.
            each->known = problem ? knowledge::none : knowledge::running;
            each->told.notify_one();
        }
    }
    hand_on_polling();
    if (problem) {
        std::rethrow_exception(problem);
    }
}

void awaited_ends::hand_on_polling() {
    const auto next = std::find_if(waiters_.begin(), waiters_.end(), [](const waiter* each) {
        return each->known == waiter::knowledge::none;
    });
    if (!somebody_polls_ && next != waiters_.end()) {
        (*next)->told.notify_one();
    }
}

void awaited_ends::poll_soon() {
    interval_ = pace_.first;
    if (next_poll_) {
        next_poll_ = std::min(*next_poll_, steady::now() + interval_);
    }
}

awaited_ends::steady::time_point awaited_ends::next_poll(steady::time_point now) {
    if (!next_poll_) {
        next_poll_ = now + interval_;
        interval_ = std::min(2 * interval_, pace_.last);
    }
    return *next_poll_;
}

}  // namespace perdure::postgres
