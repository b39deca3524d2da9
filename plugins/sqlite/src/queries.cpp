#include "backend.hpp"
#include "call.hpp"
#include "filter.hpp"
#include "records.hpp"
#include "schema.hpp"

#include <perdure/kit/filters.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>
#include <sys/stat.h>

// The hub itself, and everything that only reads.

namespace perdure::sqlite {

sqlite_backend::sqlite_backend(settings chosen) : hub_(std::move(chosen)), notifier_(hub_) {}

capabilities sqlite_backend::abilities() const noexcept {
    return {.durable = true,
            .multi_process = true,
            .test_clock = true,
            .commit_lanes = 1,
            .speculative_turns = true};
}

void sqlite_backend::create_hub() {
    hub_.create();
}

void sqlite_backend::delete_hub() {
    call work(hub_, notifier_, urgency::ordinary, call::in_closed_hub::allowed);
    work.empty_hub();
    static_cast<void>(work.finish());
}

bool sqlite_backend::advance_clock(duration by) {
    if (!hub_.chosen().test_clock) {
        return false;
    }
    call work(hub_, notifier_, urgency::ordinary, call::in_closed_hub::allowed);
    work.advance_clock(by);
    static_cast<void>(work.finish());
    return true;
}

backend_statistics sqlite_backend::statistics() const noexcept {
    return {hub_.counts().commits.load(), hub_.counts().statements.load()};
}

instance_record record(read_statements& sql, const rows& found) {
    instance_record item{.instance = instance_id(found.string(0)),
                         .execution = {found.id(1)},
                         .name = found.string(2),
                         .version = found.string(3),
                         .status = static_cast<orchestration_status>(found.number(4)),
                         .created_at = timestamp(duration(found.number(5))),
                         .updated_at = timestamp(duration(found.number(6))),
                         .completed_at = found.time(7),
                         .start_at = found.time(8),
                         .custom_status = {found.string(9), found.string(10)},
                         .output = {found.string(11), found.string(12)},
                         .failure = found.string(13),
                         .tags = {},
                         .parent = {},
                         .parked_reason = found.string(17),
                         .history_length = static_cast<std::uint64_t>(found.number(18)),
                         .inbox_length = static_cast<std::uint64_t>(found.number(19)),
                         .leased_by = found.string(20),
                         .kind = static_cast<instance_kind>(found.number(22)),
                         .level = static_cast<feature_level>(found.number(23))};
    if (!found.is_null(14)) {
        item.parent = parent_link{instance_id(found.string(14)),
                                  {found.id(15)},
                                  {static_cast<std::uint64_t>(found.number(16))}};
    }
    rows tags = sql.tags.query(found.number(21));
    while (tags.next()) {
        item.tags.emplace(tags.string(0), tags.string(1));
    }
    return item;
}

std::vector<std::optional<instance_record>> sqlite_backend::get(
    std::span<const instance_id> instances) {
    std::vector<std::optional<instance_record>> records;
    records.reserve(instances.size());
    borrowed_reader reads(hub_);
    const snapshot view(reads.sql());
    const timestamp now = reads.now();
    for (const instance_id& id : instances) {
        rows found = reads->record.query(now, id.text());
        records.push_back(found.next() ? std::optional(record(reads.sql(), found)) : std::nullopt);
    }
    return records;
}

// [READ-2]
instance_page sqlite_backend::query(const instance_filter& filter,
                                    std::size_t limit,
                                    const std::string& after) {
    instance_page page;
    borrowed_reader reads(hub_);
    const snapshot view(reads.sql());
    const timestamp now = reads.now();
    filter_query wanted(reads->db, filter, record_columns, now);
    rows found = wanted.and_after(after).query(limit + 1);
    while (found.next()) {
        if (page.instances.size() == limit) {
            page.next = page.instances.back().instance.text();
            break;
        }
        page.instances.push_back(record(reads.sql(), found));
    }
    return page;
}

std::optional<history_page> sqlite_backend::read_history(const instance_id& instance,
                                                         std::uint64_t from,
                                                         std::size_t bytes) {
    borrowed_reader reads(hub_);
    const snapshot view(reads.sql());
    rows head = reads->history_head.query(instance.text());
    if (!head.next()) {
        return std::nullopt;
    }
    history_page page{{head.id(1)},
                      static_cast<std::uint64_t>(head.number(2)),
                      {static_cast<std::uint64_t>(head.number(3))},
                      static_cast<std::uint64_t>(head.number(4)),
                      {}};
    std::size_t weight = 0;
    rows chunks = reads->history.query(head.number(0), from);
    while ((page.chunks.empty() || weight < bytes) && chunks.next()) {
        const auto first = static_cast<std::uint64_t>(chunks.number(0));
        const auto count = static_cast<std::uint32_t>(chunks.number(1));
        if (first + count > from) {
            page.chunks.push_back({first, count, chunks.string(2)});
            weight += page.chunks.back().text.size();
        }
    }
    return page;
}

namespace {

constexpr std::int64_t count_max = 10'000;

// What an operator wants to know of the work keys: how much is ready, and of what.
struct survey {
    std::int64_t count = 0;
    std::set<std::int64_t> numbers;

