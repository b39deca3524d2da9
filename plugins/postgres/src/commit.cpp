#include "backend.hpp"
#include "commit_batches.hpp"

#include <algorithm>

// The one hot call, and what its answer says.

namespace perdure::postgres {

namespace {

constexpr statement commit_work{
    "commit",
    "select store_time, turn_outcomes, firsts, done_outcomes, dropped, ended, handed, taken,"
    " activities, repeated, suspects, next_due, left_ready, low_water"
    " from {schema}_Commit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,"
    " $17)",
    effect::mutating};

constexpr statement commit_lone_turn{"commit_lone_turn",
                                     "select store_time, taken, activities, suspects, low_water"
                                     " from {schema}_CommitLoneTurn($1, $2, $3, $4, $5, $6, $7, "
                                     "$8, $9, $10, $11, $12, $13, $14, $15,"
                                     " $16, $17, $18, $19)",
                                     effect::mutating};

/// Of commit_work.
enum column : std::size_t {
    store_time,
    turn_outcomes,
    firsts,
    done_outcomes,
    dropped,
    ended,
    handed,
    taken,
    activities,
    repeated,
    suspects,
    next_due,
    left_ready,
    low_water
};

/// Of commit_lone_turn.
struct lone_column {
    static constexpr std::size_t store_time = 0;
    static constexpr std::size_t taken = 1;
    static constexpr std::size_t activities = 2;
    static constexpr std::size_t suspects = 3;
    static constexpr std::size_t low_water = 4;
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

/// What the caller has of an activity that it takes without the store telling it again.
activity_work handed_activity(const scheduled& item) {
    const checkpoint& owner = *item.added.owner;
    const new_activity& added = *item.added.element;
    return {.instance = owner.instance,
            .execution = owner.execution,
            .task = added.task,
            .held = {{*item.token}, owner.held.row},
            .name = added.name,
            .version = added.version,
            .queue = added.queue,
            .input = added.input,
            .details = added.details};
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
    for (const field& id : array_reader(done.only(column::ended))) {
        work.news.ended.push_back(id.string());
    }
}

bool flag_or_false(const field& value) {
    return !value.is_null() && value.flag();
}

/// Whether the request is one turn and nothing else, with no more than _CommitLoneTurn knows of.
bool is_lone_turn(const commit_request& request, const std::vector<scheduled>& tasks) {
    if (request.checkpoints.size() != 1 || !request.completions.empty()) {
        return false;
    }
    const checkpoint& turn = request.checkpoints.front();
    const bool is_plain = turn.consumed.empty() && turn.events.size() == 1 && !turn.next &&
                          turn.status != orchestration_status::terminated && turn.failure.empty() &&
                          !turn.custom_status;
    const bool is_alone = turn.cancelled_activities.empty() && turn.timers.empty() &&
                          turn.cancelled_timers.empty() && turn.messages.empty() &&
                          turn.children.empty() && turn.terminations.empty();
    return is_plain && is_alone && tasks.size() < 2 && (tasks.empty() || tasks.front().token);
}

/// Commits it by itself; nothing when the store wants to see it as a batch.
std::optional<commit_result> commit_alone(store& hub,
                                          announcing_call& work,
                                          const checkpoint& turn,
                                          const room& given,
                                          const std::vector<scheduled>& tasks) {
    parameters values;
    values.add<sql::uuid>(given.request->request.value);
    add_room(values, given);
    const bool has_ended = is_terminal(turn.status);
    const new_events& events = turn.events.front();
    values.add<sql::bigint>(key_of(turn.held, turn.instance))
        .add<sql::bigint>(turn.held.token.value)
        .add<sql::uuid>(turn.execution.value)
        .add<sql::smallint>(static_cast<int>(turn.status))
        .add<sql::bigint>(turn.after ? std::optional(turn.after->task.value) : std::nullopt)
        .add<sql::bigint>(turn.after ? std::optional(turn.after->history_version) : std::nullopt)
        .add<sql::integer>(events.count)
        .add<sql::text>(std::string_view(events.text))
        .add<sql::text>(has_ended ? codec_of(turn.output) : std::nullopt)
        .add<sql::bytea>(has_ended ? bytes_of(turn.output) : std::nullopt);
    if (tasks.empty()) {
        values.add_null<sql::bigint>()
            .add_null<sql::integer>()
            .add_null<sql::bigint>()
            .add_null<sql::text>()
            .add_null<sql::text>()
            .add_null<sql::bytea>()
            .add_null<sql::text>();
    } else {
        const new_activity& next = *tasks.front().added.element;
        values.add<sql::bigint>(next.task.value)
            .add<sql::integer>(tasks.front().lane)
            .add<sql::bigint>(*tasks.front().token)
            .add<sql::text>(std::string_view(next.version))
            .add<sql::text>(codec_of(next.input))
            .add<sql::bytea>(bytes_of(next.input))
            .add<sql::text>(std::string_view(next.details));
    }
    const answer done = hub.call(commit_lone_turn, values);
    const field time = done.only(lone_column::store_time);
    if (time.is_null()) {
        return std::nullopt;
    }
    if (has_ended) {
        work.news.ended.push_back(turn.instance.text());
    }
    work.finish(time, {}, {});
    note_low_water(hub, given, done.only(lone_column::low_water));
    commit_result result;
    result.checkpoints = {commit_outcome::committed};
    read_orchestrations(hub.names(), done.only(lone_column::taken), result.work.orchestrations);
    if (!tasks.empty()) {
        result.work.activities.push_back(handed_activity(tasks.front()));
    }
    read_activities(done.only(lone_column::activities), result.work.activities);
    result.work.store_time = time.time();
    result.work.suspects_waiting = flag_or_false(done.only(lone_column::suspects));
    result.work.token = work.begun().token;
    return result;
}

}  // namespace

commit_result postgres_backend::commit(const commit_request& request) {
    const std::span<const checkpoint> turns = request.checkpoints;
    for (const checkpoint& turn : turns) {
        check(turn);
    }
    lock_request next = request.next;
    next.suspects = false;
    room given = full_room(hub_, next);
    const std::vector<scheduled> tasks = schedule(hub_, turns, given);

    announcing_call work(hub_);
    if (is_lone_turn(request, tasks)) {
        if (auto result = commit_alone(hub_, work, turns.front(), given, tasks)) {
            return std::move(*result);
        }
    }
    parameters values;
    values.add<sql::uuid>(next.request.value);
    add_commit(values, hub_, request, tasks);
    add_room(values, given);
    const answer done = hub_.call(commit_work, values);
    // First of all, because it has happened, whatever becomes of the answer.
    add_ended(work, done, turns);
    work.news.ready = done.only(column::repeated).flag();
    work.news.any_may_have_ended = work.news.ready;
    work.finish(
        done.only(column::store_time), done.only(column::left_ready), done.only(column::next_due));
    note_low_water(hub_, given, done.only(column::low_water));
    commit_result result;
    result.checkpoints = read_outcomes<commit_outcome>(done.only(column::turn_outcomes));
    result.completions = read_outcomes<commit_outcome>(done.only(column::done_outcomes));
    result.dropped_messages = static_cast<std::size_t>(done.only(column::dropped).number());
    read_work(hub_, done, tasks, result.work);
    result.work.store_time = done.only(column::store_time).time();
    result.work.suspects_waiting = flag_or_false(done.only(column::suspects));
    result.work.token = work.begun().token;
    return result;
}

}  // namespace perdure::postgres
