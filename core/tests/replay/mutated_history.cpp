#include "mutated_history.hpp"

#include "transcript.hpp"

#include <filesystem>
#include <utility>

namespace perdure::test {

namespace {

/// Deals out the bytes one by one; zeros when there are none left.
class byte_dealer {
  public:
    explicit byte_dealer(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

    [[nodiscard]] bool is_empty() const { return at_ >= bytes_.size(); }
    std::size_t next() { return is_empty() ? 0 : bytes_[at_++]; }
    std::size_t below(std::size_t bound) { return bound == 0 ? 0 : next() % bound; }

  private:
    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
};

constexpr event_kind kinds[] = {event_kind::execution_started,
                                event_kind::execution_completed,
                                event_kind::execution_failed,
                                event_kind::execution_terminated,
                                event_kind::execution_suspended,
                                event_kind::execution_resumed,
                                event_kind::execution_continued_as_new,
                                event_kind::task_scheduled,
                                event_kind::task_completed,
                                event_kind::task_failed,
                                event_kind::timer_created,
                                event_kind::timer_fired,
                                event_kind::child_created,
                                event_kind::child_completed,
                                event_kind::child_failed,
                                event_kind::event_raised,
                                event_kind::event_sent,
                                event_kind::turn_started,
                                event_kind::custom_status_set,
                                event_kind::task_cancelled,
                                event_kind::step_completed};

void mutate(std::vector<history_event>& events, byte_dealer& bytes) {
    const std::size_t at = bytes.below(events.size());
    history_event& event = events[at];
    switch (bytes.below(8)) {
        case 0:
            events.erase(events.begin() + static_cast<std::ptrdiff_t>(at));
            break;
        case 1:
            events.insert(events.begin() + static_cast<std::ptrdiff_t>(at), event);
            break;
        case 2:
            std::swap(event, events[bytes.below(events.size())]);
            break;
        case 3:
            event.kind = kinds[bytes.below(std::size(kinds))];
            break;
        case 4:
            event.task = {bytes.next()};
            break;
        case 5:
            event.name += static_cast<char>('a' + bytes.below(26));
            break;
        case 6:
            event.data.bytes = std::string(bytes.below(8), '[');
            break;
        default:
            event.reason = std::make_shared<const failure>("Mutated", "by the bytes");
            break;
    }
}

}  // namespace

std::vector<recorded_history> recorded_histories(const registry& known,
                                                 const std::string& directory) {
    std::vector<recorded_history> all;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        const transcript text = read_transcript(entry.path().string());
        if (text.orchestration == "spin") {
            continue;  // Takes long and has three events.
        }
        recorded_history recorded{text.orchestration, {start_event(text)}};
        const auto* definition = known.find_orchestration(text.orchestration, "");
        for (const transcript_turn& turn : text.turns) {
            const auto result =
                replay::run_turn(*definition, recorded.events, turn.messages, turn.now, {});
            recorded.events.insert(
                recorded.events.end(), result.events.begin(), result.events.end());
        }
        all.push_back(std::move(recorded));
    }
    return all;
}

bool replay_mutated(const registry& known,
                    const std::vector<recorded_history>& histories,
                    std::span<const std::uint8_t> bytes) {
    byte_dealer dealer(bytes);
    const recorded_history& chosen = histories[dealer.below(histories.size())];
    std::vector<history_event> events = chosen.events;
    while (!dealer.is_empty() && !events.empty()) {
        mutate(events, dealer);
    }
    const auto* definition = known.find_orchestration(chosen.orchestration, "");
    replay::turn_limits limits;
    limits.decisions_max = 10'000;
    const auto result = replay::run_turn(*definition, events, {}, timestamp{}, limits);
    return result.fault.has_value();
}

}  // namespace perdure::test
