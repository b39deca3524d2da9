#include <perdure/store_check.hpp>

namespace perdure {
inline namespace v1 {

store_check::~store_check() = default;

std::string_view to_string(invariant what) noexcept {
    switch (what) {
        case invariant::history_gapless:
            return "history_gapless";
        case invariant::history_readable:
            return "history_readable";
        case invariant::one_execution:
            return "one_execution";
        case invariant::status_follows_history:
            return "status_follows_history";
        case invariant::nothing_after_end:
            return "nothing_after_end";
        case invariant::task_ends_once:
            return "task_ends_once";
        case invariant::activity_can_end:
            return "activity_can_end";
        case invariant::activity_is_awaited:
            return "activity_is_awaited";
        case invariant::timer_can_fire:
            return "timer_can_fire";
        case invariant::child_end_told:
            return "child_end_told";
        case invariant::consumed_once:
            return "consumed_once";
        case invariant::messages_distinct:
            return "messages_distinct";
        case invariant::work_is_found:
            return "work_is_found";
        case invariant::lease_can_end:
            return "lease_can_end";
        case invariant::counted_right:
            return "counted_right";
        case invariant::no_orphans:
            return "no_orphans";
        case invariant::no_contradiction:
            return "no_contradiction";
    }
    return "unknown";
}

}  // namespace v1
}  // namespace perdure
