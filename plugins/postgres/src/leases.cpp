#include "backend.hpp"
#include "installer.hpp"
#include "work.hpp"

#include <algorithm>
#include <chrono>

// The worker side, apart from `commit`: lock, renew, and the ways to return a lease.

namespace perdure::postgres {

namespace {

constexpr statement lock_work{
    "lock",
    "select store_time, orchestrations, activities, contended, suspects, next_due, low_water"
    " from _Lock($1, $2)",
    effect::mutating,
    durability::soon};
constexpr statement renew_leases{"renew",
                                 "select outcomes, store_time, is_known from "
                                 "_RenewLocks($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                                 effect::mutating};
constexpr statement give_leases_back{"return_leases",
                                     "select outcomes, left_ready, next_due, store_time"
                                     " from _ReturnLeases($1, $2, $3, $4, $5, $6, $7)",
                                     effect::mutating};
constexpr statement take_leases_over{
    "take_over", "select store_time from _TakeOver($1)", effect::mutating};

// What a lock asks for, as one number for the notifier; never 0.
std::uint64_t question_of(const lock_request& request) {
    if (request.suspects) {
        return 0;
    }
    constexpr std::uint64_t kinds = 4;
    return std::max<std::uint64_t>(1,
                                   asker_of(request) * kinds +
                                       (request.orchestrations != 0 ? 1U : 0U) +
                                       (request.activities != 0 ? 2U : 0U));
}

void add_items(parameters& values, std::span<const held_item> items) {
    values
        .add_list<sql::bigint>(
            items, [](const held_item& item) { return key_of(item.held, item.instance); })
        .add_list<sql::bigint>(items, [](const held_item& item) { return item.task.value; })
        .add_list<sql::bigint>(items, [](const held_item& item) { return item.held.token.value; });
}

}  // namespace

work_batch postgres_backend::lock(const lock_request& request) {
    work_batch batch;
    const std::uint64_t question = question_of(request);
    if (question != 0 && !hub_.doubtful().has(request.request)) {
        if (const auto cached = hub_.shared_notifier().cached_empty_poll(question)) {
            batch.token = cached->token;
            batch.store_time = cached->store_time;
            return batch;
        }
    }
    const room given = full_room(hub_, request);
    parameters values;
    values.add<sql::uuid>(request.request.value);
    add_room(values, given);
    const store_poll begun = hub_.shared_notifier().begin_poll(question);
    const answer found = hub_.call(lock_work, values);
    batch.store_time = found.only(0).time();
    read_orchestrations(hub_.names(), found.only(1), batch.orchestrations);
    read_activities(found.only(2), batch.activities);
    batch.contended = found.only(3).flag();
    batch.suspects_waiting = found.only(4).flag();
    batch.token = begun.token;
    hub_.held().note_given(request.request, batch);
    note_low_water(hub_, given, found.only(6));
    const bool is_empty = batch.orchestrations.empty() && batch.activities.empty() &&
                          !batch.contended && !batch.suspects_waiting;
    if (question != 0) {
        // A poll that did not begin at the beginning may have missed something, so another follows.
        const timestamp next_poll =
            given.from.is_from_the_beginning() ? never : batch.store_time + std::chrono::seconds(1);
        const timestamp next_due = found.only(5).time_or_null().value_or(never);
        hub_.shared_notifier().end_poll(begun,
                                {.store_time = batch.store_time,
                                 .next_due = std::min(next_due, next_poll),
                                 .is_empty = is_empty});
    } else {
        hub_.shared_notifier().hear_time(begun, batch.store_time);
    }
    return batch;
}

std::vector<lease_outcome> postgres_backend::renew(const renewal& request) {
    const std::int32_t worker = hub_.names().worker(request.worker);
    parameters values;
    values.add<sql::text>(embedded_sql().version_text())
        .add<sql::integer>(worker)
        .add<sql::bigint>(request.lease_duration);
    const served has = resolve(hub_.names(), request.filter);
    if (request.filter != nullptr) {
        values.add_list<sql::integer>(*has.definitions)
            .add_list<sql::text>(request.filter->activities)
            .add_list<sql::text>(request.filter->queues);
    } else {
        values.add_null<sql::integer>().add_null<sql::text>().add_null<sql::text>();
    }
    with_rows(
        hub_, request.items, [&](std::span<const held_item> items) { add_items(values, items); });
    const store_poll begun = hub_.shared_notifier().begin_poll();
    const answer done = hub_.call(renew_leases, values);
    hub_.shared_notifier().hear_time(begun, done.only(1).time());
    if (!done.only(2).flag()) {
        // It stood still for so long that its row was removed, or the schema is another one.
        hub_.names().forget();
        return renew(request);
    }
    return read_outcomes<lease_outcome>(done.only(0));
}

std::vector<lease_outcome> postgres_backend::return_leases(const lease_return& request) {
    const std::span<const held_item> items = request.items;
    if (items.empty()) {
        return {};
    }
    parameters values;
    values.add<sql::uuid>(request.request.value);
    with_rows(hub_, items, [&](std::span<const held_item> known) { add_items(values, known); });
    const bool is_abandoned = request.kind == return_kind::abandon;
    values.add<sql::bigint>(is_abandoned ? std::optional(request.delay) : std::nullopt);
    if (request.kind == return_kind::park) {
        values.add_list<sql::text>(
            items, [&](const held_item&) -> const auto& { return request.reason; });
    } else {
        values.add_null<sql::text>();
    }
    const bool is_given_back = request.kind == return_kind::give_back;
    add_levels(values, items, [&](const held_item&) {
        return is_given_back ? request.needed : feature_level{1};
    });
    announcing_call work(hub_);
    const answer done = hub_.call(give_leases_back, values);
    work.finish(done.only(3), done.only(1), done.only(2));
    auto outcomes = read_outcomes<lease_outcome>(done.only(0));
    for (std::size_t n = 0; n < std::min(items.size(), outcomes.size()); ++n) {
        if (outcomes[n] == lease_outcome::done) {
            hub_.held().note_ended(items[n].held, request.request);
        }
    }
    return outcomes;
}

void postgres_backend::take_over(const request_id& /*request*/,
                                 std::span<const worker_id> workers) {
    if (workers.empty()) {
        return;
    }
    parameters values;
    values.add_list<sql::text>(workers, &worker_id::text);
    announcing_call work(hub_);
    const answer done = hub_.call(take_leases_over, values);
    work.news.ready = true;
    work.finish(done.only(0), field(), field());
}

wake_token postgres_backend::wait_for_work(wake_token token,
                                           std::chrono::steady_clock::time_point deadline) {
    hub_.require_opener();
    return hub_.shared_notifier().wait_for_work(token, deadline);
}

std::optional<instance_record> postgres_backend::wait(
    const instance_id& instance, std::chrono::steady_clock::time_point deadline) {
    hub_.require_opener();
    auto told = hub_.shared_notifier().wait_for_record(instance, deadline);
    return told ? std::move(told) : std::move(get({&instance, 1}).at(0));
}

void postgres_backend::interrupt_waits() noexcept {
    if (hub_.is_opener()) {
        hub_.shared_notifier().interrupt();
    }
}

}  // namespace perdure::postgres
