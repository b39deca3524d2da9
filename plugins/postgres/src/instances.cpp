#include "backend.hpp"
#include "work.hpp"

#include <algorithm>

// The client side that changes something: create, send, terminate, purge, release.

namespace perdure::postgres {

namespace {

constexpr statement create_instances{
    "create_instances",
    "select outcomes, left_ready, next_due, store_time, statuses, handed"
    " from _CreateInstances($1, $2, $3, $4, $5)",
    effect::mutating};
constexpr statement send_messages{"add_events",
                                  "select outcomes, left_ready, next_due, store_time, handed from "
                                  "_AddOrchestrationEvents($1, $2, $3)",
                                  effect::mutating};
constexpr statement terminate_instances{"terminate_instances",
                                        "select outcomes, left_ready, next_due, store_time, ended"
                                        " from _TerminateInstances($1, $2)",
                                        effect::mutating};
constexpr statement release_instances{
    "release_instances",
    "select outcomes, left_ready, next_due, store_time from _UnparkInstances($1, $2)",
    effect::mutating};
constexpr statement purge_instances{
    "purge_instances",
    "select outcomes, left_ready, next_due, store_time, ended, detail"
    " from _PurgeInstances($1, $2, $3, $4, $5)",
    effect::mutating};
constexpr statement purgeable_instances{"purgeable", "select _Purgeable($1, $2, $3)", effect::none};

constexpr std::size_t outcomes_column = 0;
constexpr std::size_t ready_column = 1;
constexpr std::size_t due_column = 2;
constexpr std::size_t time_column = 3;
constexpr std::size_t ended_column = 4;
constexpr std::size_t detail_column = 5;
// Of create_instances.
constexpr std::size_t statuses_column = 4;
constexpr std::size_t handed_column = 5;
// Of add_events.
constexpr std::size_t sent_handed_column = 4;

void finish(announcing_call& work, const answer& done) {
    work.finish(done.only(time_column), done.only(ready_column), done.only(due_column));
}

void add_ended(announcing_call& work, const field& list) {
    for (const field& id : array_reader(list)) {
        work.news.ended.push_back(id.string());
    }
}

/// The instances of a call that creates: whoever waits for one later knows that it has not ended
/// before, unless the call fails or finds otherwise.
class begun_starts {
  public:
    begun_starts(notifier& shared_notifier, std::span<const new_instance> instances)
        : notifier_(shared_notifier), instances_(instances), runs_(instances.size()) {
        std::vector<instance_id> ids;
        ids.reserve(instances.size());
        for (const new_instance& fresh : instances) {
            ids.push_back(fresh.instance);
        }
        shared_notifier.begin_starts(ids);
    }
    begun_starts(const begun_starts&) = delete;
    begun_starts& operator=(const begun_starts&) = delete;
    ~begun_starts() {
        for (std::size_t n = 0; n < runs_.size(); ++n) {
            if (!runs_[n]) {
                notifier_.forget_start(instances_[n].instance);
            }
        }
    }

    void note_running(std::size_t n) { runs_.at(n) = true; }

