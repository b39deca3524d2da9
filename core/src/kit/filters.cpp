#include <perdure/kit/filters.hpp>

#include <algorithm>

namespace perdure {
inline namespace v1 {

bool matches(const instance_filter& filter, const instance_record& record) {
    const auto is = [](const auto& want, const auto& has) { return !want || *want == has; };
    const auto is_within = [](const auto& from, const auto& to, const auto& at) {
        return (!from || (at && *at >= *from)) && (!to || (at && *at <= *to));
    };
    const auto tag = record.tags.find(filter.tag ? filter.tag->first : std::string());
    return (filter.statuses.empty() || std::ranges::count(filter.statuses, record.status) != 0) &&
           is(filter.name, record.name) && is(filter.version, record.version) &&
           is(filter.kind, record.kind) &&
           (!filter.tag || (tag != record.tags.end() && tag->second == filter.tag->second)) &&
           (!filter.parent || (record.parent && record.parent->instance == *filter.parent)) &&
           is(filter.parked, !record.parked_reason.empty()) &&
           record.instance.text().starts_with(filter.id_prefix) &&
           is_within(filter.created_from, filter.created_to, std::optional(record.created_at)) &&
           is_within(filter.completed_from, filter.completed_to, record.completed_at);
}

bool serves(const work_filter* filter, const work_filter::definition& wanted, feature_level level) {
    return filter == nullptr ||
           (level <= filter->level && std::ranges::count(filter->orchestrations, wanted) != 0);
}

bool serves(const work_filter* filter, const instance_record& record) {
    return serves(filter, {record.name, record.version, record.kind}, record.level);
}

bool serves(const work_filter* filter, const new_activity& activity) {
    return filter == nullptr || (std::ranges::count(filter->activities, activity.name) != 0 &&
                                 std::ranges::count(filter->queues, activity.queue) != 0);
}

std::string work_name(const work_filter::definition& definition, feature_level level) {
    return std::string(to_string(definition.kind)) + " " + definition.name +
           (definition.version.empty() ? "" : " ") + definition.version +
           (level > 1 ? " (feature level " + std::to_string(level) + ")" : "");
}

std::string work_name(const instance_record& record) {
    return work_name({record.name, record.version, record.kind}, record.level);
}

std::string work_name(const new_activity& activity) {
    return "activity " + activity.name;
}

}  // namespace v1
}  // namespace perdure
