#include "messages.hpp"

#include <perdure/history_codec.hpp>
#include <perdure/hub_check.hpp>
#include <perdure/kit/forwarding_backend.hpp>

#include <array>
#include <vector>

namespace perdure {

namespace {

// What the child would have sent to its parent.
std::string event_of_end(const instance_record& child) {
    switch (child.status) {
        case orchestration_status::completed:
            return messages::completed(event_kind::child_completed, child.output);
        case orchestration_status::failed:
            if (!child.failure.empty()) {
                return messages::failed(event_kind::child_failed, decode_failure(child.failure));
            }
            break;
        default:
            break;
    }
    return messages::child_gone(child.instance.text(),
                                failure_type::terminated,
                                "instance \"" + child.instance.text() + "\" has ended");
}

bool send(backend& store, new_message message) {
    const lock_request nothing{.request = {random_uuid()}};
    return store.send(nothing, {&message, 1}).outcomes.at(0) == send_outcome::accepted;
}

bool tell_of_child(backend& store, const violation& found) {
    const auto child = store.get(std::array{instance_id(found.place)}).at(0);
    return child && is_terminal(child->status) &&
           send(store,
                {.target = *found.instance,
                 .event = event_of_end(*child),
                 .execution = found.execution,
                 .task = {found.number}});
}

bool set_timer(backend& store, const violation& found) {
    return send(store,
                {.target = *found.instance,
                 .event = messages::timer_fired(),
                 .execution = found.execution,
                 .task = {found.number},
                 .visible_at = found.at});
}

}  // namespace

inline namespace v1 {

std::size_t repair(backend& store, std::span<const violation> found) {
    std::size_t repaired = 0;
    std::vector<violation> inside;
    for (const violation& each : found) {
        if (each.repair.empty()) {
            continue;
        }
        switch (each.broken) {
            case invariant::timer_can_fire:
                repaired += set_timer(store, each) ? 1 : 0;
                break;
            case invariant::child_end_told:
                repaired += tell_of_child(store, each) ? 1 : 0;
                break;
            default:
                inside.push_back(each);
                break;
        }
    }
    auto* within = interface_of<store_check>(store);
    if (within != nullptr && !inside.empty()) {
        repaired += within->repair(inside);
    }
    return repaired;
}

}  // namespace v1
}  // namespace perdure
