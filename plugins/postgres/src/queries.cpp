#include "backend.hpp"
#include "records.hpp"
#include "soci_calls.hpp"
#include "work.hpp"

// The hub itself, and everything that only reads.

namespace perdure::postgres {

namespace {

constexpr statement get_instances{"get", "select r from _GetInstances($1) r", effect::none};
constexpr statement query_instances{
    "query", "select r from _QueryManyOrchestrations($1, $2, $3) r", effect::none};
constexpr statement read_events{
    "read_history",
    "select execution_id, history_version, last_committed, history_length, firsts, counts, events"
    " from _ReadHistory($1, $2, $3)",
    effect::none};
constexpr statement read_status{
    "status",
    R"(select schema_version, (extract(epoch from store_time) * 1000000)::bigint,
              array_to_string(live_workers, E'\n'), ready_orchestrations, ready_activities, parked,
              array_to_string(unserved, E'\n'), leftover_activities,
              array_to_string(unserved_leftovers, E'\n')
         from _HubStatus())",
    effect::none};
constexpr statement read_identity{"identity", "select _HubIdentity()", effect::none};
constexpr statement delete_instances{
    "delete_hub", "select _DeleteHub(:instances_max::integer)", effect::mutating};
constexpr statement move_clock{
    "advance_clock", "select _AdvanceClock(:by::bigint)", effect::mutating};

}  // namespace

void postgres_backend::end_in_opener::operator()(store* opened) const noexcept {
    if (opened->is_opener()) {
        delete opened;
    }
}

postgres_backend::postgres_backend(settings chosen)
    : owned_(new store(std::move(chosen))), hub_(*owned_) {}

capabilities postgres_backend::abilities() const noexcept {
    return {.durable = true,
            .multi_process = true,
            .test_clock = true,
            .commit_lanes = 2,
            .speculative_turns = true};
}

void postgres_backend::create_hub() {
    hub_.create();
}

void postgres_backend::delete_hub() {
    const int instances_max = 500;
    while (ask_value<int>(hub_, delete_instances, soci::use(instances_max)) != 0) {
    }
    postgres::changes news;
    news.ready = true;
    news.any_may_have_ended = true;
    hub_.shared_notifier().announce(news);
}

// [HUB-3]
std::string postgres_backend::identity() {
    return ask_value<std::string>(hub_, read_identity);
}

hub_status postgres_backend::status() {
    hub_status result;
    lines workers;
    lines unserved;
    lines leftovers;
    ask(hub_,
        read_status,
        soci::into(result.schema_version),
        soci::into(result.store_time),
        soci::into(workers),
        soci::into(result.ready_orchestrations),
        soci::into(result.ready_activities),
        soci::into(result.parked),
        soci::into(unserved),
        soci::into(result.leftover_activities),
        soci::into(leftovers));
    for (std::string& id : workers.texts) {
        result.live_workers.push_back({std::move(id)});
    }
    result.unserved = std::move(unserved.texts);
    result.unserved_leftovers = std::move(leftovers.texts);
    return result;
}

bool postgres_backend::advance_clock(duration by) {
    if (!hub_.chosen().test_clock) {
        return false;
    }
    const long long microseconds = std::min(by, longest_duration).count();
    const bool moved = ask_value<bool>(hub_, move_clock, soci::use(microseconds));
    postgres::changes news;
    news.ready = true;
    hub_.shared_notifier().announce(news);
    return moved;
}

backend_statistics postgres_backend::statistics() const noexcept {
    return hub_.statistics();
}

std::vector<std::optional<instance_record>> postgres_backend::get(
    std::span<const instance_id> instances) {
    std::vector<std::optional<instance_record>> records;
    parameters values;
    values.add_list<sql::text>(instances, &instance_id::text);
    const answer found = hub_.call(get_instances, values);
    records.reserve(found.rows());
    for (std::size_t row = 0; row < found.rows(); ++row) {
        records.push_back(read_record(found.at(row, 0)));
    }
    return records;
}

// [READ-2]
instance_page postgres_backend::query(const instance_filter& filter,
                                      std::size_t limit,
                                      const std::string& after) {
    parameters values;
    add_filter(values, filter);
    values.add<sql::text>(after).add<sql::integer>(limit + 1);
    const answer found = hub_.call(query_instances, values);
    instance_page page;
    for (std::size_t row = 0; row < found.rows(); ++row) {
        if (page.instances.size() == limit) {
            page.next = page.instances.back().instance.text();
            break;
        }
        page.instances.push_back(read_record(found.at(row, 0)).value());
    }
    return page;
}

std::optional<history_page> postgres_backend::read_history(const instance_id& instance,
                                                           std::uint64_t from,
                                                           std::size_t bytes) {
    parameters values;
    values.add<sql::text>(instance.text()).add<sql::bigint>(from).add<sql::bigint>(bytes);
    const answer found = hub_.call(read_events, values);
    if (found.rows() == 0) {
        return std::nullopt;
    }
    history_page page{{found.only(0).id()},
                      static_cast<std::uint64_t>(found.only(1).number()),
                      read_token(found.only(2)),
                      static_cast<std::uint64_t>(found.only(3).number()),
                      {}};
    const array_reader firsts(found.only(4));
    const array_reader counts(found.only(5));
    const array_reader events(found.only(6));
    for (std::size_t n = 0; n < common_size(firsts, counts, events); ++n) {
        page.chunks.push_back({static_cast<std::uint64_t>(firsts.number(n)),
                               static_cast<std::uint32_t>(counts.number(n)),
                               events.string(n)});
    }
    return page;
}

}  // namespace perdure::postgres
