#include "backend.hpp"
#include "soci_calls.hpp"
#include "work.hpp"

#include <algorithm>

// The client side that changes something: create, send, terminate, purge, release.

namespace perdure::postgres {

namespace {

constexpr statement create_instances{
    "create_instances",
    "select outcomes, left_ready, next_due, store_time, statuses, handed"
    " from _CreateInstances($1, $2, $3)",
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
// An outcome is one digit.
constexpr statement purge_instances{
    "purge_instances",
    R"(select array_to_string(outcomes, ''), array_to_string(ended, E'\n'), detail,
              coalesce(left_ready, false),
              (extract(epoch from nullif(next_due, 'infinity')) * 1000000)::bigint,
              (extract(epoch from store_time) * 1000000)::bigint
         from _PurgeInstances(:request::uuid, string_to_array(:ids::text, E'\n'), :force::boolean,
                              :parent_event::text, :more::bigint))",
    effect::mutating};
constexpr statement purgeable_instances{"purgeable", "select _Purgeable($1, $2, $3)", effect::none};

constexpr std::size_t outcomes_column = 0;
constexpr std::size_t ready_column = 1;
constexpr std::size_t due_column = 2;
constexpr std::size_t time_column = 3;
constexpr std::size_t ended_column = 4;
// Of create_instances.
constexpr std::size_t statuses_column = 4;
constexpr std::size_t created_handed_column = 5;
// Of add_events.
constexpr std::size_t sent_handed_column = 4;

void finish(announcing_call& work, const answer& done) {
    work.finish(done.only(time_column), done.only(ready_column), done.only(due_column));
}

void add_ended(announcing_call& work, const field& list) {
    for (const field& id : array_reader(list)) {
        work.news.ended.emplace_back(id.string());
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

}  // namespace

create_result postgres_backend::create(const lock_request& next,
                                       std::span<const new_instance> instances) {
    if (instances.empty()) {
        return {};
    }
    return hub_.with_names([&] { return create_now(next, instances); });
}

create_result postgres_backend::create_now(const lock_request& next,
                                           std::span<const new_instance> instances) {
    std::vector<work_key> keys;
    for (const new_instance& fresh : instances) {
        keys.push_back(work_key_of(fresh));
    }
    const std::vector<std::int32_t> work_keys = hub_.names().work_keys(keys);
    std::vector<instance_source> sources;
    for (std::size_t n = 0; n < instances.size(); ++n) {
        sources.push_back({.fresh = &instances[n], .work_key = work_keys[n]});
    }
    parameters values;
    add_instances(values, sources);
    values.add<sql::uuid>(next.request.value);
    add_room_of_client(values, hub_, next);
    begun_starts begun(hub_.shared_notifier(), instances);
    announcing_call work(hub_);
    const answer done = call_leasing(create_instances, values, next);
    work.news.due_is_news = true;
    finish(work, done);
    const array_reader codes(done.only(outcomes_column));
    const array_reader statuses(done.only(statuses_column));
    create_result result;
    for (std::size_t n = 0; n < common_size(codes, statuses); ++n) {
        const auto code = static_cast<create_code>(codes.number(n));
        const auto found = static_cast<orchestration_status>(statuses.number(n));
        const bool is_created = code == create_code::created;
        if (is_created && !is_terminal(found)) {
            begun.note_running(n);
        }
        result.outcomes.push_back({code, is_created ? orchestration_status::pending : found});
    }
    result.work = read_handed(work, next, done.only(time_column), done.only(created_handed_column));
    return result;
}

answer postgres_backend::call_leasing(const statement& what,
                                      const parameters& values,
                                      const lock_request& next) {
    try {
        return hub_.call(what, values);
    } catch (const backend_error&) {
        if (next.orchestrations != 0) {
            hub_.doubtful().add(next.request);
        }
        throw;
    }
}

work_batch postgres_backend::read_handed(const announcing_call& work,
                                         const lock_request& next,
                                         const field& time,
                                         const field& handed) {
    work_batch batch;
    batch.token = work.begun().token;
    batch.store_time = time.time_or_null().value_or(timestamp());
    read_orchestrations(hub_.names(), handed, batch.orchestrations);
    hub_.held().note_given(next.request, batch);
    return batch;
}

send_result postgres_backend::send(const lock_request& next,
                                   std::span<const new_message> messages) {
    if (messages.empty()) {
        return {};
    }
    parameters values;
    values.add<sql::uuid>(next.request.value);
    add_messages(values, of_client(messages));
    add_room_of_client(values, hub_, next);
    announcing_call work(hub_);
    const answer done = call_leasing(send_messages, values, next);
    work.news.due_is_news = true;
    finish(work, done);
    return {read_outcomes<send_outcome>(done.only(outcomes_column)),
            read_handed(work, next, done.only(time_column), done.only(sent_handed_column))};
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
    lines chosen;
    for (const instance_id& id : request.instances) {
        chosen.texts.push_back(id.text());
    }
    const bool by_filter = chosen.texts.empty();
    bool has_more = false;
    if (by_filter) {
        chosen.texts = purgeable(request);
        has_more = chosen.texts.size() > request.limit;
        chosen.texts.resize(std::min(chosen.texts.size(), request.limit));
    }
    std::string outcomes;
    lines ended;
    long long detail = 0;
    bool left_ready = false;
    std::optional<timestamp> next_due;
    std::optional<timestamp> time;
    announcing_call work(hub_);
    // Also with nothing to purge: an earlier call with this request id may have done it.
    ask(hub_,
        purge_instances,
        soci::use(to_string(request.request.value)),
        soci::use(chosen),
        soci::use(request.force),
        soci::use(request.parent_event),
        soci::use(has_more),
        soci::into(outcomes),
        soci::into(ended),
        soci::into(detail),
        soci::into(left_ready),
        soci::into(next_due),
        soci::into(time));
    for (std::string& id : ended.texts) {
        work.news.ended.emplace_back(std::move(id));
    }
    work.finish(time, left_ready, next_due);
    purge_result result;
    result.more = detail != 0;
    for (const char digit : outcomes) {
        const auto outcome = static_cast<purge_outcome>(digit - '0');
        result.purged += outcome == purge_outcome::purged ? 1 : 0;
        if (!by_filter) {
            result.outcomes.push_back(outcome);
        }
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
