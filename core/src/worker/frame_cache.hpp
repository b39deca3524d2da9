#pragma once

#include "replay/turn_machine.hpp"

#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

namespace perdure::dispatch {

/// Which point of an instance's life a live frame stands at [VERSION-1].
struct frame_position {
    execution_id execution{};
    std::uint64_t history_version = 0;
    lease_token last_committed{};
    std::uint64_t history_length = 0;
    friend bool operator==(const frame_position&, const frame_position&) = default;
};

/// Live frames between turns, so that a turn need not repeat the whole history. Bounded by number
/// and estimated bytes; the least recently used goes first. One frame that is larger than all the
/// room is kept beside the others, the newest: to repeat its history at every turn would take as
/// much memory, and time that grows with the square of its length. Only an optimisation. Safe from
/// any thread.
class PERDURE_EXPORT frame_cache {
  public:
    using frame = std::unique_ptr<replay::turn_machine>;

    frame_cache(std::size_t frames_max, std::size_t bytes_max)
        : frames_max_(frames_max), bytes_max_(bytes_max) {}
    frame_cache(const frame_cache&) = delete;
    frame_cache& operator=(const frame_cache&) = delete;
    ~frame_cache() = default;

    /// Takes the frame out when it stands exactly there. One that stands elsewhere is stale: it is
    /// destroyed, and nothing is returned.
    [[nodiscard]] frame take(const instance_id& instance, const frame_position& expected);
    /// Takes the frame of this execution out, with its position, when it waits for the end of this
    /// activity and of nothing else, and its turns end where they begin. Any other stays.
    [[nodiscard]] std::optional<std::pair<frame_position, frame>> take_awaiting(
        const instance_id& instance, const execution_id& execution, task_id task);
    void put(const instance_id& instance, const frame_position& position, frame live);
    void drop(const instance_id& instance);
    void clear();

    [[nodiscard]] bool contains(const instance_id& instance) const;
    [[nodiscard]] std::size_t size() const;
    /// One part of so many of the room is taken. The rest is for what is under way: an instance
    /// that has begun comes back for every turn, and for the sake of fairness others begin beside
    /// it, so whatever else begins from here on is likely to push out a frame that will be needed.
    /// Never when the cache is switched off.
    [[nodiscard]] bool is_scarce() const;
    static constexpr std::size_t scarce_part = 8;

  private:
    struct entry {
        instance_id instance;
        frame_position position;
        frame live;
        /// Of the room; none for the one that is larger than that.
        std::size_t bytes = 0;
    };
    using entry_list = std::list<entry>;

    /// Moves an entry out; its frame dies with `out`, outside of the mutex: user code's destructors
    /// must not meet it.
    void unlink(entry_list::iterator place, entry_list& out);

    const std::size_t frames_max_;
    const std::size_t bytes_max_;
    mutable std::mutex mutex_;
    /// Most recently used first.
    entry_list entries_;
    std::unordered_map<instance_id, entry_list::iterator> by_instance_;
    std::size_t bytes_ = 0;
    std::optional<instance_id> oversized_;
};

}  // namespace perdure::dispatch
