#include "worker/commit_pipeline.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace perdure::dispatch {

namespace {
finished_item without_turn(finished_work& whole, const item_ptr& item) {
    whole.turn.reset();
    const std::size_t bytes = whole.activity->event.size() + 256;
    return {std::move(whole), item, bytes};
}
}  // namespace

expected_work expected_of(const commit_batch& batch) {
    expected_work expected;
    for (const finished_work& each : batch.finished) {
        if (!each.turn) {
            ++expected.turns;
            continue;
        }
        const checkpoint& turn = *each.turn;
        expected.activities += turn.activities.size();
        expected.turns += turn.children.size() + (turn.next ? 1 : 0);
        // What has read no message, as a first turn, seldom finds one at its end.
        const bool may_go_on = !turn.consumed.empty() && !turn.next && !is_terminal(turn.status);
        expected.again += may_go_on ? 1 : 0;
    }
    return expected;
}

commit_pipeline::commit_pipeline(backend& store,
                                 store_calls& calls,
                                 commit_listener& listener,
                                 const engine_log& log)
    : store_(store),
      calls_(calls),
      listener_(listener),
      log_(log) {}

// Asked each time, because a hub can move to another store.
unsigned commit_pipeline::lanes() const noexcept {
    return std::max(1U, store_.abilities().commit_lanes);
}

void commit_pipeline::add(finished_item item) {
    const std::lock_guard guard(mutex_);
    if (pending_.empty()) {
        since_ = steady::now();
    }
    pending_bytes_ += item.bytes;
    pending_.push_back(std::move(item));
    pending_count_ = pending_.size();
}

commit_batch commit_pipeline::take_batch() {
    commit_batch batch;
    const std::lock_guard guard(mutex_);
    if (pending_.empty() || leaders_ >= lanes()) {
        return batch;
    }
    ++leaders_;
    std::size_t bytes = 0;
    std::size_t count = 0;
    while (!pending_.empty() && count < batch_items_max) {
        finished_item& first = pending_.front();
        bytes += first.bytes;
        if (count > 0 && bytes > batch_bytes_max) {
            break;
        }
        pending_bytes_ -= first.bytes;
        batch.finished.push_back(std::move(first.what));
        batch.items.push_back(std::move(first.item));
        pending_.pop_front();
        ++count;
    }
    pending_count_ = pending_.size();
    since_ = steady::now();
    return batch;
}

bool commit_pipeline::lead() {
    commit_batch batch = take_batch();
    if (batch.items.empty()) {
        return false;
    }
    try {
        commit(batch);
    } catch (const std::exception& broken) {
        // A plugin broke its promise, or memory is short: what becomes of the items is for their
        // leases to decide.
        if (log_.is_on()) {
            log_.write(log_event::commit_failed,
                       log_level::error,
                       {},
                       std::string("a commit ended with an unexpected error: ") + broken.what());
        }
        for (const item_ptr& item : batch.items) {
            listener_.given_up(item);
        }
    }
    ++rounds_;
    --leaders_;
    return true;
}

void commit_pipeline::commit(commit_batch& batch) {
    const expected_work expected = expected_of(batch);
    const lock_terms terms = listener_.next_terms(expected);
    const range all{0, batch.size()};
    try {
        if (auto answer = call(batch, all, terms)) {
            tell_outcomes(batch, all, *answer);
            listener_.handed_out(std::move(*answer), terms, expected);
        } else {
            for (const item_ptr& item : batch.items) {
                listener_.given_up(item);
            }
        }
    } catch (const backend_error& refusal) {
        if (log_.is_on()) {
            log_.write(log_event::commit_failed,
                       log_level::warning,
                       {},
                       std::string("the store refuses a commit: ") + refusal.what(),
                       {{"items", std::to_string(batch.size())}});
        }
        // Without room: then it is the item's content, and not what was to be handed out.
        lock_request alone = terms;
        alone.orchestrations = 0;
        alone.activities = 0;
        commit_halved(batch, all, alone);
    }
}

void commit_pipeline::commit_halved(commit_batch& batch, range part, const lock_request& terms) {
    lock_request fresh = terms;
    fresh.request = request_id{random_uuid()};
    try {
        if (auto answer = call(batch, part, fresh)) {
            tell_outcomes(batch, part, *answer);
            listener_.handed_out(std::move(*answer), fresh, {});
        } else {
            for (std::size_t i = part.from; i < part.to; ++i) {
                listener_.given_up(batch.items[i]);
            }
        }
    } catch (const backend_error& refusal) {
        if (part.to - part.from == 1) {
            const item_ptr& item = batch.items[part.from];
            if (item->speculative) {
                listener_.refused_speculative(item);
                add(without_turn(batch.finished[part.from], item));
            } else {
                listener_.refused(item, refusal);
            }
            return;
        }
        if (log_.is_on()) {
            log_.write(log_event::commit_halved,
                       log_level::debug,
                       {},
                       "a refused commit is halved to find the item that is refused",
                       {{"items", std::to_string(part.to - part.from)}});
        }
        const std::size_t middle = part.from + (part.to - part.from) / 2;
        commit_halved(batch, {part.from, middle}, terms);
        commit_halved(batch, {middle, part.to}, terms);
    }
}

std::optional<commit_result> commit_pipeline::call(const commit_batch& batch,
                                                   range part,
                                                   const lock_request& next) {
    commit_request request;
    request.finished = std::span(batch.finished).subspan(part.from, part.to - part.from);
    request.next = next;
    const auto are_leases_left = [&] {
        const auto now = steady::now();
        return std::any_of(batch.items.begin() + static_cast<std::ptrdiff_t>(part.from),
                           batch.items.begin() + static_cast<std::ptrdiff_t>(part.to),
                           [&](const item_ptr& item) { return item->lease_end.load() > now; });
    };
    std::optional<commit_result> answer;
    const auto commit_once = [&] {
        try {
            answer = store_.commit(request);
        } catch (const backend_error& trouble) {
            if (trouble.code() == store_fault::outcome_unknown && log_.is_on()) {
                log_.write(log_event::commit_outcome_unknown,
                           log_level::warning,
                           {},
                           std::string("a commit may or may not have happened, and is repeated: ") +
                               trouble.what(),
                           {{"items", std::to_string(part.to - part.from)}});
            }
            throw;
        }
    };
    calls_.repeat(commit_once, are_leases_left);
    return answer;
}

void commit_pipeline::tell_outcomes(const commit_batch& batch,
                                    range part,
                                    const commit_result& answer) {
    for (std::size_t i = part.from; i < part.to; ++i) {
        const commit_outcome outcome = answer.outcomes.at(i - part.from);
        if (outcome == commit_outcome::committed) {
            listener_.committed(batch.items[i]);
        } else {
            listener_.lost(batch.items[i], outcome);
        }
    }
}

}  // namespace perdure::dispatch
