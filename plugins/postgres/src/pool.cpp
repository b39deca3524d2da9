#include "pool.hpp"

#include "probe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace perdure::postgres {

borrowed::borrowed(pool& owner, std::unique_ptr<connection> held) noexcept
    : owner_(&owner), held_(std::move(held)) {}

borrowed::~borrowed() {
    if (held_ != nullptr) {
        owner_->give_back(std::move(held_));
    }
}

pool::pool(settings chosen, counters& counts) : settings_(std::move(chosen)), counts_(counts) {}

borrowed pool::take(durability wanted) {
    if (settings_.pooler == pooler::transaction) {
        wanted = durability::at_once;
    }
    const auto deadline = steady::now() + settings_.command_timeout;
    // Closed unlocked, at the end of the function or before another one is opened.
    std::deque<idle_connection> useless;
    std::unique_lock lock(mutex_);
    useless = expired(steady::now());
    for (;;) {
        auto found = pop_idle(wanted);
        if (!found && open_ >= settings_.pool_max) {
            if (wanted == durability::soon) {
                found = pop_idle(durability::at_once);
            } else if (auto relaxed = pop_idle(durability::soon)) {
                --open_;
                useless.push_back({std::move(relaxed), steady::now()});
            }
        }
        if (found) {
            if (found->is_alive()) {
                return {*this, std::move(found)};
            }
            --open_;
            useless.push_back({std::move(found), steady::now()});
            continue;
        }
        if (open_ < settings_.pool_max) {
            ++open_;
            break;
        }
        if (returned_.wait_until(lock, deadline) == std::cv_status::timeout && idle_.empty() &&
            open_ >= settings_.pool_max) {
            throw backend_error(
                store_fault::unavailable,
                fmt::format("PostgreSQL: all {} connections of the pool have been busy for the "
                            "length of command_timeout; see pool_max",
                            settings_.pool_max));
        }
    }
    lock.unlock();
    useless.clear();
    slot mine{this};
    auto fresh = open(wanted);
    mine.owner = nullptr;
    return {*this, std::move(fresh)};
}

std::unique_ptr<connection> pool::pop_idle(durability kept) {
    const auto found = std::find_if(
        idle_.rbegin(), idle_.rend(), [&](const auto& idle) { return idle.held->kept() == kept; });
    if (found == idle_.rend()) {
        return nullptr;
    }
    auto held = std::move(found->held);
    idle_.erase(std::prev(found.base()));
    return held;
}

std::unique_ptr<connection> pool::open(durability kept) {
    const auto is_known_to_answer = [&] {
        const std::lock_guard lock(mutex_);
        return answered_ && steady::now() - *answered_ < std::chrono::seconds(1);
    };
    if (!is_known_to_answer()) {
        require_answer(settings_);
    }
    return std::make_unique<connection>(settings_, counts_, kept);
}

void pool::give_back(std::unique_ptr<connection> used) noexcept {
    std::deque<idle_connection> useless;
    const auto now = steady::now();
    const std::lock_guard lock(mutex_);
    if (used->is_broken() || used->is_in_transaction()) {
        if (used->is_broken()) {
            useless.swap(idle_);
        }
        open_ -= useless.size() + 1;
        useless.push_back({std::move(used), now});
        returned_.notify_all();
        return;
    }
    answered_ = now;
    idle_.push_back({std::move(used), now});
    useless = expired(now);
    returned_.notify_one();
}

std::deque<pool::idle_connection> pool::expired(steady::time_point now) {
    std::deque<idle_connection> old;
    while (idle_.size() > settings_.pool_min && now - idle_.front().since >= settings_.pool_idle) {
        old.push_back(std::move(idle_.front()));
        idle_.pop_front();
        --open_;
    }
    return old;
}

pool::slot::~slot() {
    if (owner != nullptr) {
        const std::lock_guard lock(owner->mutex_);
        --owner->open_;
        owner->returned_.notify_one();
    }
}

void pool::close_idle() {
    std::deque<idle_connection> closed;
    const std::lock_guard lock(mutex_);
    closed.swap(idle_);
    open_ -= closed.size();
    returned_.notify_all();
}

std::size_t pool::idle_count() const {
    const std::lock_guard lock(mutex_);
    return idle_.size();
}

std::size_t pool::open_count() const {
    const std::lock_guard lock(mutex_);
    return open_;
}

}  // namespace perdure::postgres
