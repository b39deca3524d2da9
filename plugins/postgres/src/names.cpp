#include "names.hpp"

#include "fields.hpp"
#include "soci_calls.hpp"
#include "store.hpp"

namespace perdure::postgres {

namespace {

constexpr statement find_work_keys{
    "work_keys", "select _WorkKeys($1, $2, $3, $4, $5, $6)", effect::mutating};
constexpr statement find_name{
    "work_key_name",
    "select names[1], variants[1], kinds[1], levels[1] from _WorkKeyNames(array[:number::integer])",
    effect::none};
constexpr statement find_worker{"worker", "select _Worker(:id::text)", effect::mutating};

}  // namespace

void name_cache::learn(const missing_work_keys& missing,
                       bool is_activity,
                       std::vector<std::int32_t>& into) {
    if (missing.keys.empty()) {
        return;
    }
    parameters values;
    values.add<sql::boolean>(is_activity)
        .add_list<sql::text>(missing.keys, &work_key::name)
        .add_list<sql::text>(missing.keys, &work_key::variant)
        .add_list<sql::integer>(missing.keys, &work_key::priority)
        .add_list<sql::smallint>(missing.keys,
                                 [](const work_key& key) { return static_cast<int>(key.kind); })
        .add_list<sql::smallint>(missing.keys,
                                 [](const work_key& key) { return static_cast<int>(key.level); });
    const answer found = hub_.call(find_work_keys, values);
    const array_reader numbers(found.only(0));
    if (numbers.size() != missing.keys.size()) {
        refuse_answer("not every work key has a number");
    }
    const std::lock_guard guard(mutex_);
    for (std::size_t n = 0; n < missing.keys.size(); ++n) {
        const auto number = static_cast<std::int32_t>(numbers.number(n));
        into[missing.places[n]] = number;
        numbers_.emplace(missing.keys[n], number);
        keys_.emplace(number, missing.keys[n]);
    }
}

std::vector<std::int32_t> name_cache::work_keys(std::span<const work_key> keys) {
    std::vector<std::int32_t> result(keys.size());
    missing_work_keys missing_definitions;
    missing_work_keys missing_activities;
    {
        const std::lock_guard guard(mutex_);
        for (std::size_t n = 0; n < keys.size(); ++n) {
            const work_key& key = keys[n];
            if (const auto known = numbers_.find(key); known != numbers_.end()) {
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

work_key name_cache::definition(std::int32_t number) {
    {
        const std::lock_guard guard(mutex_);
        const auto known = keys_.find(number);
        if (known != keys_.end()) {
            return known->second;
        }
    }
    work_key key;
    int kind = 0;
    int level = 0;
    ask(hub_,
        find_name,
        soci::use(number),
        soci::into(key.name),
        soci::into(key.variant),
        soci::into(kind),
        soci::into(level));
    key.kind = static_cast<instance_kind>(kind);
    key.level = static_cast<feature_level>(level);
    const std::lock_guard guard(mutex_);
    numbers_.emplace(key, number);
    keys_.emplace(number, key);
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
    numbers_.clear();
    keys_.clear();
    workers_.clear();
}

}  // namespace perdure::postgres
