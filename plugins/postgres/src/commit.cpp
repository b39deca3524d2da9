#include "backend.hpp"
#include "commit_batches.hpp"
#include "lone_turn.hpp"

#include <algorithm>
#include <optional>
#include <utility>

// The hot call, and what its answer says.

namespace perdure::postgres {

namespace {

constexpr statement commit_work{
    "commit",
    "select store_time, turn_outcomes, firsts, done_outcomes, dropped, handed, taken,"
    " activities, repeated, suspects, next_due, left_ready, low_water"
    " from _Commit($1, row($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
    "::commit_batch, $16)",
    effect::mutating};

enum column : std::size_t {
    store_time,
    turn_outcomes,
    firsts,
    done_outcomes,
    dropped,
    handed,
    taken,
    activities,
    repeated,
    suspects,
    next_due,
    left_ready,
    low_water
};

void refuse(const checkpoint& turn, const std::string& why) {
    throw backend_error(store_fault::rejected,
                        "checkpoint of instance \"" + turn.instance.text() + "\": " + why);
}

// What a checkpoint cannot mean; refused before anything is sent.
void check(const checkpoint& turn) {
    for (auto added = turn.activities.begin(); added != turn.activities.end(); ++added) {
        const bool is_repeated =
            std::any_of(turn.activities.begin(), added, [&](const new_activity& earlier) {
                return earlier.task == added->task;
            });
        if (!added->task || is_repeated) {
            refuse(turn, "an activity without a task id of its own");
        }
    }
}

void read_work(store& hub,
               const answer& done,
               const std::vector<scheduled>& tasks,
               work_batch& batch) {
    read_orchestrations(hub.names(), done.only(column::handed), batch.orchestrations);
    read_orchestrations(hub.names(), done.only(column::taken), batch.orchestrations);
    if (!done.only(column::repeated).flag()) {
        const array_reader firsts(done.only(column::firsts));
        for (const scheduled& item : tasks) {
            const auto turn = static_cast<std::size_t>(item.added.turn) - 1;
            if (item.token && firsts.number(turn) != 0) {
                batch.activities.push_back(handed_activity(item));
            }
        }
    }
    read_activities(done.only(column::activities), batch.activities);
}

// What this process can tell its waiters of, beyond what the store says.
void add_ended(announcing_call& work, const answer& done, std::span<const checkpoint> turns) {
    const array_reader firsts(done.only(column::firsts));
    for (std::size_t n = 0; n < turns.size(); ++n) {
        const bool has_happened = n < firsts.size() && firsts.number(n) != 0;
        if (has_happened && !turns[n].next && is_terminal(turns[n].status)) {
            work.news.ended.push_back(turns[n].instance.text());
        }
    }
}

commit_result commit_all(store& hub,
                         announcing_call& work,
                         const commit_request& request,
                         const room& given,
                         const std::vector<scheduled>& tasks) {
    parameters values;
    values.add<sql::uuid>(request.next.request.value);
    add_commit(values, hub, request, tasks);
    add_room(values, given);
    const answer done = hub.call(commit_work, values);
    // First of all, because it has happened, whatever becomes of the answer.
    add_ended(work, done, request.checkpoints);
    work.news.ready = done.only(column::repeated).flag();
    work.news.any_may_have_ended = work.news.ready;
    work.finish(
        done.only(column::store_time), done.only(column::left_ready), done.only(column::next_due));
    note_low_water(hub, given, done.only(column::low_water));
    commit_result result;
    result.checkpoints = read_outcomes<commit_outcome>(done.only(column::turn_outcomes));
    result.completions = read_outcomes<commit_outcome>(done.only(column::done_outcomes));
    result.dropped_messages = static_cast<std::size_t>(done.only(column::dropped).number());
    read_work(hub, done, tasks, result.work);
    result.work.store_time = done.only(column::store_time).time();
    result.work.suspects_waiting = done.only(column::suspects).flag_or_false();
    result.work.token = work.begun().token;
    return result;
}

// The leases that have ended with this commit, and those that it has given.
void note_leases(held_leases& held, const commit_request& request, const commit_result& result) {
    const auto note = [&](const auto& items, const std::vector<commit_outcome>& outcomes) {
        for (std::size_t n = 0; n < std::min(items.size(), outcomes.size()); ++n) {
            if (outcomes[n] != commit_outcome::lease_lost) {
                held.note_ended(items[n].held, request.next.request);
            }
        }
    };
    note(request.checkpoints, result.checkpoints);
    note(request.completions, result.completions);
    held.note_given(request.next.request, result.work);
}

}  // namespace

commit_result postgres_backend::commit(const commit_request& request) {
    for (const checkpoint& turn : request.checkpoints) {
        check(turn);
    }
    return hub_.with_names([&] { return commit_now(request); });
}

commit_result postgres_backend::commit_now(const commit_request& request) {
    const std::span<const checkpoint> turns = request.checkpoints;
    lock_request next = request.next;
    next.suspects = false;
    room given = full_room(hub_, next);
    const std::vector<scheduled> tasks = schedule(hub_, turns, given);

    announcing_call work(hub_);
    std::optional<commit_result> result;
    if (is_lone_turn(request, tasks)) {
        result = commit_lone_turn(hub_, work, turns.front(), given, tasks);
    }
    if (!result) {
        result = commit_all(hub_, work, request, given, tasks);
    }
    note_leases(hub_.held(), request, *result);
    return std::move(*result);
}

}  // namespace perdure::postgres
