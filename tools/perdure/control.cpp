#include "commands.hpp"
#include "filters.hpp"
#include "json_check.hpp"

#include <perdure/client.hpp>

#include <iostream>
#include <string_view>

// The verbs of `perdure instances` that change something.

namespace perdure::tool {
namespace {

int report(const instances_command& given, const std::string& id, std::string_view what) {
    if (given.form == output_form::json) {
        std::cout << json_object().text("instance", id).text("done", what).finish() << '\n';
    } else {
        std::cout << id << ": " << what << '\n';
    }
    return exit_code::done;
}

payload event_content(const instances_command& given) {
    if (!given.text.empty()) {
        return codec<std::string>::encode(given.text);
    }
    if (given.data.empty()) {
        return {};
    }
    check_json("--data", given.data);
    return {std::string(json_codec), given.data};
}

std::size_t purge_by_filter(client& control, const instances_command& given) {
    if (given.filter.is_empty() && !given.all) {
        throw invalid_input(
            "purge: name instances, give a filter, or say --all for every instance that has ended");
    }
    if (given.force) {
        throw invalid_input("purge: --force goes with named instances only");
    }
    return control.purge(read_filter(given.filter));
}

}  // namespace

int raise_event(const instances_command& given) {
    client control(open_existing(given.hub));
    raise_options options;
    options.message_id = given.message_id;
    control.raise_encoded(instance_id(given.id), given.event, event_content(given), options);
    return report(given, given.id, "event " + given.event + " raised");
}

int suspend_instance(const instances_command& given) {
    client control(open_existing(given.hub));
    control.suspend(instance_id(given.id), given.reason);
    return report(given, given.id, "asked to suspend");
}

int resume_instance(const instances_command& given) {
    client control(open_existing(given.hub));
    control.resume(instance_id(given.id), given.reason);
    return report(given, given.id, "asked to resume");
}

int terminate_instance(const instances_command& given) {
    client control(open_existing(given.hub));
    control.terminate(instance_id(given.id),
                      given.reason,
                      given.recursive ? recursion::with_children : recursion::this_instance_only);
    return report(given, given.id, "asked to terminate");
}

int release_instance(const instances_command& given) {
    client control(open_existing(given.hub));
    const bool released = control.release(instance_id(given.id));
    return report(given, given.id, released ? "released" : "was not parked");
}

int purge_instances(const instances_command& given) {
    client control(open_existing(given.hub));
    std::size_t purged = 0;
    std::string missing;
    for (const auto& id : given.ids) {
        if (control.purge(instance_id(id), given.force)) {
            ++purged;
        } else {
            missing = id;
        }
    }
    if (given.ids.empty()) {
        purged = purge_by_filter(control, given);
    }
    if (given.form == output_form::json) {
        std::cout << json_object().number("purged", std::uint64_t{purged}).finish() << '\n';
    } else {
        std::cout << "purged " << purged << '\n';
    }
    if (!missing.empty()) {
        throw no_such_instance(instance_id(missing));
    }
    return exit_code::done;
}

}  // namespace perdure::tool
