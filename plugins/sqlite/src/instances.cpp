#include "backend.hpp"
#include "call.hpp"
#include "filter.hpp"
#include "grant.hpp"

#include <perdure/kit/outcomes.hpp>

#include <algorithm>

// The client side that changes something: create, send, terminate, purge, unpark.

namespace perdure::sqlite {

namespace {

create_outcome create_one(call& work, const new_instance& fresh) {
    instance_row* found = work.find(fresh.instance);
    if (found == nullptr) {
        work.insert(fresh);
        return {create_code::created, orchestration_status::pending};
    }
    if (work.created_as(*found) == fresh.execution) {
        return {create_code::created, orchestration_status::pending};  // [CREATE-3]
    }
    const auto& replaceable = fresh.replaceable;
    if (std::find(replaceable.begin(), replaceable.end(), found->status) == replaceable.end()) {
        return {create_code::already_exists, found->status};  // [CREATE-1]
    }
    // [CREATE-2]
    const auto parent = is_terminal(found->status) ? std::nullopt : work.parent(*found);
    work.erase(*found);
    work.tell_parent(parent, fresh.replaced_event);
    work.insert(fresh);
    return {create_code::created, orchestration_status::pending};
}

// [ROLE-6] What the call has said, when it was made while the hub was open: nothing is created now.
create_outcome created_before(call& work, const new_instance& fresh) {
    const instance_row* found = work.find(fresh.instance);
    const auto& replaceable = fresh.replaceable;
    const bool was_in_the_way =
        found != nullptr && work.created_as(*found) != fresh.execution &&
        std::find(replaceable.begin(), replaceable.end(), found->status) == replaceable.end();
    return was_in_the_way ? create_outcome{create_code::already_exists, found->status}
                          : create_outcome{create_code::created, orchestration_status::pending};
}

purge_outcome purge_one(call& work, const instance_id& id, const purge_request& request) {
    instance_row* target = work.find(id);
    if (target == nullptr) {
        return purge_outcome::no_such_instance;
    }
    const bool has_ended = is_terminal(target->status);
    if (!has_ended && !request.force) {
        return purge_outcome::not_terminal;
    }
    const auto parent = has_ended ? std::nullopt : work.parent(*target);
    work.erase(*target);
    work.tell_parent(parent, request.parent_event);
    return purge_outcome::purged;
}

unpark_outcome unpark_one(call& work, const instance_id& id) {
    instance_row* target = work.find(id);
    if (target == nullptr) {
        return unpark_outcome::no_such_instance;
    }
    if (!target->parked || target->history_version == 0) {
        return unpark_outcome::not_parked;
    }
    // [PARK-3]
    target->parked = false;
    target->deliveries = 0;
    target->suspect = false;
    target->updated_at = work.now();
    target->is_changed = true;
    work.sql().set_parked_reason.run(nullptr, target->row);
    work.settle(*target);
    return unpark_outcome::unparked;
}

// Does one item after the other, or gives the answer of the first time [REPEAT-1].
template <class Outcome, class Items, class Act>
std::vector<Outcome> for_each(call& work, const request_id& request, const Items& items, Act act) {
    if (const auto answer = work.find_answer(request)) {
        return read_outcomes<Outcome>(answer->outcomes);
    }
    std::vector<Outcome> outcomes = each(items, act);
    work.keep_answer(request, outcomes_text(outcomes));
    static_cast<void>(work.finish());
    return outcomes;
}

// [HANDOFF-3] Leases what the call has made ready, or what its first time did, and keeps the answer
// if it has outcomes or leases.
work_batch hand_out(call& work,
                    const lock_request& next,
                    const std::optional<earlier_answer>& answer,
                    const std::string& outcomes) {
    lock_request regular = next;
    regular.suspects = false;
    grant given(work, regular);
    if (answer) {
        given.repeat(answer->leased);
        return given.take();
    }
    for (instance_row* target : work.made_ready()) {
        given.offer(*target);
    }
    if (!given.is_empty() || !outcomes.empty()) {
        work.keep_answer(next.request, outcomes, given.leased());
    }
    return given.take();
}

}  // namespace

// An answer without leases need not be kept: whoever asks again is told by what there is.
create_result sqlite_backend::create(const lock_request& next,
                                     std::span<const new_instance> instances) {
    call work(hub_, notifier_, next.request);
    const bool has_room = next.orchestrations != 0;
    const auto answer = has_room ? work.find_answer(next.request) : std::nullopt;
    create_result result;
    result.outcomes = each(instances, [&](const new_instance& fresh) {
        return work.is_closed() ? created_before(work, fresh) : create_one(work, fresh);
    });
    if (has_room) {
        result.work = hand_out(work, next, answer, {});
    }
    result.work.token = work.finish();
    return result;
}

send_result sqlite_backend::send(const lock_request& next, std::span<const new_message> messages) {
    call work(hub_, notifier_, next.request);
    const auto send_one = [&](const new_message& message) { return work.send(message); };
    if (next.orchestrations == 0) {
        return {for_each<send_outcome>(work, next.request, messages, send_one), {}};
    }
    const auto answer = work.find_answer(next.request);
    send_result result;
    result.outcomes =
        answer ? read_outcomes<send_outcome>(answer->outcomes) : each(messages, send_one);
    result.work = hand_out(work, next, answer, outcomes_text(result.outcomes));
    result.work.token = work.finish();
    return result;
}

std::vector<terminate_outcome> sqlite_backend::terminate(
    const request_id& request, std::span<const termination> terminations) {
    call work(hub_, notifier_, request);
    return for_each<terminate_outcome>(
        work, request, terminations, [&](const termination& wish) { return work.terminate(wish); });
}

std::vector<unpark_outcome> sqlite_backend::unpark(const request_id& request,
                                                   std::span<const instance_id> instances) {
    call work(hub_, notifier_, request);
    return for_each<unpark_outcome>(
        work, request, instances, [&](const instance_id& id) { return unpark_one(work, id); });
}

purge_result sqlite_backend::purge(const purge_request& request) {
    purge_result result;
    call work(hub_, notifier_, request.request);
    if (const auto answer = work.find_answer(request.request)) {
        // The first digit is `more`, and then there is one for each purged instance as well.
        result.more = answer->outcomes.front() == '1';
        const auto outcomes =
            read_outcomes<purge_outcome>(std::string_view(answer->outcomes).substr(1));
        result.purged = static_cast<std::size_t>(
            std::count(outcomes.begin(), outcomes.end(), purge_outcome::purged));
        if (!request.instances.empty()) {
            result.outcomes = outcomes;
        }
        return result;
    }
    std::vector<instance_id> chosen = request.instances;
    if (chosen.empty()) {
        chosen = purgeable(work.sql().db, request);
        result.more = chosen.size() > request.limit;
        chosen.resize(std::min(chosen.size(), request.limit), instance_id("-"));
    }
    std::vector<purge_outcome> outcomes;
    for (const instance_id& id : chosen) {
        outcomes.push_back(purge_one(work, id, request));
        result.purged += outcomes.back() == purge_outcome::purged ? 1U : 0U;
    }
    std::string answer(1, result.more ? '1' : '0');
    answer += outcomes_text(outcomes);
    work.keep_answer(request.request, answer);
    static_cast<void>(work.finish());
    if (!request.instances.empty()) {
        result.outcomes = std::move(outcomes);
    }
    return result;
}

}  // namespace perdure::sqlite
