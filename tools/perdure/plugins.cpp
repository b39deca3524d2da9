#include "commands.hpp"
#include "filters.hpp"

#include <perdure/instance_image.hpp>
#include <perdure/kit/forwarding_backend.hpp>
#include <perdure/plugin.hpp>

#include <algorithm>
#include <iostream>
#include <iterator>

namespace perdure::tool {
namespace {

std::string to_json(const plugin_info& found) {
    json_object item;
    item.text("backend", found.backend)
        .text("version", found.version)
        .number("contract", std::uint64_t{found.contract})
        .text("fingerprint", found.fingerprint)
        .text("file", found.file);
    if (found.problem.empty()) {
        item.null("problem");
    } else {
        item.text("problem", found.problem);
    }
    return item.finish();
}

void print_plugins(const std::vector<plugin_info>& found, const std::vector<std::string>& search) {
    if (found.empty()) {
        std::cout << "No plugin found. Looked in:\n";
        for (const auto& folder : plugin_search_path(search)) {
            print_field("", folder);
        }
        return;
    }
    table rows({"BACKEND", "VERSION", "CONTRACT", "FILE", "PROBLEM"});
    for (const auto& plugin : found) {
        rows.add({plugin.backend.empty() ? "?" : plugin.backend,
                  plugin.version,
                  std::to_string(plugin.contract),
                  plugin.file,
                  plugin.problem.empty() ? "none" : plugin.problem});
    }
    rows.print(std::cout);
}

}  // namespace

int show_plugins(const plugins_command& given) {
    const auto found = find_plugins(given.search);
    if (given.form == output_form::json) {
        std::vector<std::string> items;
        for (const auto& plugin : found) {
            items.push_back(to_json(plugin));
        }
        std::cout << json_array(items) << '\n';
    } else {
        print_plugins(found, given.search);
    }
    return exit_code::done;
}

int show_hub_status(const hub_command& given) {
    const auto opened = open_existing(given.hub);
    const auto status = opened.store().status();
    auto* images = interface_of<image_store>(opened.store());
    const std::string closed = images != nullptr ? images->closed_reason() : std::string();
    if (given.form == output_form::json) {
        std::vector<std::string> workers;
        for (const auto& worker : status.live_workers) {
            workers.push_back(json_text(worker.text));
        }
        const auto list = [](const std::vector<std::string>& names) {
            std::vector<std::string> texts;
            std::ranges::transform(names, std::back_inserter(texts), json_text);
            return json_array(texts);
        };
        json_object item;
        item.text("hub", opened.description())
            .text("closed", closed)
            .text("schema_version", status.schema_version)
            .time("store_time", status.store_time)
            .number("ready_orchestrations", std::uint64_t{status.ready_orchestrations})
            .number("ready_activities", std::uint64_t{status.ready_activities})
            .number("leftover_activities", std::uint64_t{status.leftover_activities})
            .number("parked", std::uint64_t{status.parked})
            .raw("live_workers", json_array(workers))
            .raw("unserved", list(status.unserved))
            .raw("unserved_leftovers", list(status.unserved_leftovers));
        std::cout << item.finish() << '\n';
        return exit_code::done;
    }
    print_field("hub", opened.description());
    if (!closed.empty()) {
        print_field("closed", closed);
    }
    print_field("schema version", status.schema_version);
    print_field("store time", to_text(status.store_time));
    print_field("ready orchestrations", std::to_string(status.ready_orchestrations));
    print_field("ready activities", std::to_string(status.ready_activities));
    print_field("leftover activities", std::to_string(status.leftover_activities));
    print_field("parked", std::to_string(status.parked));
    print_field("live workers", std::to_string(status.live_workers.size()));
    for (const auto& worker : status.live_workers) {
        print_field("", worker.text);
    }
    for (const auto& what : status.unserved) {
        print_field("no live worker has", what);
    }
    for (const auto& what : status.unserved_leftovers) {
        print_field("left over, nobody has", what);
    }
    return exit_code::done;
}

}  // namespace perdure::tool
