#include "names.hpp"

#include <algorithm>
#include <charconv>

namespace perdure::sqlite {

bool served_work_keys::serves_definition(std::int64_t definition) const {
    return everything || std::binary_search(definitions.begin(), definitions.end(), definition);
}

bool served_work_keys::serves_kind(std::int64_t kind) const {
    return everything || std::binary_search(kinds.begin(), kinds.end(), kind);
}

namespace {

rows query(statement& by, const name_pair& key) {
    return by.query(key.first, key.second);
}

rows query(statement& by, const definition_key& key) {
    return by.query(key.name,
                    key.version,
                    static_cast<std::int64_t>(key.kind),
                    static_cast<std::int64_t>(key.level));
}

void read(const rows& found, name_pair& key) {
    key = {found.string(0), found.string(1)};
}

void read(const rows& found, definition_key& key) {
    key = {found.string(0),
           found.string(1),
           static_cast<instance_kind>(found.number(2)),
           static_cast<feature_level>(found.number(3))};
}

}  // namespace

template <class Key>
std::int64_t name_cache::table<Key>::number(statement& find,
                                            statement& add,
                                            const Key& key,
                                            if_missing behaviour) {
    const auto known = numbers_.find(key);
    if (known != numbers_.end()) {
        return known->second;
    }
    std::int64_t number = 0;
    {
        rows found = query(find, key);
        number = found.next() ? found.number(0) : 0;
    }
    if (number == 0 && behaviour == if_missing::add) {
        rows added = query(add, key);
        added.next();
        number = added.number(0);
        // The row is inserted for good only once the statement has come to its end.
        added.next();
    }
    if (number != 0) {
        remember(key, number);
    }
    return number;
}

template <class Key>
const Key& name_cache::table<Key>::key(statement& find, std::int64_t number) {
    const auto known = keys_.find(number);
    if (known != keys_.end()) {
        return known->second;
    }
    rows found = find.query(number);
    if (!found.next()) {
        throw backend_error(
            store_fault::corrupt,
            "a row names number " + std::to_string(number) + ", which stands for no name");
    }
    Key key;
    read(found, key);
    remember(key, number);
    return keys_.at(number);
}

template <class Key>
void name_cache::table<Key>::remember(const Key& key, std::int64_t number) {
    numbers_[key] = number;
    keys_[number] = key;
}

template <class Key>
void name_cache::table<Key>::forget() {
    numbers_.clear();
    keys_.clear();
}

std::int64_t name_cache::definition(name_statements& sql, const definition_key& key) {
    const std::lock_guard guard(mutex_);
    return definitions_.number(sql.find_definition, sql.add_definition, key, if_missing::add);
}

std::int64_t name_cache::kind(name_statements& sql,
                              const std::string& name,
                              const std::string& queue) {
    const std::lock_guard guard(mutex_);
    return kinds_.number(sql.find_kind, sql.add_kind, {name, queue}, if_missing::add);
}

std::int64_t name_cache::worker(name_statements& sql, const worker_id& id) {
    const std::lock_guard guard(mutex_);
    const auto known = workers_.find(id.text);
    if (known != workers_.end()) {
        return known->second;
    }
    auto number = sql.find_worker.number(id.text);
    if (!number) {
        rows added = sql.add_worker.query(id.text);
        added.next();
        number = added.number(0);
        added.next();
    }
    workers_[id.text] = *number;
    return *number;
}

void name_cache::forget_worker(const worker_id& id) {
    const std::lock_guard guard(mutex_);
    workers_.erase(id.text);
}

definition_key name_cache::key_of(name_statements& sql, std::int64_t definition) {
    const std::lock_guard guard(mutex_);
    return definitions_.key(sql.definition_key, definition);
}

name_pair name_cache::kind_text(name_statements& sql, std::int64_t kind) {
    const std::lock_guard guard(mutex_);
    return kinds_.key(sql.kind_text, kind);
}

namespace {

// Without a filter, all numbers are asked for.
std::vector<std::int64_t> all_numbers(database& db, const std::string& column_and_table) {
    std::vector<std::int64_t> numbers;
    statement all(db, "select " + column_and_table + " order by 1");
    rows found = all.query();
    while (found.next()) {
        numbers.push_back(found.number(0));
    }
    return numbers;
}

}  // namespace

served_work_keys name_cache::work_keys_of(name_statements& sql, const work_filter* filter) {
    served_work_keys work_keys;
    if (filter == nullptr) {
        work_keys.everything = true;
        work_keys.definitions = all_numbers(sql.db, "definition from definitions");
        work_keys.kinds = all_numbers(sql.db, "kind from activity_kinds");
        return work_keys;
    }
    const std::lock_guard guard(mutex_);
    const auto add = [](std::vector<std::int64_t>& numbers, std::int64_t number) {
        if (number != 0) {
            numbers.push_back(number);
        }
    };
    for (const auto& [name, version, kind] : filter->orchestrations) {
        for (unsigned level = 1; level <= filter->level; ++level) {  // [LEVEL-2]
            add(work_keys.definitions,
                definitions_.number(sql.find_definition,
                                    sql.add_definition,
                                    {name, version, kind, static_cast<feature_level>(level)},
                                    if_missing::ignore));
        }
    }
    for (const std::string& name : filter->activities) {
        for (const std::string& queue : filter->queues) {
            add(work_keys.kinds,
                kinds_.number(sql.find_kind, sql.add_kind, {name, queue}, if_missing::ignore));
        }
    }
    for (auto* numbers : {&work_keys.definitions, &work_keys.kinds}) {
        std::sort(numbers->begin(), numbers->end());
        numbers->erase(std::unique(numbers->begin(), numbers->end()), numbers->end());
    }
    return work_keys;
}

void name_cache::forget() {
    const std::lock_guard guard(mutex_);
    definitions_.forget();
    kinds_.forget();
    workers_.clear();
}

std::string offers_text(const work_filter& filter) {
    std::string text = "level\t" + std::to_string(filter.level) + "\n";
    for (const auto& [name, version, kind] : filter.orchestrations) {
        text += std::string(to_string(kind)) + "\t" + name + "\t" + version + "\n";
    }
    for (const std::string& name : filter.activities) {
        text += "activity\t" + name + "\n";
    }
    for (const std::string& name : filter.queues) {
        text += "queue\t" + name + "\n";
    }
    return text;
}

work_filter parse_offers(std::string_view text) {
    work_filter filter;
    filter.queues.clear();
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const std::size_t tab = line.find('\t');
        const std::string_view kind = line.substr(0, tab);
        const std::string_view rest = tab == line.npos ? "" : line.substr(tab + 1);
        if (const auto instances = parse_instance_kind(kind)) {
            const std::size_t second = rest.find('\t');
            filter.orchestrations.push_back(
                {std::string(rest.substr(0, second)),
                 std::string(second == rest.npos ? "" : rest.substr(second + 1)),
                 *instances});
        } else if (kind == "level") {
            std::from_chars(rest.data(), rest.data() + rest.size(), filter.level);
        } else if (kind == "activity") {
            filter.activities.emplace_back(rest);
        } else if (kind == "queue") {
            filter.queues.emplace_back(rest);
        }
    }
    return filter;
}

}  // namespace perdure::sqlite
