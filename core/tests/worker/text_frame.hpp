#pragma once

#include "replay/turn_machine.hpp"

#include <perdure/history_codec.hpp>

#include <algorithm>
#include <deque>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

// Orchestrations that are no C++ code: their decisions stand in a text file. The replay of such a
// text, pure as the core's own.

namespace perdure::testing {

struct text_line {
    unsigned round = 0;
    std::string decision;
    std::string name;
    std::string input;
};

/// The lines of each orchestration, by its name.
using text_code = std::map<std::string, std::vector<text_line>>;

inline text_code read_text_code(const std::string& file) {
    std::ifstream text(file);
    text_code code;
    for (std::string line; std::getline(text, line);) {
        if (line.empty() || line.front() == '#') {
            continue;
        }
        std::istringstream words(line);
        std::string orchestration;
        text_line read;
        words >> orchestration >> read.round >> read.decision >> read.name >> read.input;
        code[orchestration].push_back(read);
    }
    if (code.empty()) {
        throw std::runtime_error("no orchestrations in " + file);
    }
    return code;
}

inline text_code texts() {
    return read_text_code(PERDURE_TEST_DATA "/text_orchestrations.txt");
}

/// One execution of a text. One thread at a time.
class text_frame {
  public:
    explicit text_frame(std::vector<text_line> code) : code_(std::move(code)) {}

    void rebuild(std::span<const history_event> history, replay::history_ends end) {
        for (const history_event& event : history) {
            apply(event);
            ++applied_;
        }
        if (end == replay::history_ends::after_a_turn) {
            perform();
            if (!pending_.empty() || step_) {
                diverge();
            }
        }
    }

    replay::turn_state begin(timestamp now, const std::vector<inbox_message>& inbox) {
        turn_events_.assign(1, {});
        turn_events_.front().kind = event_kind::turn_started;
        for (const inbox_message& message : inbox) {
            turn_events_.push_back(decode_event(message.event));
            turn_events_.back().task = message.task;
        }
        for (history_event& event : turn_events_) {
            event.at = std::max(now, now_);
            apply(event);
        }
        return go_on();
    }

    replay::turn_state resume(const replay::ended_step& ended) {
        if (!step_ || ended.task.value != steps_ + 1) {
            throw std::logic_error("a step ended that nobody wants");
        }
        end_step(codec<std::string>::decode(std::get<payload>(ended.result)));
        return go_on();
    }

    replay::turn_result collect() {
        replay::turn_result result;
        result.fault = fault_;
        if (fault_) {
            return result;
        }
        result.events = std::exchange(turn_events_, {});
        for (replay::decision& made : pending_) {
            result.events.push_back(made.event);
            result.decisions.push_back(std::move(made));
        }
        pending_.clear();
        result.history_length = std::exchange(applied_, applied_ + result.events.size());
        result.end = end_;
        result.output = output_;
        result.parent = end_ == replay::turn_end::open ? std::nullopt : start_.parent;
        return result;
    }

    void condemn(std::string report) {
        fault_ = replay::turn_fault{replay::turn_fault::kind::divergence, std::move(report)};
    }
    [[nodiscard]] std::uint64_t history_length() const noexcept { return applied_; }
    [[nodiscard]] bool awaits_only(task_id task) const noexcept {
        return waits_.empty() && open_.size() == 1 && open_.contains(task.value);
    }

  private:
    void apply(const history_event& event) {
        switch (event.kind) {
            case event_kind::execution_started:
                start_ = event;
                return;
            case event_kind::turn_started:
                perform();
                has_begun_ = true;
                now_ = event.at;
                return;
            case event_kind::task_completed:
                if (open_.erase(event.task.value) > 0) {
                    values_.push_back(codec<std::string>::decode(event.data));
                }
                return;
            case event_kind::event_raised:
                arrived_[event.name].push_back(codec<std::string>::decode(event.data));
                read_events();
                return;
            default:
                match(event);
        }
    }

    /// A decision that the history has.
    void match(const history_event& recorded) {
        perform();
        if (pending_.empty() && step_ && recorded.kind == event_kind::custom_status_set) {
            end_step(codec<std::string>::decode(recorded.data));
        }
        if (pending_.empty() || pending_.front().event.kind != recorded.kind ||
            pending_.front().event.task != recorded.task) {
            diverge();
            return;
        }
        pending_.pop_front();
    }

    replay::turn_state go_on() {
        perform();
        if (!step_) {
            return {};
        }
        auto function = [input = step_->input] {
            return activity_result(codec<std::string>::encode("1" + input));
        };
        return replay::turn_state::wanting({{steps_ + 1}, step_->name, std::move(function)});
    }

    /// Decides whatever is due.
    void perform() {
        while (has_begun_ && !step_ && next_ < code_.size()) {
            const text_line& line = code_[next_];
            if (line.round != round_ && !(open_.empty() && waits_.empty())) {
                return;
            }
            round_ = line.round;
            ++next_;
            perform(line);
        }
    }

    void perform(const text_line& line) {
        if (line.decision == "call") {
            open_.insert(++tasks_);
            history_event& event = decide(event_kind::task_scheduled);
            event.task = {tasks_};
            event.name = line.name;
            event.data = codec<std::string>::encode(line.input);
        } else if (line.decision == "wait") {
            waits_.push_back(line.name);
            read_events();
        } else if (line.decision == "step") {
            step_ = line;
        } else if (line.decision == "complete") {
            std::string all;
            for (const std::string& value : values_) {
                all += (all.empty() ? "" : "; ") + value;
            }
            output_ = codec<std::string>::encode(all);
            end_ = replay::turn_end::completed;
            decide(event_kind::execution_completed).data = output_;
        } else {
            throw std::logic_error("unknown decision " + line.decision);
        }
    }

    /// The history keeps what a step gave as a custom status, for want of an event of its own.
    void end_step(const std::string& value) {
        ++steps_;
        step_.reset();
        values_.push_back(value);
        decide(event_kind::custom_status_set).data = codec<std::string>::encode(value);
    }

    history_event& decide(event_kind kind) {
        history_event& event = pending_.emplace_back().event;
        event.kind = kind;
        event.at = now_;
        return event;
    }

    void read_events() {
        std::erase_if(waits_, [this](const std::string& name) {
            auto& texts = arrived_[name];
            if (texts.empty()) {
                return false;
            }
            values_.push_back(std::move(texts.front()));
            texts.pop_front();
            return true;
        });
    }

    void diverge() { condemn("the text and the history differ"); }

    std::vector<text_line> code_;
    history_event start_;
    std::uint64_t applied_ = 0;
    timestamp now_{};
    bool has_begun_ = false;
    unsigned round_ = 0;
    std::size_t next_ = 0;
    std::uint64_t tasks_ = 0;
    std::uint64_t steps_ = 0;
    std::set<std::uint64_t> open_;
    std::vector<std::string> waits_;
    std::map<std::string, std::deque<std::string>> arrived_;
    std::optional<text_line> step_;
    std::vector<std::string> values_;
    std::deque<replay::decision> pending_;
    std::vector<history_event> turn_events_;
    std::optional<replay::turn_fault> fault_;
    replay::turn_end end_ = replay::turn_end::open;
    payload output_;
};

}  // namespace perdure::testing
