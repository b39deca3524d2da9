#include "checking/history_scan.hpp"

#include <fmt/format.h>

#include <utility>

namespace perdure::checking {

namespace {

bool is_end_of_execution(event_kind kind) noexcept {
    return kind == event_kind::execution_completed || kind == event_kind::execution_failed ||
           kind == event_kind::execution_terminated;
}

}  // namespace

void history_scan::read(std::span<const history_chunk> chunks, std::uint64_t length) {
    std::vector<history_event> events;
    for (const history_chunk& chunk : chunks) {
        if (chunk.first >= length && length_ >= length) {
            return;
        }
        if (chunk.first != length_ && !has_gap_) {
            has_gap_ = true;
            report(invariant::history_gapless,
                   fmt::format("event {} follows event {}",
                               chunk.first,
                               length_ == 0 ? std::string("none") : std::to_string(length_ - 1)));
        }
        length_ = chunk.first + chunk.count;
        events.clear();
        try {
            decode_chunk(chunk, events);
        } catch (const unknown_event_kind&) {
            is_partial_ = true;
        } catch (const history_error& problem) {
            is_partial_ = true;
            events.clear();
            report(
                invariant::history_readable,
                fmt::format("the events from {} on cannot be read: {}", chunk.first, problem.what()));
        }
        events_ += events.size();
        for (const history_event& event : events) {
            apply(event);
        }
    }
}

std::optional<history_scan::fate> history_scan::fate_of(task_id task) const noexcept {
    return task.value == 0 || task.value > fates_.size()
               ? std::nullopt
               : std::optional(fates_[static_cast<std::size_t>(task.value) - 1]);
}

void history_scan::apply(const history_event& event) {
    is_partial_ |= feature_level_of(event.kind) > supported_feature_level();
    const bool is_first = !last_;
    last_ = event.kind;
    if (is_first && is_partial_) {
        // Of what comes first, nothing could be read.
    } else if (is_first != (event.kind == event_kind::execution_started)) {
        report(invariant::one_execution,
               is_first ? fmt::format("its history begins with {}", to_string(event.kind))
                        : std::string("its history begins a second time"));
    } else if (is_first && event.execution != execution_) {
        report(invariant::one_execution,
               fmt::format("it is in execution {}, and its history is that of {}",
                           to_string(execution_.value),
                           to_string(event.execution.value)));
    }
    switch (event.kind) {
        case event_kind::task_scheduled:
        case event_kind::timer_created:
        case event_kind::child_created:
        case event_kind::event_sent:
            schedule(event);
            break;
        case event_kind::task_completed:
        case event_kind::task_failed:
        case event_kind::timer_fired:
        case event_kind::child_completed:
        case event_kind::child_failed:
            finish(event);
            break;
        case event_kind::task_cancelled:
            if (fate_of(event.task)) {
                fates_[static_cast<std::size_t>(event.task.value) - 1] = fate::taken_back;
                awaited_.erase(event.task.value);
            }
            break;
        case event_kind::turn_started:
            if (end_) {
                report(invariant::nothing_after_end,
                       fmt::format("a turn begins after {}", to_string(*end_)));
            }
            break;
        default:
            if (is_end_of_execution(event.kind)) {
                end_ = event.kind;
            }
            break;
    }
}

void history_scan::schedule(const history_event& event) {
    if (event.task.value != fates_.size() + 1) {
        if (!is_partial_) {
            report(invariant::history_readable,
                   fmt::format("task {} is scheduled after task {}", event.task.value, fates_.size()),
                   event.task);
        }
        is_partial_ = true;
        return;
    }
    // Nobody hears of a message that was sent.
    const bool is_sent = event.kind == event_kind::event_sent;
    fates_.push_back(is_sent ? fate::taken_back : fate::awaited);
    if (!is_sent) {
        awaited_.emplace(event.task.value,
                         awaited_task{event.kind, event.name, event.fire_at, event.instance});
    }
}

// What comes after the task was taken back may come, once or more; nobody is there to hear it.
void history_scan::finish(const history_event& event) {
    const auto known = fate_of(event.task);
    if (known == fate::awaited) {
        fates_[static_cast<std::size_t>(event.task.value) - 1] = fate::ended;
        awaited_.erase(event.task.value);
    } else if (known == fate::ended) {
        report(invariant::task_ends_once,
               fmt::format("task {} has ended, and then {} came for it",
                           event.task.value,
                           to_string(event.kind)),
               event.task);
    }
}

void history_scan::report(invariant broken, std::string found, task_id task) {
    constexpr std::size_t enough = 100;
    if (violations_.size() < enough) {
        violations_.push_back({.broken = broken,
                               .instance = instance_,
                               .execution = execution_,
                               .number = task.value,
                               .found = std::move(found)});
    }
}

}  // namespace perdure::checking
