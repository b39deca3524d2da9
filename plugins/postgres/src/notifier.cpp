#include "notifier.hpp"

#include <algorithm>
#include <utility>

namespace perdure::postgres {

namespace {

/// So many ended instances are named to other processes; beyond that they look themselves.
constexpr std::size_t named_ends_max = 1000;

}  // namespace

void unsent_news::add(unsent_news more) {
    work |= more.work;
    others_ended |= more.others_ended;
    calls += more.calls;
    for (instance_id& id : more.ended) {
        if (ended.size() >= named_ends_max) {
            others_ended = true;
            break;
        }
        ended.push_back(std::move(id));
    }
}

notifier::notifier(const terms& chosen, end_query ends)
    : terms_(chosen),
      polls_(chosen.poll_bound),
      ends_({chosen.poll_min, chosen.poll_max}, std::move(ends)),
      work_poll_interval_(chosen.poll_min) {}

store_poll notifier::begin_poll(std::uint64_t question) {
    const std::lock_guard guard(mutex_);
    return polls_.begin(question, token_, steady::now());
}

void notifier::end_poll(const store_poll& begun, const finding& found) {
    const std::lock_guard guard(mutex_);
    const bool is_moved = clock_.hear({found.store_time, begun.begun, steady::now()});
    const bool is_answer = polls_.end(begun, found.is_empty);
    if (is_answer) {
        // What is due already was looked at just now, and not handed out for some reason.
        clock_.set(begun.question, found.next_due > found.store_time ? found.next_due : never);
    }
    if (is_moved || (is_answer && work_waiters_ > 0)) {
        changed_.notify_all();
    }
}

void notifier::hear_time(const store_poll& begun, timestamp store_time) {
    const std::lock_guard guard(mutex_);
    if (clock_.hear({store_time, begun.begun, steady::now()})) {
        changed_.notify_all();
    }
}

void notifier::announce(const changes& news) {
    const std::lock_guard guard(mutex_);
    if (news.ready || news.any_may_have_ended) {
        wake_workers();
    }
    if (clock_.add(news.next_due)) {
        changed_.notify_all();
    }
    for (const instance_id& id : news.ended) {
        ends_.tell(id, news.ended_record, news.poll_number);
    }
    if (news.any_may_have_ended) {
        ends_.suspect_all();
    }
    if (carrier_ != nullptr) {
        const bool is_work =
            news.ready || news.any_may_have_ended || (news.due_is_news && news.next_due != never);
        unsent_news told{is_work, news.ended, news.any_may_have_ended, 1};
        if (!told.is_empty()) {
            const bool is_carrier_idle = news_.is_empty();
            news_.add(std::move(told));
            if (is_carrier_idle) {
                carrier_->stir();
            }
        }
    }
}

std::optional<notifier::empty_poll> notifier::cached_empty_poll(std::uint64_t question) {
    const std::lock_guard guard(mutex_);
    const auto now = steady::now();
    if (clock_.take_due(now)) {
        wake_workers();
    }
    if (!listening_.work || interrupted_ || !polls_.is_empty(question, token_, now)) {
        return std::nullopt;
    }
    return empty_poll{token_, clock_.store_time(now)};
}

void notifier::wake_workers() {
    ++token_.value;
    work_poll_interval_ = terms_.poll_min;
    changed_.notify_all();
}

void notifier::stir_unless(bool is_known) {
    if (carrier_ != nullptr && !is_known) {
        carrier_->stir();
    }
}

wake_token notifier::wait_for_work(wake_token token, steady::time_point deadline) {
    std::unique_lock lock(mutex_);
    const auto begun = steady::now();
    ++work_waiters_;
    stir_unless(known_sleepers_.work);
    auto now = begun;
    while (!interrupted_) {
        if (clock_.take_due(now)) {
            wake_workers();
        }
        const auto poll = begun + work_poll_interval_;
        if (!listening_.work && now >= poll && token_.value == token.value && now < deadline) {
            // Nobody would tell us, so that the caller has to look.
            ++token_.value;
            work_poll_interval_ = std::min(2 * work_poll_interval_, terms_.poll_max);
            changed_.notify_all();
        }
        if (token_.value != token.value || now >= deadline) {
            break;
        }
        const auto until = std::min(deadline, clock_.next(now));
        changed_.wait_until(lock, listening_.work ? until : std::min(until, poll));
        now = steady::now();
    }
    --work_waiters_;
    last_work_wait_ = steady::now();
    return token_;
}

void notifier::interrupt() {
    const std::lock_guard guard(mutex_);
    interrupted_ = true;
    changed_.notify_all();
    ends_.interrupt();
}

bool notifier::wait(std::span<const instance_id> instances, steady::time_point deadline) {
    std::unique_lock lock(mutex_);
    stir_unless(known_sleepers_.ends);
    return ends_.wait(lock, {instances, deadline}).has_ended;
}

std::optional<instance_record> notifier::wait_for_record(const instance_id& instance,
                                                         steady::time_point deadline) {
    std::unique_lock lock(mutex_);
    stir_unless(known_sleepers_.ends);
    return ends_.wait(lock, {{&instance, 1}, deadline, polls_.last()}).record;
}

bool notifier::is_record_wanted(const instance_id& instance) {
    const std::lock_guard guard(mutex_);
    return ends_.is_record_wanted(instance);
}

void notifier::begin_starts(std::span<const instance_id> instances) {
    const std::lock_guard guard(mutex_);
    ends_.begin_starts(instances);
}

void notifier::forget_start(const instance_id& instance) {
    const std::lock_guard guard(mutex_);
    ends_.forget_start(instance);
}

void notifier::forget_starts() {
    const std::lock_guard guard(mutex_);
    ends_.forget_starts();
}

void notifier::attach(carrier* carrier) {
    const std::lock_guard guard(mutex_);
    carrier_ = carrier;
    known_sleepers_ = {};
}

notifier::wishes notifier::wanted() {
    const std::lock_guard guard(mutex_);
    const auto now = steady::now();
    wishes result;
    const auto sleeps = [&](std::size_t waiters, const std::optional<steady::time_point>& last) {
        if (waiters > 0) {
            return true;
        }
        if (!last || now - *last >= terms_.linger) {
            return false;
        }
        result.until = std::min(result.until, *last + terms_.linger);
        return true;
    };
    result.wanted.work = sleeps(work_waiters_, last_work_wait_);
    result.wanted.ends = sleeps(ends_.waiters(), ends_.last_wait());
    known_sleepers_ = result.wanted;
    return result;
}

bool notifier::has_news() {
    const std::lock_guard guard(mutex_);
    return !news_.is_empty();
}

unsent_news notifier::take_news() {
    const std::lock_guard guard(mutex_);
    return std::exchange(news_, {});
}

std::vector<instance_id> notifier::awaited() {
    const std::lock_guard guard(mutex_);
    return ends_.instances();
}

void notifier::set_listening(sleepers heard) {
    const std::lock_guard guard(mutex_);
    const sleepers before = std::exchange(listening_, heard);
    if (before.work && !heard.work) {
        work_poll_interval_ = terms_.poll_min;
        changed_.notify_all();
    }
    ends_.set_told(heard.ends);
}

sleepers notifier::listening() {
    const std::lock_guard guard(mutex_);
    return listening_;
}

void notifier::hear_of_work() {
    const std::lock_guard guard(mutex_);
    wake_workers();
}

void notifier::hear_of_due(timestamp next_due) {
    const std::lock_guard guard(mutex_);
    if (clock_.add(next_due)) {
        changed_.notify_all();
    }
}

void notifier::hear_of_ends(std::span<const instance_id> ended) {
    const std::lock_guard guard(mutex_);
    for (const instance_id& id : ended) {
        ends_.tell(id);
    }
}

void notifier::hear_of_some_ends() {
    const std::lock_guard guard(mutex_);
    ends_.suspect_all();
}

}  // namespace perdure::postgres