    void add(std::int64_t work_key, std::int64_t ready) {
        if (ready > 0) {
            count += ready;
            numbers.insert(work_key < 0 ? -work_key : work_key);
        }
    }
};

survey ready_instances(read_statements& sql, std::int64_t now) {
    survey result;
    std::int64_t work_key = std::numeric_limits<std::int64_t>::min();
    while (const auto next = sql.next_instance_work_key.number(work_key)) {
        work_key = *next;
        const std::int64_t room = std::max<std::int64_t>(1, count_max - result.count);
        const std::int64_t ready = sql.count_instances.number(work_key, now, room).value_or(0);
        if (work_key == 0) {
            result.count += ready;
            rows found = sql.expired_definitions.query(now);
            while (found.next()) {
                result.numbers.insert(found.number(0));
            }
        } else {
            result.add(work_key, ready);
        }
    }
    return result;
}

struct activity_survey {
    survey awaited;
    survey leftovers;
};

activity_survey ready_activities(read_statements& sql, std::int64_t now) {
    activity_survey result;
    auto& [awaited, leftovers] = result;
    std::int64_t work_key = std::numeric_limits<std::int64_t>::min();
    std::int64_t rank = work_key;
    while (true) {
        {
            rows next = sql.next_activity_work_key.query(work_key, rank);
            if (!next.next()) {
                return result;
            }
            work_key = next.number(0);
            rank = next.number(1);
        }
        const std::int64_t room = std::max<std::int64_t>(1, count_max - awaited.count);
        std::int64_t ready = 0;
        std::int64_t left = 0;
        {
            rows counted = sql.count_activities.query(work_key, rank, now, room);
            if (counted.next()) {
                ready = counted.number(0);
                left = counted.number(1);
            }
        }
        if (work_key == 0) {
            awaited.count += ready;
            leftovers.count += left;
            rows found = sql.expired_kinds.query(now);
            while (found.next()) {
                (found.number(1) != 0 ? leftovers : awaited).numbers.insert(found.number(0));
            }
        } else {
            awaited.add(work_key, ready);
            leftovers.add(work_key, left);
        }
    }
}

work_filter::definition served(const definition_key& key) {
    return {key.name, key.version, key.kind};
}

}  // namespace

// [HUB-3] Paths have aliases, and a copy has another place on the disk.
std::string sqlite_backend::identity() {
    struct stat found {};
    const std::string file = std::filesystem::absolute(hub_.chosen().file).string();
    return ::stat(file.c_str(), &found) == 0
               ? fmt::format("sqlite {} {}", found.st_dev, found.st_ino)
               : std::string();
}

hub_status sqlite_backend::status() {
    hub_status result;
    borrowed_reader reads(hub_);
    const snapshot view(reads.sql());
    result.schema_version = schema_version();
    result.store_time = reads.now_even_if_closed();
    const std::int64_t now = result.store_time.time_since_epoch().count();
    std::vector<work_filter> offers;
    {
        rows live = reads->live_workers.query(now);
        while (live.next()) {
            result.live_workers.push_back({live.string(0)});
            offers.push_back(parse_offers(live.text(1)));
        }
    }
    const survey instances = ready_instances(reads.sql(), now);
    const activity_survey activities = ready_activities(reads.sql(), now);
    result.ready_orchestrations = static_cast<std::size_t>(instances.count);
    result.ready_activities = static_cast<std::size_t>(activities.awaited.count);
    result.leftover_activities = static_cast<std::size_t>(activities.leftovers.count);
    result.parked = static_cast<std::size_t>(reads->count_parked.number().value_or(0));
    std::set<std::string> unserved;
    const auto nobody_serves = [&](const auto&... wanted) {
        return std::none_of(offers.begin(), offers.end(), [&](const work_filter& filter) {
            return serves(&filter, wanted...);
        });
    };
    for (const std::int64_t definition : instances.numbers) {
        const definition_key key = hub_.names().key_of(reads->names, definition);
        if (nobody_serves(served(key), key.level)) {
            unserved.insert(work_name(served(key), key.level));
        }
    }
    std::set<std::string> unserved_leftovers;
    const auto add_activities = [&](const survey& found, std::set<std::string>& names) {
        for (const std::int64_t kind : found.numbers) {
            const auto [name, queue] = hub_.names().kind_text(reads->names, kind);
            const new_activity wanted{.name = name, .queue = queue};
            if (nobody_serves(wanted)) {
                names.insert(work_name(wanted));
            }
        }
    };
    add_activities(activities.awaited, unserved);
    add_activities(activities.leftovers, unserved_leftovers);
    result.unserved.assign(unserved.begin(), unserved.end());
    result.unserved_leftovers.assign(unserved_leftovers.begin(), unserved_leftovers.end());
    return result;
}

}  // namespace perdure::sqlite
