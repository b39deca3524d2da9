#include "notifier.hpp"

#include <algorithm>
#include <exception>

namespace perdure::postgres {

namespace {

/// So many ended instances are named to other processes; beyond that they look themselves.
constexpr std::size_t named_ends_max = 1000;
/// So many questions are remembered; a process asks a handful.
constexpr std::size_t questions_max = 64;

duration local_floor(notifier::steady::time_point at) {
    return std::chrono::floor<duration>(at.time_since_epoch());
}

duration local_ceil(notifier::steady::time_point at) {
    return std::chrono::ceil<duration>(at.time_since_epoch());
}

}  // namespace

void unsent_news::add(const unsent_news& more) {
    work |= more.work;
    others_ended |= more.others_ended;
    calls += more.calls;
    const std::size_t room = named_ends_max - std::min(named_ends_max, ended.size());
    const std::size_t count = std::min(room, more.ended.size());
    others_ended |= count < more.ended.size();
    ended.insert(
        ended.end(), more.ended.begin(), more.ended.begin() + static_cast<std::ptrdiff_t>(count));
}

notifier::notifier(const terms& chosen, end_query ends)
    : terms_(chosen),
      ends_(std::move(ends)),
      work_poll_interval_(chosen.poll_min),
      end_poll_interval_(chosen.poll_min) {}

// ------------------------------------------------------------------------ what a backend's calls
// do

store_poll notifier::begin_poll(std::uint64_t question) {
    const std::lock_guard guard(mutex_);
    const store_poll begun{++polls_, question, {generation_}, steady::now()};
    if (question != 0) {
        if (questions_.size() >= questions_max && !questions_.contains(question)) {
            questions_.clear();
        }
        questions_[question].last_begun = begun.number;
    }
    return begun;
}

void notifier::end_poll(const store_poll& begun, const finding& found) {
    const std::lock_guard guard(mutex_);
    learn_time(begun, found.store_time);
    const auto asked = questions_.find(begun.question);
    if (asked == questions_.end()) {
        return;
    }
    answered_question& question = asked->second;
    question.last_empty = found.is_empty ? begun.number : 0;
    question.generation = begun.token.value;
    question.begun = begun.begun;
    // What is due already was looked at just now, and not handed out for some reason.
    question.next_due = found.next_due > found.store_time ? found.next_due : never;
    if (work_waiters_ > 0) {
        changed_.notify_all();
    }
}

void notifier::hear_time(const store_poll& begun, timestamp store_time) {
    const std::lock_guard guard(mutex_);
    learn_time(begun, store_time);
}

void notifier::learn_time(const store_poll& begun, timestamp store_time) {
    // The store read its clock between the beginning of the call and now.
    const duration least = store_time.time_since_epoch() - local_ceil(steady::now());
    const duration most = store_time.time_since_epoch() - local_floor(begun.begun);
    if (clock_ && clock_->first <= most && least <= clock_->second) {
        clock_ = {std::max(clock_->first, least), std::min(clock_->second, most)};
    } else {
        // The first time, or somebody has moved a clock.
        clock_ = {least, most};
        changed_.notify_all();
    }
}

timestamp notifier::store_time(steady::time_point now) const {
    // Never ahead of the store, so that what is due here is due there.
    return clock_ ? timestamp(local_floor(now) + clock_->first) : timestamp::min();
}

void notifier::announce(const changes& news) {
    const std::lock_guard guard(mutex_);
    if (news.ready || news.any_may_have_ended) {
        wake_workers();
    }
    tell_of_due(news.next_due);
    for (const std::string& id : news.ended) {
        signal(id, news);
    }
    if (news.any_may_have_ended) {
        suspect_all_ends();
    }
    if (carrier_ != nullptr) {
        const bool is_work =
            news.ready || news.any_may_have_ended || (news.due_is_news && news.next_due != never);
        const unsent_news told{is_work, news.ended, news.any_may_have_ended, 1};
        if (!told.is_empty()) {
            const bool is_carrier_idle = news_.is_empty();
            news_.add(told);
            if (is_carrier_idle) {
                carrier_->stir();
            }
        }
    }
}

std::optional<notifier::empty_poll> notifier::cached_empty_poll(std::uint64_t question) {
    const std::lock_guard guard(mutex_);
    const auto now = steady::now();
    signal_what_is_due(now);
    const auto found = questions_.find(question);
    if (!listening_.work || interrupted_ || found == questions_.end()) {
        return std::nullopt;
    }
    const answered_question& last = found->second;
    // A poll that has begun and is not answered may have been given something.
    const bool is_answered = last.last_empty != 0 && last.last_empty == last.last_begun;
    if (!is_answered || last.generation != generation_ || now - last.begun >= terms_.poll_bound) {
        return std::nullopt;
    }
    return empty_poll{{generation_}, store_time(now)};
}

void notifier::wake_workers() {
    ++generation_;
    work_poll_interval_ = terms_.poll_min;
    changed_.notify_all();
}

void notifier::tell_of_due(timestamp next_due) {
    if (next_due < told_due_) {
        told_due_ = next_due;
        changed_.notify_all();
    }
}

notifier::steady::time_point notifier::due_moment(steady::time_point now) const {
    timestamp due = told_due_;
    for (const auto& [question, answer] : questions_) {
        due = std::min(due, answer.next_due);
    }
    if (due == never || !clock_) {
        return steady::time_point::max();
    }
    const timestamp here = store_time(now);
    if (due <= here) {
        return now;
    }
    // A day is as good as the truth, and keeps the sum within its range.
    const timestamp tomorrow = here + std::chrono::hours(24);
    return now + (std::min(due, tomorrow) - here);
}

void notifier::signal_what_is_due(steady::time_point now) {
    if (due_moment(now) > now) {
        return;
    }
    // What falls due later is heard of again from the looks that follow.
    const timestamp here = store_time(now);
    if (told_due_ <= here) {
        told_due_ = never;
    }
    for (auto& [question, answer] : questions_) {
        if (answer.next_due <= here) {
            answer.next_due = never;
        }
    }
    wake_workers();
}

// ------------------------------------------------------------------------------------------
// waiting

wake_token notifier::wait_for_work(wake_token token, steady::time_point deadline) {
    std::unique_lock lock(mutex_);
    const auto begun = steady::now();
    ++work_waiters_;
    if (carrier_ != nullptr && !known_sleepers_.work) {
        carrier_->stir();
    }
    auto now = begun;
    while (!interrupted_) {
        signal_what_is_due(now);
        const auto poll = begun + work_poll_interval_;
        if (!listening_.work && now >= poll && generation_ == token.value && now < deadline) {
            // Nobody would tell us, so that the caller has to look.
            ++generation_;
            work_poll_interval_ = std::min(2 * work_poll_interval_, terms_.poll_max);
            changed_.notify_all();
        }
        if (generation_ != token.value || now >= deadline) {
            break;
        }
        const auto until = std::min(deadline, due_moment(now));
        changed_.wait_until(lock, listening_.work ? until : std::min(until, poll));
        now = steady::now();
    }
    --work_waiters_;
    last_work_wait_ = steady::now();
    return {generation_};
}

void notifier::interrupt() {
    const std::lock_guard guard(mutex_);
    interrupted_ = true;
    changed_.notify_all();
    wake_end_waiters();
}

// --------------------------------------------------------------------------- what the listener
// does

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
    result.wanted.ends = sleeps(end_waiters_.size(), last_end_wait_);
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

void notifier::set_listening(sleepers heard) {
    const std::lock_guard guard(mutex_);
    const sleepers before = std::exchange(listening_, heard);
    if (before.work && !heard.work) {
        work_poll_interval_ = terms_.poll_min;
        changed_.notify_all();
    }
    if (before.ends && !heard.ends) {
        poll_ends_soon();
        suspect_all_ends();
    }
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
    tell_of_due(next_due);
}

}  // namespace perdure::postgres