  private:
    notifier& notifier_;
    std::span<const new_instance> instances_;
    std::vector<bool> runs_;
};

bool serves(const served& has, std::int32_t lane) {
    return !has.definitions || std::find(has.definitions->begin(), has.definitions->end(), lane) !=
                                   has.definitions->end();
}

// For whom a single instance is leased, if there is room.
void add_assignee(parameters& values, name_cache& names, const lock_request& next) {
    if (next.orchestrations == 0) {
        values.add_null<sql::uuid>()
            .add_null<sql::integer>()
            .add_null<sql::bigint>()
            .add_null<sql::bigint>();
    } else {
        values.add<sql::uuid>(next.request.value)
            .add<sql::integer>(names.worker(next.worker))
            .add<sql::bigint>(derive_token(next.request, 0).value)
            .add<sql::bigint>(next.lease_duration);
    }
}

}  // namespace

std::vector<create_outcome> postgres_backend::create(const request_id& request,
                                                     std::span<const new_instance> instances) {
    return create_and_hand_out({.request = request}, instances).first;
}

std::pair<std::vector<create_outcome>, work_batch> postgres_backend::create_and_hand_out(
    const lock_request& next, std::span<const new_instance> instances) {
    if (instances.empty()) {
        return {};
    }
    return hub_.with_names([&] { return create_now(next, instances); });
}

std::pair<std::vector<create_outcome>, work_batch> postgres_backend::create_now(
    const lock_request& next, std::span<const new_instance> instances) {
    std::vector<lane_key> keys;
    for (const new_instance& fresh : instances) {
        keys.push_back(lane_of(fresh));
    }
    const std::vector<std::int32_t> lanes = hub_.names().lanes(keys);
    std::vector<instance_source> sources;
    for (std::size_t n = 0; n < instances.size(); ++n) {
        sources.push_back({.fresh = &instances[n], .lane = lanes[n]});
    }
    const bool is_handed_out = instances.size() == 1 && !instances.front().start_at &&
                               serves(resolve(hub_.names(), next.filter), lanes.front());
    parameters values;
    add_instances(values, sources);
    add_assignee(values, hub_.names(), is_handed_out ? next : lock_request());
    begun_starts begun(hub_.shared_notifier(), instances);
    announcing_call work(hub_);
    const answer done = hub_.call(create_instances, values);
    work.news.due_is_news = true;
    finish(work, done);
    const array_reader codes(done.only(outcomes_column));
    const array_reader statuses(done.only(statuses_column));
    std::vector<create_outcome> outcomes;
    for (std::size_t n = 0; n < common_size(codes, statuses); ++n) {
        const auto code = static_cast<create_code>(codes.number(n));
        const auto found = static_cast<orchestration_status>(statuses.number(n));
        const bool is_created = code == create_code::created;
        if (is_created && !is_terminal(found)) {
            begun.note_running(n);
        }
        outcomes.push_back({code, is_created ? orchestration_status::pending : found});
    }
    return {std::move(outcomes), read_handed(work, next, done, handed_column)};
}

work_batch postgres_backend::read_handed(const announcing_call& work,
                                         const lock_request& next,
                                         const answer& done,
                                         std::size_t column) {
    work_batch batch;
    batch.store_time = done.only(time_column).time();
    batch.token = work.begun().token;
    read_orchestrations(hub_.names(), done.only(column), batch.orchestrations);
    hub_.held().note_given(next.request, batch);
    return batch;
}

std::vector<send_outcome> postgres_backend::send(const request_id& request,
                                                 std::span<const new_message> messages) {
    return send_and_hand_out({.request = request}, messages).first;
}

std::pair<std::vector<send_outcome>, work_batch> postgres_backend::send_and_hand_out(
    const lock_request& next, std::span<const new_message> messages) {
    if (messages.empty()) {
        return {};
    }
    parameters values;
    values.add<sql::uuid>(next.request.value);
    add_messages(values, of_client(messages));
    add_room(values, room_of_client(hub_, next));
    announcing_call work(hub_);
    const answer done = hub_.call(send_messages, values);
    work.news.due_is_news = true;
    finish(work, done);
    return {read_outcomes<send_outcome>(done.only(outcomes_column)),
            read_handed(work, next, done, sent_handed_column)};
}

std::vector<terminate_outcome> postgres_backend::terminate(
    const request_id& request, std::span<const termination> terminations) {
    if (terminations.empty()) {
        return {};
    }
    parameters values;
    values.add<sql::uuid>(request.value);
    add_terminations(values, terminations);
    announcing_call work(hub_);
    const answer done = hub_.call(terminate_instances, values);
    add_ended(work, done.only(ended_column));
    finish(work, done);
    return read_outcomes<terminate_outcome>(done.only(outcomes_column));
}

std::vector<unpark_outcome> postgres_backend::unpark(const request_id& request,
                                                     std::span<const instance_id> instances) {
    if (instances.empty()) {
        return {};
    }
    parameters values;
    values.add<sql::uuid>(request.value).add_list<sql::text>(instances, &instance_id::text);
    announcing_call work(hub_);
    const answer done = hub_.call(release_instances, values);
    finish(work, done);
    return read_outcomes<unpark_outcome>(done.only(outcomes_column));
}

purge_result postgres_backend::purge(const purge_request& request) {
    std::vector<std::string> chosen;
    for (const instance_id& id : request.instances) {
        chosen.push_back(id.text());
    }
    const bool by_filter = chosen.empty();
    bool more = false;
    if (by_filter) {
        chosen = purgeable(request);
        more = chosen.size() > request.limit;
        chosen.resize(std::min(chosen.size(), request.limit));
    }
    // Also with nothing to purge: an earlier call with this request id may have done it.
    parameters values;
    values.add<sql::uuid>(request.request.value)
        .add_list<sql::text>(chosen)
        .add<sql::boolean>(request.force)
        .add<sql::text>(request.parent_event)
        .add<sql::bigint>(more ? 1 : 0);
    announcing_call work(hub_);
    const answer done = hub_.call(purge_instances, values);
    add_ended(work, done.only(ended_column));
    finish(work, done);
    purge_result result;
    result.outcomes = read_outcomes<purge_outcome>(done.only(outcomes_column));
    result.purged = static_cast<std::size_t>(
        std::count(result.outcomes.begin(), result.outcomes.end(), purge_outcome::purged));
    result.more = done.only(detail_column).number() != 0;
    if (by_filter) {
        result.outcomes.clear();
    }
    return result;
}

std::vector<std::string> postgres_backend::purgeable(const purge_request& request) {
    parameters values;
    add_filter(values, request.filter);
    values.add<sql::boolean>(request.force).add<sql::integer>(request.limit + 1);
    const answer found = hub_.call(purgeable_instances, values);
    std::vector<std::string> ids;
    for (const field& id : array_reader(found.only(0))) {
        ids.push_back(id.string());
    }
    return ids;
}

}  // namespace perdure::postgres
