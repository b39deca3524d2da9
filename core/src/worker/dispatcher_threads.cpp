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

lease_keeper::terms terms_of(const registry& what, const worker_options& options) {
    lease_keeper::terms agreed;
    agreed.worker = make_worker_id();
    agreed.lease_duration = options.lease_duration;
    agreed.renew_interval = options.renew_interval;
    for (const auto* definition : what.orchestrations()) {
        agreed.filter.orchestrations.push_back({definition->name, definition->version});
    }
    for (const auto* definition : what.activities()) {
        agreed.filter.activities.push_back(definition->name);
    }
    agreed.filter.queues = options.queues;
    agreed.filter.level = supported_feature_level();
    return agreed;
}

worker_options checked(worker_options options) {
    check_settings(options);
    return options;
}

}  // namespace

dispatcher::dispatcher(hub where, registry what, worker_options options)
    : hub_(std::move(where)),
      store_(hub_.store()),
      registry_(std::move(what)),
      options_(checked(std::move(options))),
      log_(options_.log),
      takes_turns_ahead_(store_.abilities().turns_ahead),
      cores_(std::max(1U, std::thread::hardware_concurrency())),
      threads_max_(options_.activities_max + options_.turns_max + 1),
      calls_(log_),
      keeper_(store_, held_, calls_, log_, terms_of(registry_, options_)),
      turns_(store_, registry_, options_, calls_, log_),
      activities_(registry_, options_, log_),
      pipeline_(store_, calls_, *this, log_),
      queue_({options_.turns_max, options_.activities_max}),
      admission_({id(),
                  &keeper_.agreed().filter,
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
        exchange_life_signs();
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
        if (options_.take_over_dead_workers) {
            exchange_life_signs();
        }
    });
    watch_ = std::jthread([this] { watch(); });
    const std::lock_guard inner(mutex_);
    add_thread();
    add_thread();
}

void dispatcher::add_thread() {
    slots_.push_back(std::make_unique<slot>());
    slot& fresh = *slots_.back();
    ++awake_;
    // The thread keeps the dispatcher alive: an activity that never returns outlives its worker.
    fresh.thread = std::jthread([self = shared_from_this(), &fresh] { self->work(fresh); });
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
            drained_.wait_for(
                guard, std::min<duration>(cancel_grace, options_.stop_grace), is_over);
        }
    }
    end_threads();
    keeper_.stop();
    leave_hub();
    turns_.drop_all_frames();
    if (log_.is_on()) {
        log_.write(log_event::worker_stopped, log_level::info, {}, "the worker has stopped");
    }
}

void dispatcher::end_threads() {
    calls_.close();
    std::unique_lock guard(mutex_);
    is_closing_ = true;
    wake_all();
    watch_due_.notify_all();
    const auto have_left = [this] {
        return std::all_of(slots_.begin(), slots_.end(), [](const auto& each) {
            return each->has_left || each->current;
        });
    };
    left_.wait(guard, have_left);
    for (const auto& each : slots_) {
        if (!each->has_left) {
            // User code that does not return cannot be ended. Its thread stays until it does.
            each->thread.detach();
        }
    }
    guard.unlock();
    for (const auto& each : slots_) {
        if (each->thread.joinable()) {
            each->thread.join();
        }
    }
    watch_.join();
    return_unfinished();
}

void dispatcher::return_unfinished() {
    const std::vector<item_ptr> unfinished = held_.all();
    give_back(unfinished);
    for (const item_ptr& item : unfinished) {
        held_.remove(item);
    }
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
    while (!is_closing_) {
        const bool is_quiet = queue_.taken() == taken;
        taken = queue_.taken();
        quiet_rounds = is_quiet ? quiet_rounds + 1 : 0;
        interval = is_quiet ? std::min<duration>(interval * 2, watch_interval_max)
                            : duration(watch_interval);
        if (is_quiet && burst_ > 0) {
            interval = watch_interval;
        }
        is_watch_slow_ = interval > watch_interval;
        const auto is_stirred = [this] { return is_closing_ || !is_watch_slow_; };
        if (quiet_rounds > 8 && !is_busy()) {
            watch_due_.wait(guard, is_stirred);
        } else if (is_watch_slow_) {
            watch_due_.wait_for(guard, interval, is_stirred);
        } else {
            watch_due_.wait_for(guard, interval, [this] { return is_closing_; });
        }
        is_watch_slow_ = false;
        watch_once(steady::now());
    }
}

void dispatcher::watch_once(steady::time_point now) {
    if (is_stopping_) {
        return;
    }
    mark_blocked(now);
    // Threads that wait within activities are made up for, two at first and then faster and faster.
    if (can_begin() && awake_ < cores_) {
        burst_ = std::max(cores_, burst_ * 2);
        for (std::size_t i = 0; i < std::min(burst_, queue_.size()); ++i) {
            wake_one();
        }
    } else if (!can_begin()) {
        burst_ = 0;
    }
    if (pipeline_.pending() > 0 && pipeline_.has_free_lane() &&
        now - pipeline_.pending_since() > watch_interval) {
        wake_one();
    }
    if (is_busy() && outlook_.is_old(now) && may_poll(now)) {
        wake_one();
    }
    if (quarantine_.end_if_overdue(now) || must_seek_suspect(now)) {
        wake_one();
    }
}

void dispatcher::mark_blocked(steady::time_point now) {
    for (const auto& each : slots_) {
        if (each->current && !each->is_blocked && now - each->since > watch_interval) {
            each->is_blocked = true;
            --awake_;
        }
    }
}

}  // namespace perdure::dispatch
