#include "names.hpp"

#include "fields.hpp"
#include "soci_calls.hpp"
#include "store.hpp"

namespace perdure::postgres {

namespace {

constexpr statement find_lanes{"lanes", "select _Lanes($1, $2, $3, $4, $5, $6)", effect::mutating};
constexpr statement find_name{
    "lane_name",
    "select names[1], variants[1], kinds[1], levels[1] from _LaneNames(array[:lane::integer])",
    effect::none};
constexpr statement find_worker{"worker", "select _Worker(:id::text)", effect::mutating};

}  // namespace

void name_cache::learn(const missing_lanes& missing,
                       bool is_activity,
                       std::vector<std::int32_t>& into) {
    if (missing.keys.empty()) {
        return;
    }
    parameters values;
    values.add<sql::boolean>(is_activity)
        .add_list<sql::text>(missing.keys, &lane_key::name)
        .add_list<sql::text>(missing.keys, &lane_key::variant)
        .add_list<sql::integer>(missing.keys, &lane_key::priority)
        .add_list<sql::smallint>(missing.keys,
                                 [](const lane_key& key) { return static_cast<int>(key.kind); })
        .add_list<sql::smallint>(missing.keys,
                                 [](const lane_key& key) { return static_cast<int>(key.level); });
    const answer found = hub_.call(find_lanes, values);
    const array_reader numbers(found.only(0));
    if (numbers.size() != missing.keys.size()) {
        refuse_answer("not every lane has a number");
    }
    const std::lock_guard guard(mutex_);
    for (std::size_t n = 0; n < missing.keys.size(); ++n) {
        const auto lane = static_cast<std::int32_t>(numbers.number(n));
        into[missing.places[n]] = lane;
        lanes_.emplace(missing.keys[n], lane);
        keys_.emplace(lane, missing.keys[n]);
    }
}

std::vector<std::int32_t> name_cache::lanes(std::span<const lane_key> keys) {
    std::vector<std::int32_t> result(keys.size());
    missing_lanes missing_definitions;
    missing_lanes missing_activities;
    {
        const std::lock_guard guard(mutex_);
        for (std::size_t n = 0; n < keys.size(); ++n) {
            const lane_key& key = keys[n];
            if (const auto known = lanes_.find(key); known != lanes_.end()) {
                result[n] = known->second;
            } else {
                auto& missing = key.is_activity ? missing_activities : missing_definitions;
                missing.keys.push_back(key);
                missing.places.push_back(n);
            }
        }
    }
    learn(missing_definitions, false, result);
    learn(missing_activities, true, result);
    return result;
}

lane_key name_cache::definition(std::int32_t lane) {
    {
        const std::lock_guard guard(mutex_);
        const auto known = keys_.find(lane);
        if (known != keys_.end()) {
            return known->second;
        }
    }
    lane_key key;
    int kind = 0;
    int level = 0;
    ask(hub_,
        find_name,
        soci::use(lane),
        soci::into(key.name),
        soci::into(key.variant),
        soci::into(kind),
        soci::into(level));
    key.kind = static_cast<instance_kind>(kind);
    key.level = static_cast<feature_level>(level);
    const std::lock_guard guard(mutex_);
    lanes_.emplace(key, lane);
    keys_.emplace(lane, key);
    return key;
}

std::int32_t name_cache::worker(const worker_id& id) {
    {
        const std::lock_guard guard(mutex_);
        const auto known = workers_.find(id.text);
        if (known != workers_.end()) {
            return known->second;
        }
    }
    const auto worker = ask_value<std::int32_t>(hub_, find_worker, soci::use(id.text));
    const std::lock_guard guard(mutex_);
    return workers_.emplace(id.text, worker).first->second;
}

void name_cache::forget() {
    const std::lock_guard guard(mutex_);
    lanes_.clear();
    keys_.clear();
    workers_.clear();
}

}  // namespace perdure::postgres
