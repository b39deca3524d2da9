#pragma once

#include <perdure/history.hpp>
#include <perdure/registry.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace perdure::test {

/// The histories of all transcripts, with the orchestration that wrote each.
struct recorded_history {
    std::string orchestration;
    std::vector<history_event> events;
};
[[nodiscard]] std::vector<recorded_history> recorded_histories(const registry& known,
                                                               const std::string& directory);

/// Changes one of the histories as the bytes say (events removed, doubled, swapped, of another kind
/// or task, with other texts) and replays it with the code that wrote it. Returns whether the
/// replay found a fault; anything but an answer is the caller's bug to find.
[[nodiscard]] bool replay_mutated(const registry& known,
                                  const std::vector<recorded_history>& histories,
                                  std::span<const std::uint8_t> bytes);

}  // namespace perdure::test
