#include "work.hpp"

// What travels both alone and in a checkpoint: messages, terminations; and the filter of queries.

namespace perdure::postgres {

void add_messages(parameters& values,
                  std::span<const new_message> messages,
                  const std::vector<std::int32_t>* turns) {
    values.begin_record();
    if (turns == nullptr) {
        values.add_list<sql::integer>(std::vector<std::int32_t>());
    } else {
        values.add_list<sql::integer>(*turns);
    }
    using m = new_message;
    values
        .add_list<sql::text>(messages,
                             [](const m& x) -> const std::string& { return x.target.text(); })
        .add_list<sql::text>(messages, &m::event)
        .add_list<sql::text>(messages, [](const m& x) { return unless_empty(x.id); })
        .add_list<sql::uuid>(messages, [](const m& x) { return unless_nil(x.execution); })
        .add_list<sql::bigint>(messages, [](const m& x) { return x.task.value; })
        .add_list<sql::timestamptz>(messages, &m::visible_at);
    values.end_record();
}

void add_terminations(parameters& values,
                      std::span<const termination> wishes,
                      const std::vector<std::int32_t>* turns) {
    values.begin_record();
    if (turns == nullptr) {
        values.add_list<sql::integer>(std::vector<std::int32_t>());
    } else {
        values.add_list<sql::integer>(*turns);
    }
    using t = termination;
    values
        .add_list<sql::text>(wishes,
                             [](const t& x) -> const std::string& { return x.target.text(); })
        .add_list<sql::text>(wishes, &t::event)
        .add_list<sql::text>(wishes, &t::final_event)
        .add_list<sql::text>(wishes, [](const t& x) { return codec_of(x.output); })
        .add_list<sql::bytea>(wishes, [](const t& x) { return bytes_of(x.output); })
        .add_list<sql::text>(wishes, &t::parent_event);
    values.end_record();
}

void add_filter(parameters& values, const instance_filter& filter) {
    const auto text = [](const std::optional<instance_id>& id) {
        return id ? std::optional(id->text()) : std::nullopt;
    };
    values
        .add_list<sql::smallint>(
            filter.statuses, [](orchestration_status status) { return static_cast<int>(status); })
        .add<sql::text>(filter.name)
        .add<sql::text>(filter.version)
        .add<sql::text>(filter.tag ? tags_text({*filter.tag}) : std::nullopt)
        .add<sql::text>(text(filter.parent))
        .add<sql::boolean>(filter.parked)
        .add<sql::bytea>(filter.id_prefix)
        .add<sql::timestamptz>(filter.created_from)
        .add<sql::timestamptz>(filter.created_to)
        .add<sql::timestamptz>(filter.completed_from)
        .add<sql::timestamptz>(filter.completed_to);
}

}  // namespace perdure::postgres
