#include "backend.hpp"
#include "commit_batches.hpp"
#include "lone_turn.hpp"

#include <perdure/kit/invariant.hpp>

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

enum commit_column : std::size_t {
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

void read_work(store& hub,
               const answer& done,
               const std::vector<scheduled>& tasks,
               work_batch& batch) {
    read_orchestrations(hub.names(), done.only(commit_column::handed), batch.orchestrations);
    read_orchestrations(hub.names(), done.only(commit_column::taken), batch.orchestrations);
    if (!done.only(commit_column::repeated).flag()) {
        const array_reader firsts(done.only(commit_column::firsts));
        for (const scheduled& item : tasks) {
            const auto turn = static_cast<std::size_t>(item.added.turn) - 1;
            if (item.token && firsts.number(turn) != 0) {
                batch.activities.push_back(handed_activity(item));
            }
        }
    }
    read_activities(done.only(commit_column::activities), batch.activities);
}

// What this process can tell its waiters of, beyond what the store says.
void add_ended(announcing_call& work, const answer& done, const work_items& turns) {
    const array_reader firsts(done.only(commit_column::firsts));
    for (std::size_t n = 0; n < turns.size(); ++n) {
        const bool has_happened = n < firsts.size() && firsts.number(n) != 0;
        if (has_happened && !turns[n]->turn->next && is_terminal(turns[n]->turn->status)) {
            work.news.ended.push_back(turns[n]->instance);
        }
    }
}

// Those of the turns and those of the completions, in the order of the items.
std::vector<commit_outcome> read_outcomes_of(const answer& done,
                                             std::span<const finished_work> finished) {
    const auto turns = read_outcomes<commit_outcome>(done.only(commit_column::turn_outcomes));
    const auto completions = read_outcomes<commit_outcome>(done.only(commit_column::done_outcomes));
    refuse_unless(turns.size() + completions.size() == finished.size(),
                  "the store gives another number of outcomes than there are items");
    std::vector<commit_outcome> all;
    std::size_t turn = 0;
    std::size_t completion = 0;
    for (const finished_work& item : finished) {
        all.push_back(item.turn ? turns.at(turn++) : completions.at(completion++));
    }
    return all;
}

commit_result commit_all(store& hub,
                         announcing_call& work,
                         std::span<const finished_work> finished,
                         const commit_items& items,
                         const room& given,
                         const std::vector<scheduled>& tasks) {
    parameters values;
    values.add<sql::uuid>(given.request->request.value);
    add_commit(values, hub, items, tasks);
    add_room(values, given);
    const answer done = hub.call(commit_work, values);
    // First of all, because it has happened, whatever becomes of the answer.
    add_ended(work, done, items.turns);
    work.news.ready = done.only(commit_column::repeated).flag();
    work.news.any_may_have_ended = work.news.ready;
    work.finish(
        done.only(commit_column::store_time), done.only(commit_column::left_ready), done.only(commit_column::next_due));
    note_low_water(hub, given, done.only(commit_column::low_water));
    commit_result result;
    result.outcomes = read_outcomes_of(done, finished);
    result.dropped_messages = static_cast<std::size_t>(done.only(commit_column::dropped).number());
    read_work(hub, done, tasks, result.work);
    result.work.store_time = done.only(commit_column::store_time).time();
    result.work.suspects_waiting = done.only(commit_column::suspects).flag_or_false();
    result.work.token = work.begun().token;
    return result;
}

// The leases that have ended with this commit, and those that it has given.
void note_leases(held_leases& held, const commit_request& request, const commit_result& result) {
    for (std::size_t n = 0; n < result.outcomes.size(); ++n) {
        if (result.outcomes[n] != commit_outcome::lease_lost) {
            held.note_ended(request.finished[n].held, request.next.request);
        }
    }
    held.note_given(request.next.request, result.work);
}

}  // namespace

commit_result postgres_backend::commit(const commit_request& request) {
    return with_rows(hub_, request.finished, [&](std::span<const finished_work> finished) {
        const commit_request known{finished, request.next};
        return hub_.with_names([&] { return commit_now(known); });
    });
}

commit_result postgres_backend::commit_now(const commit_request& request) {
    const commit_items items(request.finished);
    lock_request next = request.next;
    next.suspects = false;
    room given = full_room(hub_, next);
    const std::vector<scheduled> tasks = schedule(hub_, items.turns, given);

    announcing_call work(hub_);
    std::optional<commit_result> result;
    if (is_lone_turn(items, tasks)) {
        result = commit_lone_turn(hub_, work, *items.turns.front(), given, tasks);
    }
    if (!result) {
        result = commit_all(hub_, work, request.finished, items, given, tasks);
    }
    note_leases(hub_.held(), request, *result);
    return std::move(*result);
}

}  // namespace perdure::postgres
