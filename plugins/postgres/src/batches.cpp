#include "work.hpp"

// What clients send, of which messages travel in a checkpoint as well; payloads; and the filter of
// queries.

namespace perdure::postgres {

void add_messages(parameters& values, const elements<new_message>& messages) {
    if (messages.empty()) {
        values.add_null_record();
        return;
    }
    using sent = of_turn<new_message>;
    // Every member, so that a further one is not forgotten below.
    [[maybe_unused]] const auto& [target, event, id, execution, task, visible_at, level] =
        *messages.front().element;
    values.begin_record();
    values.add_list<sql::integer>(messages, &sent::turn)
        .add_list<sql::text>(
            messages, [](const sent& m) -> const std::string& { return m.element->target.text(); })
        .add_list<sql::text>(messages,
                             [](const sent& m) -> const std::string& { return m.element->event; })
        .add_list<sql::text>(messages, [](const sent& m) { return unless_empty(m.element->id); })
        .add_list<sql::uuid>(messages,
                             [](const sent& m) { return unless_nil(m.element->execution); })
        .add_list<sql::bigint>(messages, [](const sent& m) { return m.element->task.value; })
        .add_list<sql::timestamptz>(messages, [](const sent& m) { return m.element->visible_at; });
    add_levels(values, messages, [](const sent& m) { return m.element->level; });
    values.end_record();
}

void add_payloads(parameters& values, const std::vector<kept_payload>& all) {
    if (all.empty()) {
        values.add_null_record();
        return;
    }
    values.begin_record();
    values.add_list<sql::integer>(all, &kept_payload::turn)
        .add_list<sql::smallint>(all, [](const kept_payload& k) { return static_cast<int>(k.kind); })
        .add_list<sql::text>(all, &kept_payload::codec)
        .add_list<sql::bytea>(all, &kept_payload::bytes);
    values.end_record();
}

void add_terminations(parameters& values, std::span<const termination> wishes) {
    values.begin_record();
    values
        .add_list<sql::text>(
            wishes, [](const termination& w) -> const std::string& { return w.target.text(); })
        .add_list<sql::text>(wishes, &termination::event)
        .add_list<sql::text>(wishes, &termination::final_event)
        .add_list<sql::text>(wishes, [](const termination& w) { return codec_of(w.output); })
        .add_list<sql::bytea>(wishes, [](const termination& w) { return bytes_of(w.output); })
        .add_list<sql::text>(wishes, &termination::parent_event);
    values.end_record();
}

void add_filter(parameters& values, const instance_filter& filter) {
    const auto text = [](const std::optional<instance_id>& id) {
        return id ? std::optional(id->text()) : std::nullopt;
    };
    values.begin_record();
    values
        .add_list<sql::smallint>(
            filter.statuses, [](orchestration_status status) { return static_cast<int>(status); })
        .add<sql::text>(filter.name)
        .add<sql::text>(filter.version)
        .add<sql::text>(filter.tag ? tags_text({*filter.tag}) : std::nullopt)
        .add<sql::text>(text(filter.parent))
        .add<sql::boolean>(filter.parked)
        .add<sql::smallint>(filter.kind ? std::optional(static_cast<int>(*filter.kind))
                                        : std::nullopt)
        .add<sql::bytea>(filter.id_prefix)
        .add<sql::timestamptz>(filter.created_from)
        .add<sql::timestamptz>(filter.created_to)
        .add<sql::timestamptz>(filter.completed_from)
        .add<sql::timestamptz>(filter.completed_to);
    values.end_record();
}

}  // namespace perdure::postgres
