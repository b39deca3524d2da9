#include "commands.hpp"
#include "filters.hpp"
#include "json_check.hpp"

#include <perdure/client.hpp>
#include <perdure/printable.hpp>

#include <iostream>
#include <string_view>

// The verbs of `perdure instances` that change something.

namespace perdure::tool {
namespace {

int report(const instances_command& given, std::string_view what, exit_code code = done) {
    if (given.form == output_form::json) {
        std::cout << json_object().text("instance", given.id).text("done", what).finish() << '\n';
    } else {
        std::cout << printable(given.id + ": ") << printable(what) << '\n';
    }
    return code;
}

// Executes a call that sends a message, and says what came of it.
template <class Send>
int send_and_report(const instances_command& given, std::string_view what, const Send& send) {
    client control(open_existing(given.hub));
    try {
        return report(given,
                      send(control) == control_result::duplicate
                          ? "nothing done: an event with this message id was raised before"
                          : what);
    } catch (const instance_has_ended&) {
        return report(given, "nothing done: it has ended", had_ended);
    }
}

payload event_content(const instances_command& given) {
    if (given.text) {
        return codec<std::string>::encode(*given.text);
    }
    if (!given.data) {
        return {};
    }
    check_json("--data", *given.data);
    return {std::string(json_codec), *given.data};
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
    const payload content = event_content(given);
    return send_and_report(given, "event " + given.event + " raised", [&](client& control) {
        raise_options options;
        options.message_id = given.message_id;
        return control.raise_encoded(instance_id(given.id), given.event, content, options);
    });
}

int suspend_instance(const instances_command& given) {
    return send_and_report(given, "asked to suspend", [&](client& control) {
        control.suspend(instance_id(given.id), given.reason);
        return control_result::accepted;
    });
}

int resume_instance(const instances_command& given) {
    return send_and_report(given, "asked to resume", [&](client& control) {
        control.resume(instance_id(given.id), given.reason);
        return control_result::accepted;
    });
}

int terminate_instance(const instances_command& given) {
    client control(open_existing(given.hub));
    const auto reach = given.recursive ? recursion::with_children : recursion::this_instance_only;
    switch (control.terminate(instance_id(given.id), given.reason, reach)) {
        case control_result::ended:
            return report(given, "terminated");
        case control_result::had_ended:
            return report(given,
                          given.recursive ? "had ended; its children were asked to terminate"
                                          : "nothing done: it has ended",
                          had_ended);
        default:
            return report(given, "asked to terminate");
    }
}

int unpark_instance(const instances_command& given) {
    client control(open_existing(given.hub));
    const bool is_unparked = control.unpark(instance_id(given.id));
    return report(given, is_unparked ? "unparked" : "was not parked");
}

int purge_instances(const instances_command& given) {
    if (!given.ids.empty() && (!given.filter.is_empty() || given.all)) {
        throw invalid_input("purge: filters and --all do not go with named instances");
    }
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
