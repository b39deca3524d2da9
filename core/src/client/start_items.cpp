#include "client/start_items.hpp"

#include "messages.hpp"
#include "nouns/utf8.hpp"

#include <perdure/history_codec.hpp>

#include <string>

namespace perdure::calling {

namespace {

constexpr std::size_t reason_bytes_max = std::size_t{64} << 10U;
constexpr std::size_t tags_max = 100;

void check_text(std::string_view what, std::string_view text, std::size_t bytes_max) {
    if (text.size() > bytes_max) {
        throw invalid_input(std::string(what) + ": " + std::to_string(text.size()) +
                            " bytes are too many; at most " + std::to_string(bytes_max) +
                            " are allowed");
    }
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = utf8_length(text, at);
        if (length == 0 || text[at] == '\0') {
            throw invalid_input(std::string(what) + ": byte " + std::to_string(at) +
                                " is not valid UTF-8 text without NUL");
        }
        at += length;
    }
}

void check_tags(const tag_map& tags) {
    if (tags.size() > tags_max) {
        throw invalid_input("tags: " + std::to_string(tags.size()) + " are too many; at most " +
                            std::to_string(tags_max) + " are allowed");
    }
    for (const auto& [key, value] : tags) {
        check_name("tag key", key);
        check_text("value of tag \"" + key + "\"", value, reason_bytes_max);
    }
}

std::vector<orchestration_status> replaceable(reuse_policy policy) {
    using status = orchestration_status;
    switch (policy) {
        case reuse_policy::never:
        case reuse_policy::keep_existing:
            break;
        case reuse_policy::replace_ended:
            return {status::completed, status::failed, status::terminated};
        case reuse_policy::replace_any:
            return {status::completed,
                    status::failed,
                    status::terminated,
                    status::pending,
                    status::running,
                    status::suspended};
    }
    return {};
}

}  // namespace

void check_payload(std::string_view what, const payload& value) {
    if (value.is_none()) {
        return;
    }
    check_name(std::string(what) + ": codec name", value.codec);
    if (value.bytes.size() > payload_bytes_max_default) {
        throw invalid_input(std::string(what) + ": " + std::to_string(value.bytes.size()) +
                            " bytes are too many; at most " +
                            std::to_string(payload_bytes_max_default) + " are allowed");
    }
}

void check_reason(const std::string& reason) {
    check_text("reason", reason, reason_bytes_max);
}

new_instance make_instance(const start_request& request) {
    const start_options& options = request.options;
    check_name("orchestration name", request.name);
    if (!options.version.empty()) {
        check_name("version of orchestration " + request.name, options.version);
    }
    check_tags(options.tags);
    check_payload("input of orchestration " + request.name, request.input);

    new_instance made{options.id ? *options.id : instance_id(to_string(random_uuid())),
                      execution_id{random_uuid()},
                      request.name,
                      options.version,
                      {},
                      std::nullopt,
                      options.tags,
                      options.start_at,
                      replaceable(options.reuse),
                      {}};
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

std::size_t weight(const new_instance& instance) {
    return instance.start_event.size() + instance.replaced_event.size() + 512;
}

termination make_termination(const instance_id& target,
                             const std::string& reason,
                             recursion reach) {
    tag_map tags;
    if (reach == recursion::with_children) {
        tags.emplace("recursive", "true");
    }
    history_event final_event;
    final_event.kind = event_kind::execution_terminated;
    final_event.note = reason;
    std::string text = "instance \"" + target.text() + "\" was terminated";
    if (!reason.empty()) {
        text += ": " + reason;
    }
    return {target,
            messages::terminated(reason, tags),
            encode_event(final_event),
            codec<std::string>::encode(reason),
            messages::child_gone(target.text(), failure_type::terminated, text)};
}

}  // namespace perdure::calling
