#include "records.hpp"

#include "work.hpp"

namespace perdure::postgres {

namespace {

// The attributes of InstanceRecords, whose order an upgrade cannot change.
enum column : std::size_t {
    instance_key,
    instance,
    execution,
    name,
    version,
    status,
    created_at,
    updated_at,
    completed_at,
    start_at,
    custom_status_codec,
    custom_status,
    output_codec,
    output,
    failure,
    tag_keys,
    tag_values,
    parent_instance,
    parent_execution,
    parent_task,
    parked_reason,
    history_length,
    inbox_length,
    leased_by,
    kind,
    level
};

std::string text_or_empty(const field& value) {
    return value.is_null() ? std::string() : value.string();
}

}  // namespace

std::optional<instance_record> read_record(const field& row) {
    const record_reader values(row);
    if (row.is_null() || values.at(column::instance).is_null()) {
        return std::nullopt;
    }
    const auto count = [&](column which) {
        return static_cast<std::uint64_t>(values.at(which).number());
    };
    instance_record found{
        .instance = instance_id(values.at(column::instance).string()),
        .execution = {values.at(column::execution).id()},
        .name = values.at(column::name).string(),
        .version = values.at(column::version).string(),
        .status = static_cast<orchestration_status>(values.at(column::status).number()),
        .created_at = values.at(column::created_at).time(),
        .updated_at = values.at(column::updated_at).time(),
        .completed_at = values.at(column::completed_at).time_or_null(),
        .start_at = values.at(column::start_at).time_or_null(),
        .custom_status =
            read_payload(values.at(column::custom_status_codec), values.at(column::custom_status)),
        .output = read_payload(values.at(column::output_codec), values.at(column::output)),
        .failure = text_or_empty(values.at(column::failure)),
        .tags = read_tags(values.at(column::tag_keys), values.at(column::tag_values)),
        .parent = {},
        .parked_reason = text_or_empty(values.at(column::parked_reason)),
        .history_length = count(column::history_length),
        .inbox_length = count(column::inbox_length),
        .leased_by = text_or_empty(values.at(column::leased_by)),
        .kind = static_cast<instance_kind>(values.at(column::kind).number()),
        .level = static_cast<feature_level>(values.at(column::level).number())};
    if (!values.at(column::parent_instance).is_null()) {
        found.parent = parent_link{instance_id(values.at(column::parent_instance).string()),
                                   {values.at(column::parent_execution).id()},
                                   {count(column::parent_task)}};
    }
    return found;
}

}  // namespace perdure::postgres
