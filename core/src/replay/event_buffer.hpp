#pragma once

#include <perdure/detail/turn.hpp>

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace perdure::replay {

struct event_line;

/// A wait for an external event.
struct event_wait final : detail::task_slot {
    /// Null once its event was read, its time was up, or it was taken back.
    event_line* line = nullptr;
    /// Whether the latest await of a wait for this name was of this one, perhaps among others.
    bool is_awaited = false;
    /// Its place in the order of creation.
    std::uint64_t number = 0;
    /// When its time is up; the timer that `id` names is scheduled when no event is there for it.
    std::optional<timestamp> deadline;
    /// When that timer has fired: its place among all ends, as in `done_order`.
    std::uint64_t time_up = 0;
};

/// The waits for events of one name, and the events of this name that nobody has read.
struct event_line {
    struct unread_event {
        /// Its place among all ends of this execution.
        std::uint64_t order = 0;
        history_event event;
    };
    struct by_place {
        bool operator()(const event_wait* a, const event_wait* b) const noexcept {
            return a->is_awaited != b->is_awaited ? a->is_awaited : a->number < b->number;
        }
    };
    using waits = std::set<event_wait*, by_place>;

    std::deque<unread_event> events;
    waits line;
    /// How many events are offered, from the first on: as many as there are waits for.
    std::size_t offered = 0;
    /// The first wait without an offer.
    waits::iterator next = line.end();
};

/// The external events that nobody has read yet, and the waits for them, by name.
///
/// The waits of one name stand in a line: first those of the latest await, then the others, each in
/// the order of creation. The first unread event is offered to the first wait in line, the second
/// to the second, and so on, and a wait with an offer is done. An event is read when the value of
/// its wait is taken; until then it stays unread, and goes to another wait when that is awaited.
///
/// All of it follows from the order of events in the history and from what the code does.
class event_buffer {
  public:
    /// A new wait, at the end of the line.
    [[nodiscard]] event_wait& wait(std::string_view name) {
        event_wait& made = waits_.emplace_back();
        made.kind = event_kind::event_raised;
        made.name = name;
        made.number = waits_.size();
        made.line = &lines_[made.name];
        const auto at = made.line->line.insert(&made).first;
        if (made.line->next == made.line->line.end()) {
            made.line->next = at;
        }
        offer(*made.line);
        return made;
    }

    /// Makes an event unread; the wait that it is offered to, or null.
    event_wait* add(history_event event, std::uint64_t order) {
        event_line& line = lines_[event.name];
        line.events.push_back({order, std::move(event)});
        return offer(line);
    }

    /// Brings these waits to the head of their lines; slots of other kinds are passed over. Returns
    /// the waits that have lost their offer to another.
    std::vector<event_wait*> await(std::span<detail::task_slot* const> awaited) {
        std::vector<event_wait*> losers;
        std::vector<event_line*> changed;
        for (detail::task_slot* slot : awaited) {
            event_wait* wait = waiting(*slot);
            if (wait == nullptr) {
                continue;
            }
            if (std::find(changed.begin(), changed.end(), wait->line) == changed.end()) {
                changed.push_back(wait->line);
                const auto holders = call_back(*wait->line);
                losers.insert(losers.end(), holders.begin(), holders.end());
                while ((*wait->line->line.begin())->is_awaited) {
                    place(**wait->line->line.begin(), false);
                }
            }
            place(*wait, true);
        }
        for (event_line* line : changed) {
            offer(*line);
        }
        std::erase_if(losers, [](const event_wait* wait) { return wait->done; });
        return losers;
    }

    /// Reads the event that is offered to this wait, which then leaves the line.
    [[nodiscard]] payload take(event_wait& wait) {
        event_line& line = *wait.line;
        const auto place = std::distance(line.line.begin(), line.line.find(&wait));
        const auto event = line.events.begin() + place;
        payload content = std::move(event->event.data);
        line.events.erase(event);
        line.line.erase(&wait);
        --line.offered;
        wait.line = nullptr;
        return content;
    }

    /// Lets a wait leave the line; what is offered to it goes to those behind.
    void leave(event_wait& wait) {
        event_line& line = *wait.line;
        static_cast<void>(call_back(line));
        line.line.erase(&wait);
        wait.line = nullptr;
        offer(line);
    }

    /// The wait behind this slot while it is in line; otherwise null.
    [[nodiscard]] static event_wait* waiting(detail::task_slot& slot) noexcept {
        if (slot.kind != event_kind::event_raised) {
            return nullptr;
        }
        auto& wait = static_cast<event_wait&>(slot);
        return wait.line != nullptr ? &wait : nullptr;
    }

    /// All events that nobody has read, in the order in which they came.
    [[nodiscard]] std::vector<history_event> unread() const {
        std::vector<const event_line::unread_event*> order;
        for (const auto& [name, line] : lines_) {
            for (const auto& one : line.events) {
                order.push_back(&one);
            }
        }
        std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
            return a->order < b->order;
        });
        std::vector<history_event> events;
        events.reserve(order.size());
        for (const auto* one : order) {
            events.push_back(one->event);
        }
        return events;
    }

    [[nodiscard]] std::size_t bytes() const noexcept { return waits_.size() * sizeof(event_wait); }

  private:
    /// Offers what is not offered yet, as far as there are waits; the last of these, or null.
    static event_wait* offer(event_line& line) {
        event_wait* last = nullptr;
        if (line.offered == 0) {
            line.next = line.line.begin();
        }
        const std::size_t possible = std::min(line.events.size(), line.line.size());
        for (; line.offered < possible; ++line.offered, ++line.next) {
            last = *line.next;
            last->done = true;
            last->done_order = line.events[line.offered].order;
        }
        return last;
    }

    /// Takes all offers of a line back, and says who had one. The line may change then.
    static std::vector<event_wait*> call_back(event_line& line) {
        const std::vector<event_wait*> holders(line.line.begin(), line.next);
        for (event_wait* wait : holders) {
            wait->done = false;
        }
        line.offered = 0;
        return holders;
    }

    static void place(event_wait& wait, bool is_awaited) {
        wait.line->line.erase(&wait);
        wait.is_awaited = is_awaited;
        wait.line->line.insert(&wait);
    }

    std::map<std::string, event_line, std::less<>> lines_;
    /// Every wait of this execution, at an address that stays.
    std::deque<event_wait> waits_;
};

}  // namespace perdure::replay
