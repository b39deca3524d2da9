#pragma once

#include "worker/leased_item.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

namespace perdure::dispatch {

/// How many items were finished in the last tenth of a second.
class PERDURE_EXPORT pace {
  public:
    void add(steady::time_point now) noexcept;
    [[nodiscard]] std::size_t recent(steady::time_point now) noexcept;

  private:
    static constexpr std::size_t slices = 10;
    static constexpr auto slice_length = std::chrono::milliseconds(10);

    void forget_before(std::int64_t slice) noexcept;

    std::array<std::size_t, slices> counts_{};
    std::int64_t newest_ = 0;
    std::size_t total_ = 0;
};

/// Leased items that wait for a thread, how many of each kind are under way, and how much more the
/// worker can begin now. One thread at a time: the dispatcher's mutex guards it.
class PERDURE_EXPORT work_queue {
  public:
    struct limits {
        std::size_t turns_max;
        std::size_t activities_max;
    };

    explicit work_queue(limits most) : limits_{most.turns_max, most.activities_max} {}

    void put(item_ptr item);
    /// The oldest item whose kind may begin another, counted as under way from now on; null when
    /// there is none.
    [[nodiscard]] item_ptr take();
    /// An item that was taken is no longer under way.
    void end(item_kind kind, steady::time_point now) noexcept;

    [[nodiscard]] bool can_take() const noexcept;
    [[nodiscard]] std::size_t size() const noexcept;
    [[nodiscard]] std::size_t under_way() const noexcept { return under_way_[0] + under_way_[1]; }
    struct rooms {
        std::size_t turns = 0;
        std::size_t activities = 0;
    };
    /// Items to ask the store for, with `pending` finished ones not yet committed, in a call that
    /// is likely to make `expected` ready. At least what the limits leave free, less what waits;
    /// more as far as items were finished in the last moments. When it is scarce, work that this
    /// process has begun goes before work that it would begin: the frames of the former are here.
    [[nodiscard]] rooms room(const expected_work& expected,
                             std::size_t pending,
                             steady::time_point now) noexcept;
    /// Takes out what has been waiting since before `limit`, without counting it as under way.
    [[nodiscard]] std::vector<item_ptr> take_waiting_since(steady::time_point limit);
    [[nodiscard]] std::uint64_t taken() const noexcept { return taken_; }

  private:
    struct waiting {
        item_ptr item;
        std::uint64_t serial;
    };

    [[nodiscard]] std::size_t room_of_kind(std::size_t kind, steady::time_point now) noexcept;
    [[nodiscard]] bool can_take(std::size_t kind) const noexcept {
        return !waiting_[kind].empty() && under_way_[kind] < limits_[kind];
    }

    std::array<std::size_t, 2> limits_;
    std::array<std::deque<waiting>, 2> waiting_;
    std::array<std::size_t, 2> under_way_{};
    std::array<pace, 2> pace_;
    std::uint64_t next_serial_ = 0;
    std::uint64_t taken_ = 0;
};

}  // namespace perdure::dispatch
