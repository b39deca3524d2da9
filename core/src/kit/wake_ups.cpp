#include <perdure/kit/wake_ups.hpp>

#include <algorithm>

namespace perdure {
inline namespace v1 {

namespace {

using steady_clock = std::chrono::steady_clock;

}  // namespace

wake_token wake_ups::token() const {
    const std::lock_guard guard(mutex_);
    return {generation_};
}

void wake_ups::announce_work() {
    const std::lock_guard guard(mutex_);
    ++generation_;
    changed_.notify_all();
}

void wake_ups::announce_end() {
    const std::lock_guard guard(mutex_);
    ++ends_;
    changed_.notify_all();
}

void wake_ups::set_due(duration from_now) {
    const moment due =
        from_now == duration::max() ? moment::max() : saturating_add(steady_clock::now(), from_now);
    const std::lock_guard guard(mutex_);
    if (due < due_) {
        changed_.notify_all();  // Whoever sleeps, sleeps too long.
    }
    due_ = due;
}

void wake_ups::interrupt(std::atomic<bool>& interrupted) noexcept {
    const std::lock_guard guard(mutex_);
    interrupted = true;
    changed_.notify_all();
}

wake_token wake_ups::wait_for_work(wake_token token,
                                   moment deadline,
                                   const std::atomic<bool>& interrupted) {
    std::unique_lock lock(mutex_);
    while (!interrupted && generation_ == token.value) {
        const moment now = steady_clock::now();
        if (due_ <= now) {
            due_ = moment::max();
            ++generation_;
            changed_.notify_all();
        } else if (deadline <= now) {
            break;
        } else {
            changed_.wait_until(lock, std::min(deadline, due_));
        }
    }
    return {generation_};
}

std::optional<instance_record> wake_ups::wait_for_end(
    moment deadline,
    const std::atomic<bool>& interrupted,
    const std::function<std::optional<instance_record>()>& poll) {
    while (true) {
        std::unique_lock lock(mutex_);
        const std::uint64_t before = ends_;
        lock.unlock();
        auto found = poll();
        if (!found || is_terminal(found->status)) {
            return found;
        }
        lock.lock();
        const auto is_over = [&] { return interrupted || steady_clock::now() >= deadline; };
        while (ends_ == before && !is_over()) {
            changed_.wait_until(lock, deadline);
        }
        if (ends_ == before || is_over()) {
            return found;
        }
    }
}

}  // namespace v1
}  // namespace perdure
