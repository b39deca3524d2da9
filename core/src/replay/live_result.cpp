#include "replay/live_state.hpp"
#include "replay/match.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

// What a turn has led to becomes its result.

namespace perdure::replay {

turn_result live_instance::state::collect() {
    turn_result result;
    result.author_log = std::exchange(author_log_, {});
    result.remarks = std::exchange(remarks_, {});
    if (late_calls_ > 0) {
        result.remarks.push_back(
            {remark::kind::ignored,
             fmt::format("{} call(s) of the context outside of a turn were ignored; destructors of "
                         "locals must not use it",
                         std::exchange(late_calls_, 0))});
    }
    if (!fault_ && turn_bytes_ > limits_.bytes_max) {
        fail(
            turn_fault::kind::too_large,
            fmt::format(
                "the turn asks to store {} bytes; {} are allowed", turn_bytes_, limits_.bytes_max));
    }
    result.fault = fault_;
    if (fault_) {
        destroy_frame();
        return result;
    }
    if (turn_decisions_ > limits_.decisions_max / 10) {
        result.remarks.push_back({remark::kind::large_turn,
                                  fmt::format("the turn made {} decisions; at {} it is parked",
                                              turn_decisions_,
                                              limits_.decisions_max)});
    }
    result.events = std::exchange(turn_events_, {});
    result.bytes = turn_bytes_;
    result.decisions.reserve(pending_.size());
    result.events.reserve(result.events.size() + pending_.size());
    for (decision& made : pending_) {
        check_task_id(made.event);
        result.events.push_back(made.event);
        result.decisions.push_back(std::move(made));
    }
    pending_.clear();
    result.history_length = applied_;
    applied_ += result.events.size();
    describe_end(result);
    result.custom_status = std::exchange(custom_status_, std::nullopt);
    if (end_ != turn_end::open) {
        destroy_frame();
    }
    return result;
}

void live_instance::state::describe_end(turn_result& result) const {
    result.end = end_ == turn_end::open && suspension_ ? turn_end::suspended : end_;
    result.output = output_;
    result.reason = reason_;
    if (end_ == turn_end::completed || end_ == turn_end::failed || end_ == turn_end::terminated) {
        result.parent = start_.parent;
    }
    if (end_ == turn_end::terminated) {
        result.recursive = recursive_;
    }
    if (end_ == turn_end::continued) {
        result.next_start = start_;
        result.next_start.at = now_;
        result.next_start.data = next_->input;
        result.next_start.version = next_->options.version_.value_or(start_.version);
        if (next_->options.keep_events_) {
            result.kept_events = events_.unread();
        }
        if (suspension_) {
            // Suspended by a message of this very turn: so the next execution is.
            result.kept_events.push_back(*suspension_);
        }
    }
}

void live_instance::state::note_drift(const history_event& recorded) {
    if (observer_ != nullptr) {
        // Not as a remark as well: there may be one for each event of a history.
        observer_->drifted(applied_, recorded, pending_.front().event);
        return;
    }
    note(remark::kind::drift,
         fmt::format("drift: {} has another input, version or time in the history than the code "
                     "gives now; the recorded one is kept",
                     describe(recorded)));
}

void live_instance::state::diverge(const history_event* recorded) {
    if (observer_ != nullptr && !fault_) {
        observer_->diverged(applied_, recorded, pending_);
    }
    const auto before = repeated_.first(std::min(repeated_position_, repeated_.size()));
    fail(turn_fault::kind::divergence, divergence_report(applied_, before, recorded, pending_));
}

void live_instance::state::fail(turn_fault::kind what, std::string report) {
    if (!fault_) {
        fault_ = turn_fault{what, std::move(report)};
    }
}

}  // namespace perdure::replay
