#include "commands.hpp"
#include "filters.hpp"

#include <perdure/client.hpp>
#include <perdure/history_codec.hpp>

#include <iostream>

// The verbs of `perdure instances` that read.

namespace perdure::tool {
namespace {

constexpr std::size_t data_columns = 60;
constexpr std::size_t unlimited = static_cast<std::size_t>(-1);

std::string json_tags(const tag_map& tags) {
    json_object object;
    for (const auto& [key, value] : tags) {
        object.text(key, value);
    }
    return object.finish();
}

std::string json_parent(const parent_link& parent) {
    return json_object()
        .text("instance", parent.instance.text())
        .text("execution", to_string(parent.execution.value))
        .number("task", parent.task.value)
        .finish();
}

json_object to_json(const instance_record& found) {
    json_object item;
    item.text("instance", found.instance.text())
        .text("execution", to_string(found.execution.value))
        .text("name", found.name)
        .text("version", found.version)
        .text("status", to_string(found.status))
        .time("created_at", found.created_at)
        .time("updated_at", found.updated_at)
        .time("completed_at", found.completed_at)
        .time("start_at", found.start_at)
        .raw("custom_status", json_payload(found.custom_status))
        .raw("output", json_payload(found.output))
        .raw("failure", found.failure.empty() ? "null" : json_value(found.failure))
        .raw("tags", json_tags(found.tags))
        .raw("parent", found.parent ? json_parent(*found.parent) : "null");
    if (found.parked_reason.empty()) {
        item.null("parked_reason");
    } else {
        item.text("parked_reason", found.parked_reason);
    }
    item.number("history_length", found.history_length).number("inbox_length", found.inbox_length);
    if (found.leased_by.empty()) {
        item.null("leased_by");
    } else {
        item.text("leased_by", found.leased_by);
    }
    return item;
}

std::string status_text(const instance_record& found) {
    return std::string(to_string(found.status)) + (found.parked_reason.empty() ? "" : ", parked");
}

void print_failure(const failure& reason) {
    print_field("failure", reason.type + ": " + reason.message);
    for (const auto& [key, value] : reason.properties) {
        print_field("  " + key, value);
    }
    if (!reason.stack_trace.empty()) {
        print_field("  stack trace", reason.stack_trace);
    }
    for (auto inner = reason.inner; inner; inner = inner->inner) {
        print_field("  caused by", inner->type + ": " + inner->message);
    }
}

void print_instance(const instance_record& found, const payload& input) {
    print_field("instance", found.instance.text());
    print_field("orchestration", found.name + (found.version.empty() ? "" : " " + found.version));
    print_field("status", status_text(found));
    if (!found.parked_reason.empty()) {
        print_field("parked because", found.parked_reason);
    }
    print_field("execution", to_string(found.execution.value));
    print_field("created", to_text(found.created_at));
    print_field("updated", to_text(found.updated_at));
    if (found.completed_at) {
        print_field("completed", to_text(*found.completed_at));
    }
    if (found.start_at) {
        print_field("not before", to_text(*found.start_at));
    }
    print_field("input", to_text(input, unlimited));
    print_field("output", to_text(found.output, unlimited));
    if (!found.failure.empty()) {
        print_failure(decode_failure(found.failure));
    }
    print_field("custom status", to_text(found.custom_status, unlimited));
    for (const auto& [key, value] : found.tags) {
        print_field("tag", key + "=" + value);
    }
    if (found.parent) {
        print_field(
            "parent",
            found.parent->instance.text() + ", task " + std::to_string(found.parent->task.value));
    }
    print_field("history", std::to_string(found.history_length) + " events");
    print_field("inbox", std::to_string(found.inbox_length) + " messages");
    print_field("leased by", found.leased_by.empty() ? "nobody" : found.leased_by);
}

// An event in the words of `show --json`; members that are not set are left out.
std::string to_json(std::size_t number, const history_event& event) {
    json_object item;
    item.number("number", std::uint64_t{number}).text("type", to_string(event.kind));
    if (event.at != timestamp()) {
        item.time("at", event.at);
    }
    if (event.task) {
        item.number("task", event.task.value);
    }
    const auto text = [&item](std::string_view key, const std::string& value) {
        if (!value.empty()) {
            item.text(key, value);
        }
    };
    text("name", event.name);
    text("version", event.version);
    if (!event.data.is_none()) {
        item.raw("data", json_payload(event.data));
    }
    text("instance", event.instance);
    if (event.execution != execution_id()) {
        item.text("execution", to_string(event.execution.value));
    }
    if (event.fire_at != timestamp()) {
        item.time("fire_at", event.fire_at);
    }
    if (event.reason) {
        item.raw("failure", json_value(encode_failure(*event.reason)));
    }
    text("note", event.note);
    if (!event.tags.empty()) {
        item.raw("tags", json_tags(event.tags));
    }
    if (event.parent) {
        item.raw("parent", json_parent(*event.parent));
    }
    text("trace", event.trace);
    if (!event.unknown.empty()) {
        item.raw("unknown", json_value("{" + event.unknown + "}"));
    }
    return item.finish();
}

std::string details_of(const history_event& event) {
    std::string details;
    const auto add = [&details](const std::string& text) {
        details += (details.empty() ? "" : "  ") + text;
    };
    if (!event.instance.empty()) {
        add("instance " + event.instance);
    }
    if (event.fire_at != timestamp()) {
        add("due " + to_short_text(event.fire_at));
    }
    if (!event.data.is_none()) {
        add(to_text(event.data, data_columns));
    }
    if (event.reason) {
        add(event.reason->type + ": " + one_line(event.reason->message, data_columns));
    }
    if (!event.note.empty()) {
        add("because " + one_line(event.note, data_columns));
    }
    return details;
}

void print_history(const std::vector<history_event>& events) {
    table rows({"#", "TIME", "EVENT", "TASK", "NAME", "DETAILS"});
    for (std::size_t n = 0; n < events.size(); ++n) {
        const auto& event = events[n];
        rows.add({std::to_string(n),
                  event.at == timestamp() ? "-" : to_short_text(event.at),
                  std::string(to_string(event.kind)),
                  event.task ? std::to_string(event.task.value) : "",
                  event.name,
                  details_of(event)});
    }
    rows.print(std::cout);
}

}  // namespace

int list_instances(const instances_command& given) {
    client asking(open_existing(given.hub));
    const auto page = asking.query(read_filter(given.filter), given.limit, given.after);
    if (given.form == output_form::json) {
        std::vector<std::string> items;
        for (const auto& found : page.instances) {
            items.push_back(to_json(found).finish());
        }
        json_object answer;
        answer.raw("instances", json_array(items));
        if (page.next.empty()) {
            answer.null("next");
        } else {
            answer.text("next", page.next);
        }
        std::cout << answer.finish() << '\n';
        return exit_code::done;
    }
    table rows({"INSTANCE", "ORCHESTRATION", "STATUS", "CREATED", "OUTPUT"});
    for (const auto& found : page.instances) {
        rows.add({found.instance.text(),
                  found.name + (found.version.empty() ? "" : " " + found.version),
                  status_text(found),
                  to_short_text(found.created_at),
                  to_text(found.output, data_columns)});
    }
    rows.print(std::cout);
    if (!page.next.empty()) {
        std::cout << "There are more: --after " << shell_word(page.next) << '\n';
    }
    return exit_code::done;
}

int show_instance(const instances_command& given) {
    client asking(open_existing(given.hub));
    const instance_id id(given.id);
    const auto found = asking.get(id);
    if (!found) {
        throw no_such_instance(id);
    }
    const auto input = asking.input(id);
    if (given.form == output_form::json) {
        std::cout << to_json(*found).raw("input", json_payload(input)).finish() << '\n';
    } else {
        print_instance(*found, input);
    }
    return exit_code::done;
}

int show_history(const instances_command& given) {
    client asking(open_existing(given.hub));
    const auto events = asking.history(instance_id(given.id));
    if (given.form == output_form::text) {
        print_history(events);
        return exit_code::done;
    }
    for (std::size_t n = 0; n < events.size(); ++n) {
        std::cout << (n == 0 ? "[" : ",\n ") << to_json(n, events[n]);
    }
    std::cout << (events.empty() ? "[]\n" : "]\n");
    return exit_code::done;
}

}  // namespace perdure::tool
