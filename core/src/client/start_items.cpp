#include "client/start_items.hpp"

#include "messages.hpp"
#include "nouns/checks.hpp"

#include <perdure/history_codec.hpp>

#include <string>

namespace perdure::calling {

namespace {

std::vector<orchestration_status> replaceable(reuse_policy policy) {
    using status = orchestration_status;
    switch (policy) {
        case reuse_policy::never:
        case reuse_policy::keep_existing:
            break;
        case reuse_policy::replace_ended:
            return {status::completed, status::failed, status::cancelled, status::terminated};
        case reuse_policy::replace_any:
            return {status::completed,
                    status::failed,
                    status::cancelled,
                    status::terminated,
                    status::pending,
                    status::running,
                    status::suspended};
    }
    return {};
}

}  // namespace

new_instance make_instance(const start_request& request) {
    const start_options& options = request.options;
    check_name("orchestration name", request.name);
    constexpr std::string_view owner = "orchestration";
    checks::check_optional_name({owner, request.name, "version"}, options.version);
    checks::check_tags({owner, request.name, "tags"}, options.tags);
    checks::check_payload({owner, request.name, "input"}, request.input, payload_bytes_max_default);

    new_instance made{.instance = options.id ? *options.id : instance_id(to_string(random_uuid())),
                      .execution = {random_uuid()},
                      .name = request.name,
                      .version = options.version,
                      .tags = options.tags,
                      .start_at = options.start_at,
                      .replaceable = replaceable(options.reuse)};
    history_event start;
    // Without a time: this machine's clock decides nothing, not even the first turn's `now`.
    start.kind = event_kind::execution_started;
    start.name = request.name;
    start.version = options.version;
    start.data = request.input;
    start.execution = made.execution;
    start.tags = options.tags;
    if (options.start_at) {
        start.fire_at = *options.start_at;
    }
    made.start_event = encode_event(start);
    if (!made.replaceable.empty()) {
        made.replaced_event =
            messages::child_gone(made.instance.text(),
                                 failure_type::replaced,
                                 "instance \"" + made.instance.text() + "\" was replaced");
    }
    return made;
}

void check_filter(const instance_filter& filter) {
    checks::check_text({"filter: name"}, filter.name.value_or(""));
    checks::check_text({"filter: version"}, filter.version.value_or(""));
    if (filter.tag) {
        checks::check_text({"filter: tag key"}, filter.tag->first);
        checks::check_text({"filter: tag value"}, filter.tag->second);
    }
}

std::size_t weight(const new_instance& instance) {
    return instance.start_event.size() + instance.replaced_event.size() + 512;
}

}  // namespace perdure::calling
