#include "records.hpp"

#include "work.hpp"

namespace perdure::postgres {

namespace {

// The attributes of InstanceRecords, whose order an upgrade cannot change.
struct record_column {
    enum : std::size_t {
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
};

std::string text_or_empty(const field& value) {
    return value.is_null() ? std::string() : value.string();
}

}  // namespace

std::optional<instance_record> read_record(const field& row) {
    const record_reader values(row);
    if (row.is_null() || values.at(record_column::instance).is_null()) {
        return std::nullopt;
    }
    const auto count = [&](std::size_t which) {
        return static_cast<std::uint64_t>(values.at(which).number());
    };
    instance_record found{
        .instance = instance_id(values.at(record_column::instance).string()),
        .execution = {values.at(record_column::execution).id()},
        .name = values.at(record_column::name).string(),
        .version = values.at(record_column::version).string(),
        .status = static_cast<orchestration_status>(values.at(record_column::status).number()),
        .created_at = values.at(record_column::created_at).time(),
        .updated_at = values.at(record_column::updated_at).time(),
        .completed_at = values.at(record_column::completed_at).time_or_null(),
        .start_at = values.at(record_column::start_at).time_or_null(),
        .custom_status = read_payload(values.at(record_column::custom_status_codec),
                                      values.at(record_column::custom_status)),
        .output =
            read_payload(values.at(record_column::output_codec), values.at(record_column::output)),
        .failure = text_or_empty(values.at(record_column::failure)),
        .tags = read_tags(values.at(record_column::tag_keys), values.at(record_column::tag_values)),
        .parent = {},
        .parked_reason = text_or_empty(values.at(record_column::parked_reason)),
        .history_length = count(record_column::history_length),
        .inbox_length = count(record_column::inbox_length),
        .leased_by = text_or_empty(values.at(record_column::leased_by)),
        .kind = static_cast<instance_kind>(values.at(record_column::kind).number()),
        .level = static_cast<feature_level>(values.at(record_column::level).number())};
    if (!values.at(record_column::parent_instance).is_null()) {
        found.parent = parent_link{instance_id(values.at(record_column::parent_instance).string()),
                                   {values.at(record_column::parent_execution).id()},
                                   {count(record_column::parent_task)}};
    }
    return found;
}

}  // namespace perdure::postgres
