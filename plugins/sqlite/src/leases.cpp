#include "backend.hpp"
#include "grant.hpp"
#include "outcomes.hpp"

#include <algorithm>

// The worker side, apart from `commit`: lock, renew, and the ways to return a lease.

namespace perdure::sqlite {

// A look without the right to write: an idle worker asks often and must not hold up the others.
std::optional<timestamp> sqlite_backend::idle_since(const lock_request& request) {
    borrowed_reader reads(hub_);
    const snapshot view(reads.sql());
    const hub_state seen = reads.hub();
    bell_.hear_of_state(seen);
    const std::int64_t now = seen.clock.now();
    if (seen.clock.is_set_back() || reads->any_expired_or_suspect.number(now).value_or(0) != 0 ||
        reads->find_request.number(request.request.value)) {
        return std::nullopt;
    }
    const served_lanes lanes = hub_.names().lanes_of(reads->names, request.filter);
    const auto is_ready = [&](statement& any) {
        return [&](std::int64_t lane) { return any.number(lane, now).has_value(); };
    };
    const bool has_orchestration =
        request.orchestrations != 0 &&
        std::any_of(
            lanes.definitions.begin(), lanes.definitions.end(), is_ready(reads->any_instance));
    const bool has_activity =
        request.activities != 0 &&
        std::any_of(lanes.kinds.begin(), lanes.kinds.end(), is_ready(reads->any_activity));
    return has_orchestration || has_activity ? std::nullopt
                                             : std::optional(timestamp(duration(now)));
}

work_batch sqlite_backend::lock(const lock_request& request) {
    const std::uint64_t generation = bell_.generation();
    if (const auto time = idle_since(request)) {
        work_batch nothing;
        nothing.token = {generation};
        nothing.store_time = *time;
        return nothing;
    }
    call work(hub_, bell_);
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
    call work(hub_, bell_, urgency::urgent);
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

// Ends the leases of the items. `change_instance` and `change_activity` say what else happens to
// the n-th one; the latter returns when it is ready again.
template <class ChangeInstance, class ChangeActivity>
std::vector<lease_outcome> return_leases(call& work,
                                         const request_id& request,
                                         std::span<const held_item> items,
                                         ChangeInstance change_instance,
                                         ChangeActivity change_activity) {
    if (const auto answer = work.find_answer(request)) {
        return read_outcomes<lease_outcome>(answer->outcomes);
    }
    std::vector<lease_outcome> outcomes;
    for (std::size_t n = 0; n < items.size(); ++n) {
        bool is_held = false;
        if (items[n].task) {
            if (auto task = work.activity_holder(items[n])) {
                const std::int64_t ready_at = change_activity(*task);
                work.queue_activity(*task, ready_at, 0);
                is_held = true;
            }
        } else if (instance_row* target = work.holder(items[n])) {
            work.release_lease(*target);
            change_instance(*target, n);
            work.settle(*target);
            is_held = true;
        }
        outcomes.push_back(is_held ? lease_outcome::done : lease_outcome::lease_lost);
    }
    work.keep_answer(request, outcomes_text(outcomes));
    static_cast<void>(work.finish());
    return outcomes;
}

}  // namespace

std::vector<lease_outcome> sqlite_backend::give_back(const request_id& request,
                                                     std::span<const held_item> items) {
    call work(hub_, bell_);
    // [GIVE-1]
    return return_leases(
        work,
        request,
        items,
        [&](instance_row& target, std::size_t n) {
            work.raise_level(target, items[n].needed);  // [LEVEL-3]
        },
        [&](held_activity&) { return work.now(); });
}

std::vector<lease_outcome> sqlite_backend::abandon(const request_id& request,
                                                   std::span<const held_item> items,
                                                   duration delay) {
    call work(hub_, bell_);
    const std::int64_t ready_at = later(work.now(), delay);
    // [ABANDON-1]
    return return_leases(
        work,
        request,
        items,
        [&](instance_row& target, std::size_t) {
            ++target.attempts;
            target.not_before = ready_at;
        },
        [&](held_activity& task) {
            ++task.attempts;
            return ready_at;
        });
}

std::vector<lease_outcome> sqlite_backend::park(const request_id& request,
                                                std::span<const held_item> items,
                                                std::span<const std::string> reasons) {
    const bool has_activity = std::any_of(
        items.begin(), items.end(), [](const held_item& item) { return bool(item.task); });
    if (has_activity || items.size() != reasons.size()) {
        throw backend_error(store_fault::rejected,
                            "park: only orchestrations, and one reason for each");
    }
    call work(hub_, bell_);
    // [PARK-1]
    return return_leases(
        work,
        request,
        items,
        [&](instance_row& target, std::size_t n) {
            target.parked = true;
            target.updated_at = work.now();
            work.sql().set_parked_reason.run(reasons[n], target.row);
        },
        [&](held_activity&) { return work.now(); });
}

void sqlite_backend::take_over(const request_id& /*request*/, std::span<const worker_id> workers) {
    call work(hub_, bell_);
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
    return bell_.wait_for_work(token, deadline);
}

bool sqlite_backend::wait(std::span<const instance_id> instances,
                          std::chrono::steady_clock::time_point deadline) {
    return bell_.wait(instances, deadline);
}

void sqlite_backend::interrupt_waits() noexcept {
    bell_.interrupt();
}

}  // namespace perdure::sqlite
