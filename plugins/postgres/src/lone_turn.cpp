#include "lone_turn.hpp"

#include "records.hpp"

#include <string_view>

namespace perdure::postgres {

namespace {

constexpr statement lone_turn{"commit_lone_turn",
                              "select store_time, taken, activities, suspects, low_water, ended"
                              " from _CommitLoneTurn($1, $2, $3, $4, $5)",
                              effect::mutating};

enum lone_column : std::size_t { store_time, taken, activities, suspects, low_water, ended };

void add_turn(parameters& values, const finished_work& item) {
    const checkpoint& turn = *item.turn;
    const bool is_speculative = item.activity.has_value();
    const bool has_ended = is_terminal(turn.status);
    const new_events& events = turn.events.front();
    values.begin_record();
    values.add<sql::bigint>(key_of(item.held, item.instance))
        .add<sql::bigint>(item.held.token.value)
        .add<sql::uuid>(item.execution.value)
        .add<sql::smallint>(static_cast<int>(turn.status))
        .add<sql::bigint>(is_speculative ? std::optional(item.activity->task.value) : std::nullopt)
        .add<sql::bigint>(turn.history_version)
        .add<sql::bigint>(is_speculative ? std::optional(turn.last_committed.value) : std::nullopt)
        .add<sql::integer>(events.count)
        .add<sql::text>(std::string_view(events.text))
        .add<sql::text>(has_ended ? codec_of(turn.output) : std::nullopt)
        .add<sql::bytea>(has_ended ? bytes_of(turn.output) : std::nullopt);
    values.end_record();
}

void add_task(parameters& values, const std::vector<scheduled>& tasks) {
    if (tasks.empty()) {
        values.add_null_record();
        return;
    }
    const new_activity& next = *tasks.front().added.element;
    values.begin_record();
    values.add<sql::bigint>(next.task.value)
        .add<sql::integer>(tasks.front().work_key)
        .add<sql::bigint>(*tasks.front().token)
        .add<sql::text>(std::string_view(next.version))
        .add<sql::text>(codec_of(next.input))
        .add<sql::bytea>(bytes_of(next.input))
        .add<sql::text>(std::string_view(next.details));
    values.end_record();
}

}  // namespace

bool is_lone_turn(const commit_items& items, const std::vector<scheduled>& tasks) {
    if (items.turns.size() != 1 || !items.completions.empty()) {
        return false;
    }
    // Every member, so that a further one is decided upon: add_turn and add_task pass it, or it
    // must be empty here.
    const auto& [version,
                 committed,
                 consumed,
                 events,
                 status,
                 output,
                 failure,
                 custom_status,
                 activities,
                 cancelled_activities,
                 timers,
                 cancelled_timers,
                 messages,
                 children,
                 next,
                 level] = *items.turns.front()->turn;
    const bool is_plain = consumed.empty() && events.size() == 1 && !next &&
                          status != orchestration_status::terminated && failure.empty() &&
                          !custom_status && level == 1;
    const bool is_alone = cancelled_activities.empty() && timers.empty() &&
                          cancelled_timers.empty() && messages.empty() && children.empty();
    return is_plain && is_alone && tasks.size() < 2 && (tasks.empty() || tasks.front().token);
}

std::optional<commit_result> commit_lone_turn(store& hub,
                                              announcing_call& work,
                                              const finished_work& item,
                                              const room& given,
                                              const std::vector<scheduled>& tasks) {
    parameters values;
    values.add<sql::uuid>(given.request->request.value);
    add_room(values, given);
    add_turn(values, item);
    add_task(values, tasks);
    const bool is_end = is_terminal(item.turn->status);
    values.add<sql::boolean>(is_end && hub.shared_notifier().is_record_wanted(item.instance));
    const answer done = hub.call(lone_turn, values);
    const field time = done.only(lone_column::store_time);
    if (time.is_null()) {
        return std::nullopt;
    }
    // First of all, because it has happened, whatever becomes of the answer.
    if (is_end) {
        work.news.ended.push_back(item.instance);
        work.news.ended_record = read_record(done.only(lone_column::ended));
        work.news.poll_number = work.begun().number;
    }
    work.finish(time, {}, {});
    note_low_water(hub, given, done.only(lone_column::low_water));
    commit_result result;
    result.outcomes = {commit_outcome::committed};
    read_orchestrations(hub.names(), done.only(lone_column::taken), result.work.orchestrations);
    if (!tasks.empty()) {
        result.work.activities.push_back(handed_activity(tasks.front()));
    }
    read_activities(done.only(lone_column::activities), result.work.activities);
    result.work.store_time = time.time();
    result.work.suspects_waiting = done.only(lone_column::suspects).flag_or_false();
    result.work.token = work.begun().token;
    return result;
}

}  // namespace perdure::postgres
