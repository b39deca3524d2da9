#include "worker/lease_keeper.hpp"

#include "worker/inside_worker.hpp"

#include <algorithm>
#include <utility>

namespace perdure::dispatch {

lease_keeper::lease_keeper(
    backend& store, held_items& held, store_calls& calls, const engine_log& log, terms agreed)
    : store_(store),
      held_(held),
      calls_(calls),
      log_(log),
      agreed_(std::move(agreed)),
      round_(std::max(duration(1000),
                      std::min(agreed_.renew_interval / 2, agreed_.lease_duration / 8))) {}

lease_keeper::~lease_keeper() {
    stop();
}

void lease_keeper::start(std::function<void()> also) {
    also_ = std::move(also);
    thread_ = std::jthread([this](const std::stop_token& ending) { keep_on(ending); });
}

void lease_keeper::stop() {
    if (thread_.joinable()) {
        thread_.request_stop();
        thread_.join();
    }
}

void lease_keeper::keep_on(const std::stop_token& ending) {
    const inside_worker here(log_);
    while (!ending.stop_requested()) {
        try {
            also_();
            keep(steady::now());
        } catch (...) {
            // Leases must be kept whatever a plugin throws: the next round tries again.
            const failure reason = detail::describe_exception(std::current_exception());
            if (log_.is_on()) {
                log_.write(log_event::store_unavailable,
                           log_level::error,
                           {},
                           "the lease keeper met an unexpected error: " + reason.message);
            }
        }
        std::unique_lock guard(mutex_);
        ended_.wait_for(guard, ending, round_, [] { return false; });
    }
}

void lease_keeper::keep(steady::time_point now) {
    const auto due = held_.renewed_before(now - agreed_.renew_interval + round_);
    if (due.empty() && now - last_sign_ < agreed_.renew_interval) {
        return;
    }
    std::size_t from = 0;
    do {
        const std::size_t to = std::min(due.size(), from + batch_items_max);
        if (!renew({due.begin() + static_cast<std::ptrdiff_t>(from),
                    due.begin() + static_cast<std::ptrdiff_t>(to)},
                   now)) {
            return;
        }
        from = to;
    } while (from < due.size());
    last_sign_ = now;
}

bool lease_keeper::renew_now(const item_ptr& item) {
    const auto now = steady::now();
    return renew({item}, now) && item->renewed_at == now;
}

bool lease_keeper::renew(const std::vector<item_ptr>& items, steady::time_point now) {
    std::vector<held_item> asked;
    asked.reserve(items.size());
    for (const item_ptr& item : items) {
        asked.push_back(item->held());
    }
    const filter_ptr served = agreed_.filter ? agreed_.filter() : nullptr;
    std::vector<lease_outcome> outcomes;
    const std::uint64_t began = calls_.era();
    try {
        outcomes = store_.renew({agreed_.worker, served.get(), agreed_.lease_duration, asked});
        calls_.note_answer(began);
    } catch (const backend_error& trouble) {
        // The next round tries again; meanwhile the leases run on.
        calls_.note_trouble(trouble, began);
        return false;
    }
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (outcomes.at(i) == lease_outcome::done) {
            held_.note_renewal(items[i], now, agreed_.lease_duration);
        } else {
            lose(items[i]);
        }
    }
    if (log_.is_on() && !items.empty()) {
        log_.write(log_event::lease_renewed,
                   log_level::debug,
                   {},
                   "leases were renewed",
                   {{"items", std::to_string(items.size())}});
    }
    return true;
}

void lease_keeper::lose(const item_ptr& item) {
    // A commit that has just ended the lease in good order has taken the item from the list.
    if (!held_.remove(item)) {
        return;
    }
    if (log_.is_on()) {
        log_.write(log_event::lease_lost,
                   log_level::warning,
                   item->instance().text(),
                   "the lease was lost while the work was under way; its result will not count");
    }
    item->cancelled.request_stop();
}

}  // namespace perdure::dispatch
