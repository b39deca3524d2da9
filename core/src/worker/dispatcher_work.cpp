#include "nouns/utf8.hpp"
#include "worker/dispatcher.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace perdure::dispatch {

namespace {

std::vector<held_item> held_of(std::span<const item_ptr> items) {
    std::vector<held_item> held;
    held.reserve(items.size());
    for (const item_ptr& item : items) {
        held.push_back(item->held());
    }
    return held;
}

/// A reason quotes names and texts of user code; a store takes only valid UTF-8 without NUL, and of
/// bounded length.
std::string readable(std::string text) {
    constexpr std::size_t bytes_max = std::size_t{64} << 10U;
    text.resize(std::min(text.size(), bytes_max));
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = utf8_length(text, at);
        if (length == 0) {
            text[at] = '?';
        }
        at += std::max<std::size_t>(length, 1);
    }
    std::replace(text.begin(), text.end(), '\0', '?');
    return text;
}

}  // namespace

void dispatcher::execute(slot& me) {
    const item_ptr item = me.current;
    // A lease that is half over may be lost before the first regular renewal.
    if (steady::now() - item->heard_at > options_.lease_duration / 2 && !keeper_.renew_now(item)) {
        return;
    }
    if (item->kind() == item_kind::turn) {
        held_.add(item);
        conclude_turn(me, turns_.execute(item));
        return;
    }
    item->cancelled = std::stop_source();
    held_.add(item);
    auto later = [weak = weak_from_this()](const item_ptr& ended,
                                           std::optional<activity_result> result) {
        // A worker that is gone has returned the activity already.
        if (const auto self = weak.lock()) {
            self->end_late(ended, std::move(result));
        }
    };
    executed result = activities_.execute(item, std::move(later));
    me.goes_on = result.what == executed::then::wait;
    // A suspect goes alone; the end of one that came late is told by the author's thread, which
    // must not execute a turn.
    if (store_.abilities().speculative_turns && result.what == executed::then::commit && !item->is_suspect()) {
        turns_.execute_speculatively(*result.finished);
    }
    conclude(item, std::move(result));
}

void dispatcher::conclude(const item_ptr& item, executed result) {
    switch (result.what) {
        case executed::then::commit:
            pipeline_.add(std::move(*result.finished));
            break;
        case executed::then::park:
            park(item, result.reason);
            break;
        case executed::then::abandon:
            abandon({item}, result.reason, options_.poll_max);
            break;
        case executed::then::give_back:
            give_back_turn(item, result.reason);
            break;
        case executed::then::leave_to_newer:
            leave_to_newer(item, result.reason);
            break;
        case executed::then::drop:
            item->frame.reset();
            if (held_.remove(item) && log_.is_on()) {
                log_.write(log_event::lease_lost,
                           log_level::warning,
                           item->instance().text(),
                           result.reason);
            }
            break;
        case executed::then::give_up:
        case executed::then::wait:
            break;
    }
}

bool dispatcher::is_worth_calling(const std::vector<item_ptr>& items) const {
    const auto now = steady::now();
    return std::any_of(items.begin(), items.end(), [&](const item_ptr& item) {
        return item->lease_end.load() > now;
    });
}

std::vector<lease_outcome> dispatcher::return_leases(const std::vector<item_ptr>& items,
                                                     const lease_return& terms) {
    std::vector<lease_outcome> outcomes;
    for (std::size_t from = 0; from < items.size(); from += batch_items_max) {
        const std::size_t to = std::min(items.size(), from + batch_items_max);
        const std::vector<item_ptr> part(items.begin() + static_cast<std::ptrdiff_t>(from),
                                         items.begin() + static_cast<std::ptrdiff_t>(to));
        const std::vector<held_item> held = held_of(part);
        lease_return request = terms;
        request.request = request_id{random_uuid()};
        request.items = held;
        try {
            calls_.repeat(
                [&] {
                    const auto answers = store_.return_leases(request);
                    outcomes.insert(outcomes.end(), answers.begin(), answers.end());
                },
                [&] { return is_worth_calling(part); });
        } catch (const backend_error& trouble) {
            calls_.note_refusal("return leases", trouble);
        }
    }
    return outcomes;
}

void dispatcher::park(const item_ptr& item, const std::string& reason) {
    turns_.drop_frame(item);
    const auto outcomes =
        return_leases({item}, {.kind = return_kind::park, .reason = readable(reason)});
    held_.remove(item);
    if (!outcomes.empty() && outcomes.front() == lease_outcome::done && log_.is_on()) {
        log_.write(log_event::orchestration_parked,
                   log_level::error,
                   item->instance().text(),
                   "parked: " + reason,
                   {{"name", item->turn().name}, {"version", item->turn().version}});
    }
}

void dispatcher::abandon(const std::vector<item_ptr>& items,
                         const std::string& reason,
                         duration delay) {
    static_cast<void>(return_leases(items, {.kind = return_kind::abandon, .delay = delay}));
    for (const item_ptr& item : items) {
        held_.remove(item);
        turns_.drop_frame(item);
        if (log_.is_on()) {
            const bool is_turn = item->kind() == item_kind::turn;
            log_.write(is_turn ? log_event::orchestration_abandoned : log_event::activity_abandoned,
                       log_level::warning,
                       item->instance().text(),
                       "abandoned: " + reason,
                       {{"delivery", std::to_string(item->delivery())}});
        }
    }
}

void dispatcher::give_back(const std::vector<item_ptr>& items) {
    static_cast<void>(return_leases(items, {.kind = return_kind::give_back}));
    if (!items.empty() && log_.is_on()) {
        log_.write(log_event::work_given_back,
                   log_level::debug,
                   {},
                   "leased work was given back; this delivery does not count",
                   {{"items", std::to_string(items.size())}});
    }
}

