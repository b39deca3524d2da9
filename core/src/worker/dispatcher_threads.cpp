#include "worker/dispatcher.hpp"
#include "worker/inside_worker.hpp"
#include "worker/worker_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace perdure::dispatch {

namespace {

constexpr auto watch_interval = std::chrono::milliseconds(2);
constexpr auto watch_interval_max = std::chrono::milliseconds(50);
/// How long activities that were asked to stop have for it, unless `stop_grace` is shorter.
constexpr auto cancel_grace = std::chrono::seconds(1);

lease_keeper::terms terms_of(served_work& what, const worker_options& options) {
    lease_keeper::terms agreed;
    agreed.worker = make_worker_id();
    agreed.lease_duration = options.lease_duration;
    agreed.renew_interval = options.renew_interval;
    agreed.filter = [&what] { return what.filter(); };
    return agreed;
}

worker_options checked(worker_options options) {
    check_settings(options);
    return options;
}

}  // namespace

dispatcher::dispatcher(hub where,
                       registry what,
                       worker_options options,
                       served_work::source_ptr changing)
    : hub_(std::move(where)),
      store_(hub_.store()),
      registry_(std::move(what)),
      options_(checked(std::move(options))),
      served_(registry_, std::move(changing), options_.queues),
      log_(options_.log),
      calls_(log_),
      keeper_(store_, held_, calls_, log_, terms_of(served_, options_)),
      turns_(store_, served_, options_, calls_, log_),
      activities_(registry_, options_, log_),
      pipeline_(store_, calls_, *this, log_),
      signs_(store_, calls_, log_, id()),
      queue_({options_.turns_max, options_.activities_max}),
      crew_(options_.activities_max + options_.turns_max + 1,
            [this](slot& fresh) {
                // The thread keeps the dispatcher alive: an activity that never returns outlives
                // its worker.
                return std::jthread([self = shared_from_this(), &fresh] { self->work(fresh); });
            }),
      admission_({id(),
                  served_.filter(),
                  options_.lease_duration,
                  options_.turn_messages_max,
                  options_.cached_frames_max}),
      quarantine_(options_.lease_duration),
      poll_pauses_(options_.poll_min, options_.poll_max) {}

dispatcher::~dispatcher() = default;

worker_statistics dispatcher::statistics() const {
    worker_statistics numbers;
    numbers.turns = turns_.totals.turns;
    numbers.activities = turns_.totals.activities;
    numbers.events = turns_.totals.events;
    numbers.rebuilds = turns_.totals.rebuilds;
    numbers.commits = pipeline_.rounds();
    return numbers;
}

void dispatcher::start() {
    if (inside_worker::is(log_)) {
        return;  // It has been started: nothing else calls from within.
    }
    const std::lock_guard guard(phase_mutex_);
    const inside_worker here(log_);
    if (phase_ == phase::stopped) {
        throw invalid_input("a stopped worker cannot be started again; make a new one");
    }
    if (phase_ == phase::started) {
        return;
    }
    if (options_.take_over_dead_workers) {
        signs_.exchange();
    }
    phase_ = phase::started;
    if (log_.is_on()) {
        log_.write(log_event::worker_started,
                   log_level::info,
                   {},
                   "the worker starts",
                   {{"worker", id().text}, {"hub", hub_.description()}});
    }
    keeper_.start([this] {
        give_back_stale();
        wake_lost_turns();
        if (options_.take_over_dead_workers) {
            signs_.exchange();
        }
    });
    watch_ = std::jthread([this] { watch(); });
    {
        const std::lock_guard inner(mutex_);
        crew_.add();
        crew_.add();
    }
    hub_.idle().join(weak_from_this());
}

