#include "filter.hpp"

#include <fmt/format.h>

namespace perdure::sqlite {

filter_query::filter_query(database& db,
                           const instance_filter& filter,
                           const std::string& select,
                           timestamp now)
    : db_(db),
      sql_(select + " where true"),
      values_{bound_value(std::int64_t{now.time_since_epoch().count()})} {
    if (!filter.statuses.empty()) {
        std::string list;
        for (const orchestration_status status : filter.statuses) {
            list += fmt::format("{}{}", list.empty() ? "" : ", ", static_cast<int>(status));
        }
        add("i.status in (" + list + ")");
    }
    if (filter.name) {
        add("d.name = ?", *filter.name);
    }
    if (filter.version) {
        add("d.version = ?", *filter.version);
    }
    if (filter.kind) {
        add("d.kind = ?", static_cast<std::int64_t>(*filter.kind));
    }
    if (filter.tag) {
        add("exists (select 1 from tags t where t.instance_row = i.row and t.key = ?",
            filter.tag->first);
        values_.emplace_back(filter.tag->second);
        sql_ += " and t.value = ?)";
    }
    if (filter.parent) {
        add("i.parent_instance = ?", filter.parent->text());
    }
    if (filter.parked) {
        add(*filter.parked ? "i.parked_reason is not null" : "i.parked_reason is null");
    }
    if (!filter.id_prefix.empty()) {
        // A range, so that the index on ids is used.
        add("i.instance >= ?", filter.id_prefix);
        add(fmt::format("substr(cast(i.instance as blob), 1, {}) = cast(? as blob)",
                        filter.id_prefix.size()),
            filter.id_prefix);
    }
    const auto bound = [&](const char* condition, const std::optional<timestamp>& at) {
        if (at) {
            add(condition, at->time_since_epoch().count());
        }
    };
    bound("i.created_at >= ?", filter.created_from);
    bound("i.created_at <= ?", filter.created_to);
    bound("i.completed_at >= ?", filter.completed_from);
    bound("i.completed_at <= ?", filter.completed_to);
}

filter_query& filter_query::add(const std::string& condition) {
    sql_ += " and " + condition;
    return *this;
}

filter_query& filter_query::add(const std::string& condition, const std::string& value) {
    values_.emplace_back(value);
    return add(condition);
}

filter_query& filter_query::add(const std::string& condition, std::int64_t value) {
    values_.emplace_back(value);
    return add(condition);
}

filter_query& filter_query::and_after(const std::string& instance) {
    return instance.empty() ? *this : add("i.instance > ?", instance);
}

filter_query& filter_query::and_terminal() {
    return add("i.completed_at is not null");
}

rows filter_query::query(std::size_t limit) {
    sql_ += fmt::format(" order by i.instance limit {}", limit);
    statement_.emplace(db_, sql_);
    return statement_->query_values(values_);
}

std::vector<instance_id> purgeable(database& db, const purge_request& request) {
    filter_query wanted(db,
                        request.filter,
                        "select i.instance, ?1 from instances i cross join definitions d"
                        " on d.definition = i.definition",
                        timestamp());
    if (!request.force) {
        wanted.and_terminal();
    }
    std::vector<instance_id> ids;
    rows found = wanted.query(request.limit + 1);
    while (found.next()) {
        ids.emplace_back(found.string(0));
    }
    return ids;
}

}  // namespace perdure::sqlite
