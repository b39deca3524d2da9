#include "replay/live_instance.hpp"

#include "nouns/invariant.hpp"
#include "replay/live_state.hpp"

#include <perdure/history_codec.hpp>

#include <algorithm>

namespace perdure::replay {

live_instance::live_instance(instance_id instance,
                             execution_id execution,
                             const orchestration_definition& definition,
                             turn_limits limits)
    : state_(std::make_unique<state>(std::move(instance), execution, definition, limits)) {}

live_instance::~live_instance() = default;

void live_instance::rebuild(std::span<const history_event> history, history_ends end) {
    state_->rebuild(history, end);
}

turn_state live_instance::begin(timestamp now, std::span<const inbox_message> inbox) {
    std::vector<history_event> events;
    events.reserve(inbox.size() + 1);
    history_event& bracket = events.emplace_back();
    bracket.kind = event_kind::turn_started;
    bracket.at = std::max(now, state_->now());
    for (const inbox_message& message : inbox) {
        try {
            history_event event = decode_event(message.event);
            event.task = message.task;
            if (event.kind == event_kind::timer_fired) {
                // A timer never fires before its time, as the orchestration sees it.
                events.front().at = std::max(events.front().at, message.visible_at);
            }
            events.push_back(std::move(event));
        } catch (const history_error& problem) {
            const bool is_newer = dynamic_cast<const unknown_event_kind*>(&problem) != nullptr;
            state_->refuse_turn(
                {is_newer ? turn_fault::kind::unimplemented : turn_fault::kind::bad_history,
                 std::string("a message in the inbox cannot be read: ") + problem.what()});
            return {};
        }
    }
    for (history_event& event : events) {
        event.at = events.front().at;
    }
    state_->begin_turn(std::move(events));
    return {};
}

turn_state live_instance::resume(std::optional<ended_step> /*step*/) {
    throw broken_invariant("the turn of a coroutine waits for nothing");
}

void live_instance::when_ready(std::function<void()> /*listener*/) {
    throw broken_invariant("the turn of a coroutine does not wait elsewhere");
}

turn_result live_instance::collect() {
    return state_->collect();
}

turn_result live_instance::advance(timestamp now, std::span<const inbox_message> inbox) {
    static_cast<void>(begin(now, inbox));
    return collect();
}

void live_instance::show(match_observer& observer) noexcept {
    state_->show(observer);
}

void live_instance::condemn(std::string report) {
    state_->fail(turn_fault::kind::divergence, std::move(report));
}

std::uint64_t live_instance::history_length() const noexcept {
    return state_->history_length();
}

std::size_t live_instance::bytes() const noexcept {
    return state_->bytes();
}

bool live_instance::awaits_only(task_id task) const noexcept {
    return state_->awaits_only(task);
}

const std::string& live_instance::name() const noexcept {
    return state_->definition().name;
}

const std::string& live_instance::version() const noexcept {
    return state_->definition().version;
}

turn_result run_turn(const orchestration_definition& definition,
                     std::span<const history_event> history,
                     std::span<const inbox_message> inbox,
                     timestamp now,
                     const turn_limits& limits) {
    const execution_id execution = history.empty() ? execution_id{} : history.front().execution;
    live_instance live(instance_id("replay"), execution, definition, limits);
    live.rebuild(history, history_ends::after_a_turn);
    return live.advance(now, inbox);
}

}  // namespace perdure::replay
