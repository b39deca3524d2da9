#include "backend.hpp"
#include "work.hpp"

#include <perdure/kit/invariant.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

// What only the store can see of its hub, and how it is put right: 67_checking.sql knows.

namespace perdure::postgres {

namespace {

constexpr statement check_some{
    "check",
    "select broken, instance_id, execution_id, number, place, found, next from _CheckHub($1, $2)",
    effect::none};
constexpr statement repair_some{"repair",
                                "select store_time, repaired from _RepairHub($1, $2, $3, $4, $5)",
                                effect::mutating};

constexpr std::size_t page_instances_max = 100'000;

struct kind {
    invariant broken;
    const char* repair;
};

// Those that _CheckHub looks for.
kind kind_of(std::string_view name) {
    for (const kind& each : {kind{invariant::no_orphans, "delete the rows"},
                             kind{invariant::work_is_found, "put it where its state says"},
                             kind{invariant::lease_can_end, "let the lease end"}}) {
        if (to_string(each.broken) == name) {
            return each;
        }
    }
    throw backend_error(store_fault::corrupt, "the hub was checked for something unknown");
}

}  // namespace

check_page postgres_backend::check(const std::string& after, std::size_t limit) {
    std::int64_t from = 0;
    const char* const end = after.data() + after.size();
    refuse_unless(after.empty() || std::from_chars(after.data(), end, from).ptr == end,
                  "this is not what another page of a check said");
    parameters values;
    if (after.empty()) {
        values.add_null<sql::bigint>();
    } else {
        values.add<sql::bigint>(from);
    }
    values.add<sql::integer>(std::clamp(limit, std::size_t{1}, page_instances_max));
    const answer found = hub_.call(check_some, values);
    check_page page;
    for (std::size_t row = 0; row < found.rows(); ++row) {
        if (const auto next = found.at(row, 6).number_or_null()) {
            page.next = std::to_string(*next);
        }
        if (found.at(row, 0).is_null()) {
            continue;
        }
        const kind what = kind_of(found.at(row, 0).text());
        const auto instance = found.at(row, 1).text_or_null();
        page.violations.push_back(
            {.broken = what.broken,
             .instance = instance ? std::optional(instance_id(std::string(*instance))) : std::nullopt,
             .execution = {found.at(row, 2).id_or_null().value_or(uuid())},
             .number = static_cast<std::uint64_t>(found.at(row, 3).number()),
             .place = found.at(row, 4).string(),
             .found = found.at(row, 5).string(),
             .repair = what.repair});
    }
    return page;
}

std::size_t postgres_backend::repair(std::span<const violation> found) {
    parameters values;
    values
        .add_list<sql::text>(found, [](const violation& each) { return to_string(each.broken); })
        .add_list<sql::text>(found,
                             [](const violation& each) {
                                 return each.instance ? std::optional(std::string_view(
                                                            each.instance->text()))
                                                      : std::nullopt;
                             })
        .add_list<sql::uuid>(found, [](const violation& each) { return each.execution.value; })
        .add_list<sql::bigint>(found, [](const violation& each) { return each.number; })
        .add_list<sql::text>(found, [](const violation& each) { return std::string_view(each.place); });
    announcing_call work(hub_);
    const answer done = hub_.call(repair_some, values);
    work.news.any_may_have_ended = true;
    work.finish(done.only(0).time(), true, {});
    return static_cast<std::size_t>(done.only(1).number());
}

}  // namespace perdure::postgres
