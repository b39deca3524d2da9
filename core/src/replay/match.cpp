#include "replay/match.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace perdure::replay {

bool is_decision(event_kind kind) noexcept {
    switch (kind) {
        case event_kind::task_scheduled:
        case event_kind::timer_created:
        case event_kind::child_created:
        case event_kind::event_sent:
        case event_kind::custom_status_set:
        case event_kind::task_cancelled:
        case event_kind::execution_completed:
        case event_kind::execution_failed:
        case event_kind::execution_continued_as_new:
            return true;
        default:
            return false;
    }
}

bool is_scheduling(event_kind kind) noexcept {
    return kind == event_kind::task_scheduled || kind == event_kind::timer_created ||
           kind == event_kind::child_created || kind == event_kind::event_sent;
}

bool is_same_act(const history_event& recorded, const history_event& made) noexcept {
    return recorded.kind == made.kind && recorded.task == made.task && recorded.name == made.name &&
           recorded.instance == made.instance;
}

bool has_drifted(const history_event& recorded, const history_event& made) noexcept {
    return recorded.data != made.data || recorded.fire_at != made.fire_at ||
           recorded.version != made.version;
}

std::string describe(const history_event& event) {
    std::string text(to_string(event.kind));
    if (event.task) {
        text += fmt::format(" #{}", event.task.value);
    }
    if (!event.name.empty()) {
        text += fmt::format(" \"{}\"", event.name);
    }
    if (!event.instance.empty()) {
        text += fmt::format(" instance \"{}\"", event.instance);
    }
    return text;
}

std::string divergence_report(std::uint64_t position,
                              std::span<const history_event> before,
                              const history_event* recorded,
                              const std::deque<decision>& made) {
    const std::string history =
        recorded != nullptr ? describe(*recorded) : std::string("(the turn ends here)");
    const std::string code =
        made.empty() ? std::string("(asks for nothing here)") : describe(made.front().event);
    std::string report =
        fmt::format("history and code disagree at event {}\n  history: {}\n  code:    {}\n",
                    position,
                    history,
                    code);

    constexpr std::size_t context_lines = 6;
    const std::size_t shown = std::min(before.size(), context_lines);
    if (shown > 0) {
        report += "the history before it, on which both agree:\n";
    }
    for (std::size_t i = before.size() - shown; i < before.size(); ++i) {
        report += fmt::format("  {:>6} {}\n", position - (before.size() - i), describe(before[i]));
    }
    if (made.size() > 1) {
        report += "what the code asks for after it:\n";
    }
    for (std::size_t i = 1; i < made.size() && i <= context_lines; ++i) {
        report += fmt::format("         {}\n", describe(made[i].event));
    }
    report +=
        "Deploy code that makes the recorded decisions again, or give changed code a new version; "
        "then release the instance.";
    return report;
}

}  // namespace perdure::replay
