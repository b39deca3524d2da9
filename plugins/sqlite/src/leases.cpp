#include "backend.hpp"
#include "grant.hpp"

#include <perdure/kit/outcomes.hpp>

#include <algorithm>

// The worker side, apart from `commit`: lock, renew, and the ways to return a lease.

namespace perdure::sqlite {

// A poll without the right to write: an idle worker asks often and must not hold up the others.
std::optional<timestamp> sqlite_backend::idle_since(const lock_request& request) {
    borrowed_reader reads(hub_);
    const snapshot view(reads.sql());
    const hub_state seen = reads.hub();
    const bool is_repeat = reads->find_request.number(request.request.value).has_value();
    if (!is_repeat) {
        seen.require_open();
    }
    notifier_.hear_of_state(seen);
    const std::int64_t now = seen.clock.now();
    if (is_repeat || seen.clock.is_set_back() ||
        reads->any_expired_or_suspect.number(now).value_or(0) != 0) {
        return std::nullopt;
    }
    const served_work_keys work_keys = hub_.names().work_keys_of(reads->names, request.filter);
    const auto is_ready = [&](statement& any) {
        return [&](std::int64_t work_key) { return any.number(work_key, now).has_value(); };
    };
    const bool has_orchestration =
        request.orchestrations != 0 && std::any_of(work_keys.definitions.begin(),
                                                   work_keys.definitions.end(),
                                                   is_ready(reads->any_instance));
    const bool has_activity =
        request.activities != 0 &&
        std::any_of(work_keys.kinds.begin(), work_keys.kinds.end(), is_ready(reads->any_activity));
    return has_orchestration || has_activity ? std::nullopt
                                             : std::optional(timestamp(duration(now)));
}

work_batch sqlite_backend::lock(const lock_request& request) {
    const std::uint64_t generation = notifier_.generation();
    if (const auto time = idle_since(request)) {
        work_batch nothing;
        nothing.token = {generation};
        nothing.store_time = *time;
        return nothing;
    }
    call work(hub_, notifier_, request.request);
    const auto answer = work.find_answer(request.request);
    grant given(work, request);
    if (answer) {
        given.repeat(answer->leased);
    } else {
        given.fill();
        // Without work it left nothing to repeat, and an idle poll should cost no write.
        if (!given.is_empty()) {
            work.keep_answer(request.request, {}, given.leased());
        }
    }
    work_batch batch = given.take();
    batch.token = work.finish();
    return batch;
}

std::vector<lease_outcome> sqlite_backend::renew(const renewal& request) {
    std::vector<lease_outcome> outcomes;
    call work(hub_, notifier_, urgency::urgent);
    const std::int64_t until = lease_end(work.now(), request.lease_duration);
    const auto offers =
        request.filter != nullptr ? std::optional(offers_text(*request.filter)) : std::nullopt;
    name_cache& names = work.names();
    work.sql().renew_worker.run(until, offers, names.worker(work.sql().names, request.worker));
    if (work.changed_rows() == 0) {
        // It stood still for so long that its row was removed.
        names.forget_worker(request.worker);
        work.sql().renew_worker.run(until, offers, names.worker(work.sql().names, request.worker));
    }
    work.tidy();  // [RENEW-2]
    for (const held_item& item : request.items) {
        bool is_held = false;
        if (item.task) {
            const instance_row* owner = work.find(item.instance, item.held);
            if (owner != nullptr && item.held.token) {
                work.sql().renew_activity.run(
                    until, owner->row, item.task.value, item.held.token.value);
                is_held = work.changed_rows() != 0;
            }
        } else if (instance_row* target = work.holder(item)) {
            call::take_back_expiry(*target);
            target->next_at = until;
            target->is_changed = true;
            is_held = true;
        }
        outcomes.push_back(is_held ? lease_outcome::done : lease_outcome::lease_lost);
    }
    work.news_of_lease(until);
    static_cast<void>(work.finish());
    return outcomes;
}

namespace {

// What returning it changes in an instance, beside its lease.
void note_return(call& work, instance_row& target, const lease_return& request) {
    switch (request.kind) {
        case return_kind::give_back:
            work.raise_level(target, request.needed);  // [LEVEL-3]
            break;
        case return_kind::abandon:  // [ABANDON-1]
            ++target.deliveries;
            target.not_before = later(work.now(), request.delay);
            break;
        case return_kind::park:  // [PARK-1]
            target.parked = true;
            target.updated_at = work.now();
            work.sql().set_parked_reason.run(request.reason, target.row);
            break;
    }
}

}  // namespace

std::vector<lease_outcome> sqlite_backend::return_leases(const lease_return& request) {
    call work(hub_, notifier_, request.request);
    if (const auto answer = work.find_answer(request.request)) {
        return read_outcomes<lease_outcome>(answer->outcomes);
    }
    const bool is_abandoned = request.kind == return_kind::abandon;
    std::vector<lease_outcome> outcomes;
    for (const held_item& item : request.items) {
        bool is_held = false;
        if (item.task) {
            if (auto task = work.activity_holder(item)) {
                task->deliveries += is_abandoned ? 1 : 0;
                work.queue_activity(
                    *task, is_abandoned ? later(work.now(), request.delay) : work.now(), 0);
                is_held = true;
            }
        } else if (instance_row* target = work.holder(item)) {
            work.release_lease(*target);
            note_return(work, *target, request);
            work.settle(*target);
            is_held = true;
        }
        outcomes.push_back(is_held ? lease_outcome::done : lease_outcome::lease_lost);
    }
    work.keep_answer(request.request, outcomes_text(outcomes));
    static_cast<void>(work.finish());
    return outcomes;
}

void sqlite_backend::take_over(const request_id& /*request*/, std::span<const worker_id> workers) {
    call work(hub_, notifier_);
    for (const worker_id& id : workers) {
        const auto worker = work.sql().names.find_worker.number(id.text);
        if (!worker) {
            continue;
        }
        std::vector<std::int64_t> held;
        {
            rows found = work.sql().instances_of_holder.query(work.now(), *worker);
            while (found.next()) {
                held.push_back(found.number(0));
            }
        }
        for (const std::int64_t row : held) {
            work.expire(*work.find_row(row));
        }
        work.sql().expire_activities_of_holder.run(work.now(), *worker);
        work.sql().end_worker.run(work.now(), *worker);  // [TAKEOVER-2]
    }
    static_cast<void>(work.find_expired_leases());
    static_cast<void>(work.finish());
}

wake_token sqlite_backend::wait_for_work(wake_token token,
                                         std::chrono::steady_clock::time_point deadline) {
    return notifier_.wait_for_work(token, deadline);
}

std::optional<instance_record> sqlite_backend::wait(
    const instance_id& instance, std::chrono::steady_clock::time_point deadline) {
    static_cast<void>(notifier_.wait({&instance, 1}, deadline));
    return std::move(get({&instance, 1}).at(0));
}

void sqlite_backend::interrupt_waits() noexcept {
    notifier_.interrupt();
}

}  // namespace perdure::sqlite
