#pragma once

#include <perdure/history.hpp>
#include <perdure/limits.hpp>
#include <perdure/registry.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Recorded histories against today's code, without a hub: what a worker would do with them. The
// `perdure replay` command is this with a reader of hubs and files; docs/replay.md shows its use in
// continuous integration.

namespace perdure {
inline namespace v1 {

/// What became of the replay of one execution.
enum class replay_verdict {
    /// The execution has ended, and the code makes each of its decisions.
    agrees,
    /// The code makes each decision so far; the execution goes on.
    agrees_so_far,
    /// The code decides something else than what is recorded. A worker parks such an instance.
    diverges,
    /// The code cannot read the input, or a result, as it is recorded. A worker parks it as well.
    unreadable,
    /// The registry has no orchestration of this name and version.
    unknown_definition,
    /// There is an event that this version of Perdure does not know.
    newer,
    /// The history itself is wrong: no JSON, a gap, an event that contradicts another.
    broken,
};

[[nodiscard]] PERDURE_EXPORT std::string_view to_string(replay_verdict verdict) noexcept;

/// One place in which a history and the code differ, in words for a person. They hold names and
/// contents from the history: see printable.hpp before they go to a terminal.
struct replay_difference {
    /// Of the event; the start event is number 0. One beyond the last when the history ends there.
    std::uint64_t number = 0;
    /// The events before it, on which both agree, at most three.
    std::vector<std::string> before{};
    std::string recorded{};
    std::string decided{};
    /// What follows on either side, at most three each: all that is recorded, and what the code
    /// asks for in the same turn.
    std::vector<std::string> recorded_after{};
    std::vector<std::string> decided_after{};
};

struct replay_answer {
    replay_verdict verdict{};
    /// Of the definition, as the start event has them.
    std::string name{};
    std::string version{};
    /// How many events were read: up to the divergence, if there is one.
    std::uint64_t events = 0;
    /// Set when it diverges.
    std::optional<replay_difference> divergence{};
    /// What is wrong, when it is none of the first three verdicts.
    std::string problem{};
    /// The decisions that are the same, but for another input, version, time or result; a worker
    /// uses what is recorded. How many, and the first of them.
    std::uint64_t differing_inputs = 0;
    std::vector<replay_difference> inputs{};
};

struct replay_options {
    /// As in `worker_options`.
    std::size_t payload_bytes_max = payload_bytes_max_default;
    /// So many differing inputs are described.
    std::size_t inputs_max = 5;
};

/// Replays one execution, in memory that does not grow with what has been read, except for what the
/// code keeps itself. The same code judges that a worker has.
///
/// Executes the orchestration's code and nothing else: no activity, no timer, no call of a store.
/// The code may block for ever; that is the caller's to notice. One thread at a time; the registry
/// must outlive it.
class PERDURE_EXPORT history_replay {
  public:
    history_replay(const registry& known, instance_id instance, replay_options options = {});
    history_replay(const history_replay&) = delete;
    history_replay& operator=(const history_replay&) = delete;
    ~history_replay();

    /// The chunks that follow those taken before; the first ones begin with the start event. Large
    /// pages are better than small ones. Does nothing once the verdict is certain.
    void take(std::span<const history_chunk> page);
    /// The event that it wants next.
    [[nodiscard]] std::uint64_t next_event() const noexcept;
    /// Call last, and once: the history ends here, after a turn.
    [[nodiscard]] replay_answer finish();

  private:
    class state;
    std::unique_ptr<state> state_;
};

/// All of it at once, for a history that is in memory.
[[nodiscard]] PERDURE_EXPORT replay_answer replay_history(const registry& known,
                                                          const instance_id& instance,
                                                          std::span<const history_chunk> history,
                                                          const replay_options& options = {});

}  // namespace v1
}  // namespace perdure
