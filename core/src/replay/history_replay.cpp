#include "replay/event_words.hpp"
#include "replay/live_instance.hpp"
#include "replay/match.hpp"

#include <perdure/history_codec.hpp>
#include <perdure/replay.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

namespace perdure {
inline namespace v1 {

namespace {

constexpr std::size_t context_events = 3;

replay::turn_limits limits_of(const replay_options& options) {
    replay::turn_limits limits;
    limits.payload_bytes_max = options.payload_bytes_max;
    // Nothing is stored, so what a turn may store is no matter.
    limits.bytes_max = std::numeric_limits<std::size_t>::max();
    limits.decisions_max = std::numeric_limits<std::size_t>::max();
    return limits;
}

std::string versions_of(const registry& known, const std::string& name) {
    std::string versions;
    for (const orchestration_definition* each : known.orchestrations()) {
        if (each->name == name) {
            versions += (versions.empty() ? "\"" : ", \"") + each->version + '"';
        }
    }
    return versions;
}

replay_verdict verdict_of(replay::turn_fault::kind what) {
    switch (what) {
        case replay::turn_fault::kind::divergence:
            return replay_verdict::diverges;
        case replay::turn_fault::kind::undecodable:
            return replay_verdict::unreadable;
        case replay::turn_fault::kind::unimplemented:
            return replay_verdict::newer;
        case replay::turn_fault::kind::too_large:
        case replay::turn_fault::kind::bad_history:
            break;
    }
    return replay_verdict::broken;
}

}  // namespace

std::string_view to_string(replay_verdict verdict) noexcept {
    switch (verdict) {
        case replay_verdict::agrees:
            return "agrees";
        case replay_verdict::agrees_so_far:
            return "agrees_so_far";
        case replay_verdict::diverges:
            return "diverges";
        case replay_verdict::unreadable:
            return "unreadable";
        case replay_verdict::unknown_definition:
            return "unknown_definition";
        case replay_verdict::newer:
            return "newer";
        case replay_verdict::broken:
            break;
    }
    return "broken";
}

class history_replay::state final : public replay::match_observer {
  public:
    state(const registry& known, instance_id instance, replay_options options)
        : known_(known), instance_(std::move(instance)), options_(options) {}

    void take(std::span<const history_chunk> page) {
        if (is_certain_) {
            return;
        }
        try {
            read(page);
            if (!page_.empty() && (machine_ || begin())) {
                machine_->rebuild(page_, replay::history_ends::anywhere);
                if (machine_->history_length() < next_ + page_.size()) {
                    conclude();
                    return;
                }
                next_ += page_.size();
                remember();
            }
        } catch (const unknown_event_kind& problem) {
            settle(replay_verdict::newer, problem.what());
        } catch (const error& problem) {
            settle(replay_verdict::broken, problem.what());
        }
    }

    [[nodiscard]] std::uint64_t next_event() const noexcept { return next_; }

    replay_answer finish() {
        if (!is_certain_) {
            page_.clear();
            try {
                if (!machine_) {
                    throw history_error("the history has no event");
                }
                machine_->rebuild({}, replay::history_ends::after_a_turn);
                conclude();
            } catch (const error& problem) {
                settle(replay_verdict::broken, problem.what());
            }
        }
        return std::move(answer_);
    }

    void drifted(std::uint64_t number,
                 const history_event& recorded,
                 const history_event& made) override {
        ++answer_.differing_inputs;
        if (answer_.inputs.size() < options_.inputs_max) {
            auto words = replay::words_of_both(recorded, made);
            answer_.inputs.push_back({.number = number,
                                      .recorded = std::move(words.first),
                                      .decided = std::move(words.second)});
        }
    }

    void diverged(std::uint64_t number,
                  const history_event* recorded,
                  const std::deque<replay::decision>& made) override {
        replay_difference& found = answer_.divergence.emplace();
        found.number = number;
        found.recorded =
            recorded != nullptr ? replay::words_of(*recorded) : "(the history ends here)";
        found.decided = made.empty() ? "(asks for nothing here)" : words_of_made(made.front());
        const std::size_t at = number - next_;
        found.before = before(at);
        for (std::size_t i = at + 1; i < page_.size() && i <= at + context_events; ++i) {
            found.recorded_after.push_back(replay::words_of(page_[i]));
        }
        for (std::size_t i = 1; i < made.size() && i <= context_events; ++i) {
            found.decided_after.push_back(words_of_made(made[i]));
        }
    }

  private:
    static std::string words_of_made(const replay::decision& made) {
        return replay::words_of(made.event);
    }

    void settle(replay_verdict verdict, std::string problem) {
        is_certain_ = true;
        answer_.verdict = verdict;
        answer_.problem = std::move(problem);
        answer_.events = machine_ ? machine_->history_length() : 0;
        machine_.reset();
    }

    void read(std::span<const history_chunk> page) {
        page_.clear();
        for (const history_chunk& chunk : page) {
            const std::uint64_t expected = next_ + page_.size();
            if (chunk.first != expected) {
                throw history_error(fmt::format(
                    "event {} was expected, and a chunk begins with {}", expected, chunk.first));
            }
            decode_chunk(chunk, page_);
        }
    }

    /// Whether there is a machine now.
    bool begin() {
        const history_event& start = page_.front();
        if (start.kind != event_kind::execution_started) {
            throw history_error("the history begins with " + replay::describe(start) +
                                " and not with the start of an execution");
        }
        answer_.name = start.name;
        answer_.version = start.version;
        const auto* definition = known_.find_orchestration(start.name, start.version);
        if (definition == nullptr) {
            const std::string versions = versions_of(known_, start.name);
            settle(replay_verdict::unknown_definition,
                   fmt::format("there is no orchestration \"{}\" version \"{}\"{}",
                               start.name,
                               start.version,
                               versions.empty() ? "" : "; of this name there is " + versions));
            return false;
        }
        machine_ = std::make_unique<replay::live_instance>(
            instance_, start.execution, *definition, limits_of(options_));
        machine_->show(*this);
        return true;
    }

    /// What the machine has come to, at the end or by a fault before.
    void conclude() {
        const replay::turn_result result = machine_->collect();
        if (result.fault) {
            // A difference in words is better than the report for a parked instance.
            settle(verdict_of(result.fault->what),
                   answer_.divergence ? std::string() : result.fault->report);
            return;
        }
        const bool is_open =
            result.end == replay::turn_end::open || result.end == replay::turn_end::suspended;
        settle(is_open ? replay_verdict::agrees_so_far : replay_verdict::agrees, {});
    }

    /// The last events before this place of the page.
    [[nodiscard]] std::vector<std::string> before(std::size_t at) const {
        std::vector<std::string> events;
        const std::size_t here = std::min({at, page_.size(), context_events});
        const std::size_t earlier = std::min(context_events - here, tail_.size());
        for (std::size_t i = tail_.size() - earlier; i < tail_.size(); ++i) {
            events.push_back(replay::words_of(tail_[i]));
        }
        for (std::size_t i = at - here; i < at; ++i) {
            events.push_back(replay::words_of(page_[i]));
        }
        return events;
    }

    /// Before the page is gone.
    void remember() {
        const std::size_t kept = std::min(page_.size(), context_events);
        tail_.insert(tail_.end(), page_.end() - static_cast<std::ptrdiff_t>(kept), page_.end());
        if (tail_.size() > context_events) {
            tail_.erase(tail_.begin(), tail_.end() - context_events);
        }
    }

    const registry& known_;
    instance_id instance_;
    replay_options options_;
    replay_answer answer_;
    bool is_certain_ = false;
    /// The events that are being replayed; the first one has the number `next_`.
    std::vector<history_event> page_;
    std::uint64_t next_ = 0;
    /// The last events before the page.
    std::vector<history_event> tail_;
    std::unique_ptr<replay::live_instance> machine_;
};

history_replay::history_replay(const registry& known, instance_id instance, replay_options options)
    : state_(std::make_unique<state>(known, std::move(instance), options)) {}

history_replay::~history_replay() = default;

void history_replay::take(std::span<const history_chunk> page) {
    state_->take(page);
}

std::uint64_t history_replay::next_event() const noexcept {
    return state_->next_event();
}

replay_answer history_replay::finish() {
    return state_->finish();
}

replay_answer replay_history(const registry& known,
                             const instance_id& instance,
                             std::span<const history_chunk> history,
                             const replay_options& options) {
    history_replay replaying(known, instance, options);
    replaying.take(history);
    return replaying.finish();
}

}  // namespace v1
}  // namespace perdure
