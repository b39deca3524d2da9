#include "worker/dispatcher.hpp"

#include "worker/inside_worker.hpp"

#include <algorithm>
#include <utility>

namespace perdure::dispatch {

namespace {
/// Below this, executing an item is cheap compared with a commit.
constexpr std::int64_t short_item = 100'000;
/// So many finished items are worth a commit, whatever else could be executed first.
constexpr std::size_t commit_worthwhile = 256;
constexpr auto commit_delay_max = std::chrono::milliseconds(1);
/// Nothing waits longer than this for another commit to end, if the store takes two at once.
constexpr auto long_commit = std::chrono::milliseconds(20);
}  // namespace

void dispatcher::work(slot& me) {
    const inside_worker here(log_);
    for (;;) {
        const step next = choose(me);
        if (next == step::leave) {
            return;
        }
        try {
            take_step(me, next);
        } catch (...) {
            // A dispatcher's loop survives everything, for example want of memory in one item.
            const failure reason = detail::describe_exception(std::current_exception());
            if (next == step::execute || next == step::resume) {
                abandon({me.current}, reason.type + ": " + reason.message, options_.poll_max);
            } else if (log_.is_on()) {
                log_.write(log_event::commit_failed,
                           log_level::error,
                           {},
                           "a worker thread met an unexpected error: " + reason.message);
            }
        }
    }
}

void dispatcher::take_step(slot& me, step next) {
    switch (next) {
        case step::lead:
            pipeline_.lead();
            break;
        case step::execute:
            execute(me);
            break;
        case step::resume:
            resume(me);
            break;
        case step::abandon_dropped:
            abandon_dropped();
            break;
        case step::poll:
            poll();
            break;
        case step::lock_fairly:
            lock_fairly();
            break;
        case step::seek_suspect:
            seek_suspect();
            break;
        case step::leave:
            break;
    }
}

dispatcher::step dispatcher::choose(slot& me) {
    std::unique_lock guard(mutex_);
    if (me.current) {
        end_current(me, steady::now());
    }
    for (;;) {
        if (crew_.is_closing()) {
            crew_.leave(me);
            return step::leave;
        }
        if (const auto next = next_step(me)) {
            return *next;
        }
        crew_.sleep(me, guard);
    }
}

void dispatcher::end_current(slot& me, steady::time_point now) {
    if (!me.goes_on) {
        queue_.end(me.current->kind(), now);
    } else if (me.current->kind() == item_kind::turn) {
        leave_turn(me.current);
    }
    me.goes_on = false;
    crew_.unmark_blocked(me);
    const std::int64_t took =
        std::chrono::duration_cast<std::chrono::nanoseconds>(now - me.since).count();
    item_time_ += (took - item_time_) / 16;
    me.current.reset();
}

std::optional<dispatcher::step> dispatcher::next_step(slot& me) {
    const auto now = steady::now();
    if (should_lead(now)) {
        wake_for_rest();
        return step::lead;
    }
    if (!dropped_.empty()) {
        return step::abandon_dropped;
    }
    if (is_fair_lock_due(now)) {
        is_locking_ = true;
        return step::lock_fairly;
    }
    if (item_ptr item = pipeline_.is_full() ? nullptr : late_.take()) {
        me.current = std::move(item);
        me.since = now;
        stir_watch();
        return step::resume;
    }
    if (item_ptr item = can_begin() ? queue_.take() : nullptr) {
        me.current = std::move(item);
        me.since = now;
        wake_for_rest();
        stir_watch();
        return step::execute;
    }
    if (is_stopping_ && is_drained()) {
        drained_.notify_all();
    }
    if (must_seek_suspect(now)) {
        is_locking_ = true;
        return step::seek_suspect;
    }
    if (may_poll(now)) {
        is_polling_ = true;
        return step::poll;
    }
    return std::nullopt;
}

bool dispatcher::can_begin() const {
    return queue_.can_take() && !pipeline_.is_full();
}

bool dispatcher::should_lead(steady::time_point now) const {
    const std::size_t pending = pipeline_.pending();
    if (pending == 0 || !pipeline_.has_free_lane()) {
        return false;
    }
    // Beside another commit a small one would cost the store more than it saves anybody, so what is
    // pending goes with the next when that one ends, unless it takes long or the worker stops.
    if (pipeline_.is_led() && !is_stopping_) {
        return pending >= commit_worthwhile || now - pipeline_.pending_since() > long_commit;
    }
    // While items are short, half of the work at hand is executed before it is committed: fewer and
    // larger commits, without delaying any of them by more than executing the rest takes.
    return !can_begin() || item_time_ > short_item || pending >= queue_.size() ||
           pending >= commit_worthwhile || now - pipeline_.pending_since() > commit_delay_max;
}

bool dispatcher::is_fair_lock_due(steady::time_point now) const {
    return !is_locking_ && takes_work() && admission_.is_fair_lock_due(now);
}

bool dispatcher::may_poll(steady::time_point now) {
    if (is_polling_ || is_locking_ || !takes_work() || pipeline_.is_led()) {
        return false;
    }
    const auto room = queue_.room({}, pipeline_.pending(), now);
    return room.turns > 0 || room.activities > 0;
}

bool dispatcher::is_drained() const {
    // The order matters: an item moves from the queue to the pipeline, there from pending to a
    // leader, and from the leader to the queue, which needs the mutex that is held here.
    return queue_.size() == 0 && queue_.under_way() == 0 && pipeline_.pending() == 0 &&
           !pipeline_.is_led() && !is_locking_;
}

bool dispatcher::must_seek_suspect(steady::time_point now) const {
    if (!quarantine_.is_on() || is_stopping_ || is_locking_) {
        return false;
    }
    using others = quarantine::other_work;
    return quarantine_.must_seek(is_drained() ? others::none : others::some, now);
}

void dispatcher::wake_for_rest() {
    if (can_begin() && crew_.has_free_core()) {
        crew_.wake_one();
    }
}

void dispatcher::stir_watch() {
    if (is_watch_slow_) {
        is_watch_slow_ = false;
        watch_due_.notify_one();
    }
}

}  // namespace perdure::dispatch