void dispatcher::give_back_turn(const item_ptr& item, const std::string& reason) {
    turns_.drop_frame(item);
    static_cast<void>(return_leases({item}, {.kind = return_kind::give_back}));
    held_.remove(item);
    if (log_.is_on()) {
        log_.write(log_event::work_given_back,
                   log_level::debug,
                   item->instance().text(),
                   "a turn was given back; this delivery does not count: " + reason,
                   {{"items", "1"}});
    }
}

void dispatcher::leave_to_newer(const item_ptr& item, const std::string& reason) {
    turns_.drop_frame(item);
    const auto needed = static_cast<feature_level>(supported_feature_level() + 1);
    static_cast<void>(return_leases({item}, {.kind = return_kind::give_back, .needed = needed}));
    held_.remove(item);
    if (log_.is_on()) {
        log_.write(log_event::newer_code_needed,
                   log_level::warning,
                   item->instance().text(),
                   "left to a worker with newer code: " + reason,
                   {{"name", item->turn().name}, {"version", item->turn().version}});
    }
}

void dispatcher::give_back_stale() {
    std::vector<item_ptr> stale;
    {
        const std::lock_guard guard(mutex_);
        stale = queue_.take_waiting_since(steady::now() - options_.lease_duration / 4);
    }
    give_back(stale);
}

lock_terms dispatcher::next_terms(const expected_work& expected) {
    note_definitions();
    const std::lock_guard guard(mutex_);
    lock_terms next = terms(expected);
    // The store is asked for other ready work now and then, not at every small commit.
    if (outlook_.is_fresh(steady::now())) {
        admission::narrow(next, expected);
    }
    return next;
}

void dispatcher::committed(const item_ptr& item) {
    held_.remove(item);
    if (item->kind() == item_kind::activity) {
        ++turns_.totals.activities;
        if (item->speculative) {
            keep_turn(item->speculative);
        }
    } else {
        keep_turn(item);
    }
}

void dispatcher::keep_turn(const item_ptr& item) {
    // Not before its commit: another turn could have come to the same position, because a
    // speculative turn has no lease of the instance, and any lease may be over.
    turns_.keep_frame(item);
    ++turns_.totals.turns;
    turns_.totals.events += item->events;
    if (log_.is_on()) {
        log_end(item);
    }
}

void dispatcher::log_end(const item_ptr& item) const {
    const std::string& instance = item->instance().text();
    engine_log::field_list fields{{"name", item->turn().name},
                                  {"events", std::to_string(item->events)}};
    log_.write(log_event::turn_committed, log_level::debug, instance, "a turn is durable", fields);
    switch (item->end) {
        case replay::turn_end::open:
        case replay::turn_end::suspended:
            break;
        case replay::turn_end::completed:
            log_.write(log_event::orchestration_completed,
                       log_level::info,
                       instance,
                       "the orchestration completed",
                       fields);
            break;
        case replay::turn_end::failed:
            log_.write(log_event::orchestration_failed,
                       log_level::warning,
                       instance,
                       "the orchestration failed",
                       fields);
            break;
        case replay::turn_end::terminated:
            log_.write(log_event::orchestration_terminated,
                       log_level::info,
                       instance,
                       "the orchestration was terminated",
                       fields);
            break;
        case replay::turn_end::continued:
            log_.write(log_event::orchestration_continued_as_new,
                       log_level::debug,
                       instance,
                       "the orchestration continues as new",
                       fields);
            break;
    }
}

void dispatcher::lost(const item_ptr& item, commit_outcome outcome) {
    const bool was_held = held_.remove(item);
    if (item->kind() == item_kind::turn || item->speculative) {
        turns_.drop_frame(item);
    }
    if (outcome == commit_outcome::turn_declined) {
        ++turns_.totals.activities;
    }
    if (outcome == commit_outcome::lease_lost && was_held && log_.is_on()) {
        log_.write(log_event::lease_lost,
                   log_level::warning,
                   item->instance().text(),
                   "the lease was lost before the commit; its result does not count");
    }
}

void dispatcher::refused_speculative(const item_ptr& item) {
    turns_.drop_frame(item);
    item->speculative.reset();
}

void dispatcher::refused(const item_ptr& item, const backend_error& reason) {
    if (item->kind() == item_kind::turn) {
        park(item, std::string("the store refuses the checkpoint: ") + reason.what());
    } else if (!item->is_substitute) {
        pipeline_.add(activity_executor::substitute(item, reason.what()));
    } else {
        abandon({item}, reason.what(), options_.poll_max);
    }
}

void dispatcher::given_up(const item_ptr& item) {
    held_.remove(item);
    if (item->kind() == item_kind::turn || item->speculative) {
        turns_.drop_frame(item);
    }
    if (log_.is_on()) {
        log_.write(log_event::commit_failed,
                   log_level::error,
                   item->instance().text(),
                   "the store did not answer while the lease lasted; the work will be repeated");
    }
}

void dispatcher::handed_out(commit_result answer,
                            const lock_request& asked,
                            const expected_work& expected) {
    if (answer.dropped_messages > 0 && log_.is_on()) {
        log_.write(log_event::message_dropped,
                   log_level::warning,
                   {},
                   "messages to instances that do not exist or have ended were dropped",
                   {{"messages", std::to_string(answer.dropped_messages)}});
    }
    receive(std::move(answer.work), asked, expected);
}

}  // namespace perdure::dispatch