void dispatcher::stop() {
    if (inside_worker::is(log_)) {
        std::thread([self = shared_from_this()] { self->stop(); }).detach();
        return;
    }
    const std::lock_guard phase_guard(phase_mutex_);
    const inside_worker here(log_);
    if (phase_ != phase::started) {
        return;
    }
    phase_ = phase::stopped;
    if (log_.is_on()) {
        log_.write(log_event::worker_stopping, log_level::info, {}, "the worker stops");
    }
    std::vector<item_ptr> waiting;
    {
        const std::lock_guard guard(mutex_);
        is_stopping_ = true;
        waiting = queue_.take_waiting_since(steady::time_point::max());
    }
    give_back(waiting);
    {
        std::unique_lock guard(mutex_);
        const auto is_over = [this] { return is_drained(); };
        if (!drained_.wait_for(guard, options_.stop_grace, is_over)) {
            guard.unlock();
            for (const item_ptr& item : held_.all()) {
                item->cancelled.request_stop();
            }
            guard.lock();
            leave_late_turns();
            drained_.wait_for(
                guard, std::min<duration>(cancel_grace, options_.stop_grace), is_over);
        }
    }
    end_threads();
    keeper_.stop();
    signs_.leave();
    turns_.drop_all_frames();
    if (log_.is_on()) {
        log_.write(log_event::worker_stopped, log_level::info, {}, "the worker has stopped");
    }
}

void dispatcher::end_threads() {
    calls_.close();
    std::unique_lock guard(mutex_);
    crew_.close();
    watch_due_.notify_all();
    crew_.end(guard);
    watch_.join();
    return_unfinished();
}

void dispatcher::return_unfinished() {
    const std::vector<item_ptr> unfinished = held_.all();
    give_back(unfinished);
    for (const item_ptr& item : unfinished) {
        held_.remove(item);
    }
    // Their machines die outside of the mutex.
    std::vector<item_ptr> left;
    const std::lock_guard guard(mutex_);
    left.swap(left_late_);
}

bool dispatcher::is_busy() const {
    return queue_.size() > 0 || queue_.under_way() > 0 || pipeline_.pending() > 0 ||
           pipeline_.is_led() || quarantine_.is_on();
}

void dispatcher::watch() {
    std::unique_lock guard(mutex_);
    duration interval = watch_interval;
    std::uint64_t taken = queue_.taken();
    unsigned quiet_rounds = 0;
    while (!crew_.is_closing()) {
        const bool is_quiet = queue_.taken() == taken;
        taken = queue_.taken();
        quiet_rounds = is_quiet ? quiet_rounds + 1 : 0;
        interval = is_quiet ? std::min<duration>(interval * 2, watch_interval_max)
                            : duration(watch_interval);
        if (is_quiet && crew_.is_bursting()) {
            interval = watch_interval;
        }
        is_watch_slow_ = interval > watch_interval;
        const auto is_stirred = [this] { return crew_.is_closing() || !is_watch_slow_; };
        if (quiet_rounds > 8 && !is_busy()) {
            watch_due_.wait(guard, is_stirred);
        } else if (is_watch_slow_) {
            watch_due_.wait_for(guard, interval, is_stirred);
        } else {
            watch_due_.wait_for(guard, interval, [this] { return crew_.is_closing(); });
        }
        is_watch_slow_ = false;
        watch_once(steady::now());
    }
}

void dispatcher::watch_once(steady::time_point now) {
    if (is_stopping_) {
        return;
    }
    crew_.mark_blocked(now - watch_interval);
    if (!can_begin()) {
        crew_.end_burst();
    } else if (crew_.has_free_core()) {
        crew_.wake_burst(queue_.size());
    }
    if (pipeline_.pending() > 0 && pipeline_.has_free_lane() &&
        now - pipeline_.pending_since() > watch_interval) {
        crew_.wake_one();
    }
    if (is_busy() && outlook_.is_old(now) && may_poll(now)) {
        crew_.wake_one();
    }
    if (quarantine_.end_if_overdue(now) || must_seek_suspect(now)) {
        crew_.wake_one();
    }
}

}  // namespace perdure::dispatch
