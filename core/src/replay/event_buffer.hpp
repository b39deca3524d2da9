#pragma once

#include <perdure/detail/turn.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace perdure::replay {

/// External events that nobody has waited for yet, and waits that no event has met yet, by name.
/// For one name, at most one of the two is not empty.
class event_buffer {
  public:
    void keep(history_event event) {
        auto& queue = kept_[event.name];
        queue.push_back({++arrivals_, std::move(event)});
    }

    /// The oldest event of this name.
    [[nodiscard]] std::optional<history_event> take(const std::string& name) {
        const auto found = kept_.find(name);
        if (found == kept_.end() || found->second.empty()) {
            return std::nullopt;
        }
        history_event event = std::move(found->second.front().event);
        found->second.pop_front();
        return event;
    }

    void wait(const std::string& name, detail::task_slot& slot) { waits_[name].push_back(&slot); }
    void stop_waiting(const std::string& name, const detail::task_slot& slot) {
        std::erase(waits_[name], &slot);
    }
    /// The oldest wait for this name; null when there is none.
    [[nodiscard]] detail::task_slot* take_wait(const std::string& name) {
        const auto found = waits_.find(name);
        if (found == waits_.end() || found->second.empty()) {
            return nullptr;
        }
        detail::task_slot* slot = found->second.front();
        found->second.pop_front();
        return slot;
    }

    /// All events that nobody waited for, in the order in which they came.
    [[nodiscard]] std::vector<history_event> unread() const {
        std::vector<const arrival*> order;
        for (const auto& [name, queue] : kept_) {
            for (const auto& one : queue) {
                order.push_back(&one);
            }
        }
        std::sort(order.begin(), order.end(), [](const arrival* a, const arrival* b) {
            return a->number < b->number;
        });
        std::vector<history_event> events;
        events.reserve(order.size());
        for (const arrival* one : order) {
            events.push_back(one->event);
        }
        return events;
    }

  private:
    struct arrival {
        std::uint64_t number = 0;
        history_event event;
    };

    std::map<std::string, std::deque<arrival>> kept_;
    std::map<std::string, std::deque<detail::task_slot*>> waits_;
    std::uint64_t arrivals_ = 0;
};

}  // namespace perdure::replay
