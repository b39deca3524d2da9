#pragma once

#include <perdure/history_codec.hpp>
#include <perdure/instance_image.hpp>
#include <perdure/store_check.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace perdure::checking {

/// A task that was scheduled and has neither ended nor been taken back.
struct awaited_task {
    event_kind kind{};
    std::string name{};
    /// Of a timer.
    timestamp fire_at{};
    /// Of a child.
    std::string child{};
};

/// Reads the history of one instance, part by part, and remembers what it says of tasks and of the
/// end. Of its events it keeps none.
class history_scan {
  public:
    enum class fate : std::uint8_t { awaited, ended, taken_back };

    history_scan(const instance_id& instance, execution_id execution)
        : instance_(instance), execution_(execution) {}

    /// The chunks that follow, up to this length of the history.
    void read(std::span<const history_chunk> chunks, std::uint64_t length);
    /// Whether the next chunk is expected at this event.
    [[nodiscard]] std::uint64_t length() const noexcept { return length_; }

    [[nodiscard]] std::vector<violation>& violations() noexcept { return violations_; }
    [[nodiscard]] std::uint64_t events() const noexcept { return events_; }
    /// A newer version wrote some of it, or it cannot be read: what it says of tasks is not all.
    [[nodiscard]] bool is_partial() const noexcept { return is_partial_; }
    [[nodiscard]] const std::map<std::uint64_t, awaited_task>& awaited() const noexcept {
        return awaited_;
    }
    /// Nothing for a task that was never scheduled.
    [[nodiscard]] std::optional<fate> fate_of(task_id task) const noexcept;
    /// The event by which the execution ended, the last one of several.
    [[nodiscard]] std::optional<event_kind> end() const noexcept { return end_; }
    [[nodiscard]] std::optional<event_kind> last() const noexcept { return last_; }

  private:
    void apply(const history_event& event);
    void schedule(const history_event& event);
    void finish(const history_event& event);
    void report(invariant broken, std::string found, task_id task = {});

    const instance_id& instance_;
    execution_id execution_;
    std::uint64_t length_ = 0;
    std::uint64_t events_ = 0;
    bool is_partial_ = false;
    bool has_gap_ = false;
    /// By task id, from 1 on.
    std::vector<fate> fates_;
    std::map<std::uint64_t, awaited_task> awaited_;
    std::optional<event_kind> end_;
    std::optional<event_kind> last_;
    std::vector<violation> violations_;
};

}  // namespace perdure::checking
