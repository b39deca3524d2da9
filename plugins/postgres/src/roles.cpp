#include "backend.hpp"
#include "work.hpp"

#include <perdure/hub_role.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

// The hub's part in a live move: its role, and the feed of what has changed.

namespace perdure::postgres {

namespace {

constexpr statement read_role{
    "role", "select role, move, sealed_for, other, reason, era, since from _Role()", effect::none};
constexpr statement give_role{"change_role",
                              "select is_changed, store_time"
                              " from _ChangeRole($1, $2, $3, $4, $5, $6)",
                              effect::mutating};
constexpr statement read_changes{"changes", "select numbers, ids from _Changes($1)", effect::none};
constexpr statement count_some{"count_changes", "select _CountChanges($1)", effect::none};
constexpr statement forget_some{"forget_changes", "select _ForgetChanges($1)", effect::mutating};

std::int64_t as_bigint(std::uint64_t number) {
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    return static_cast<std::int64_t>(std::min(number, most));
}

std::int32_t limit_of(std::size_t limit) {
    constexpr std::size_t most = std::numeric_limits<std::int32_t>::max();
    return static_cast<std::int32_t>(std::min(limit, most));
}

}  // namespace

hub_role postgres_backend::role() {
    const answer found = hub_.call(read_role, {});
    return {.role = static_cast<move_role>(found.only(0).number()),
            .move = found.only(1).id_or_null().value_or(uuid()),
            .sealed_for = static_cast<std::uint64_t>(found.only(2).number()),
            .other = found.only(3).string(),
            .reason = found.only(4).string(),
            .era = static_cast<std::uint64_t>(found.only(5).number()),
            .since = found.only(6).time()};
}

// [ROLE-3] The server tells every process that waits, this one as well.
bool postgres_backend::change_role(std::uint64_t era, const hub_role& next) {
    if (next.other.size() > other_bytes_max) {
        throw backend_error(store_fault::rejected,
                            "how the other hub is opened must have at most 1,024 bytes");
    }
    parameters values;
    values.add<sql::bigint>(as_bigint(era))
        .add<sql::smallint>(static_cast<std::int16_t>(next.role))
        .add<sql::uuid>(next.move.is_nil() ? std::nullopt : std::optional(next.move))
        .add<sql::bigint>(as_bigint(next.sealed_for))
        .add<sql::text>(next.other)
        .add<sql::text>(next.reason);
    announcing_call work(hub_);
    const answer done = hub_.call(give_role, values);
    const bool is_changed = done.only(0).flag();
    work.news.any_may_have_ended = is_changed;
    work.finish(done.only(1).time(), is_changed, {});
    if (is_changed) {
        era_ = era + 1;
    }
    return is_changed;
}

std::vector<instance_change> postgres_backend::changes(std::size_t limit) {
    parameters values;
    values.add<sql::integer>(limit_of(limit));
    const answer found = hub_.call(read_changes, values);
    const array_reader numbers(found.only(0));
    const array_reader ids(found.only(1));
    std::vector<instance_change> noted;
    noted.reserve(common_size(numbers, ids));
    for (std::size_t n = 0; n < numbers.size(); ++n) {
        noted.push_back(
            {static_cast<std::uint64_t>(numbers.number(n)), instance_id(ids.string(n))});
    }
    return noted;
}

std::size_t postgres_backend::count_changes(std::size_t limit) {
    parameters values;
    values.add<sql::integer>(limit_of(limit));
    return static_cast<std::size_t>(hub_.call(count_some, values).only(0).number());
}

void postgres_backend::forget_changes(std::span<const instance_change> changes) {
    if (changes.empty()) {
        return;
    }
    parameters values;
    values.add_list<sql::bigint>(
        changes, [](const instance_change& change) { return as_bigint(change.number); });
    static_cast<void>(hub_.call(forget_some, values));
}

}  // namespace perdure::postgres
