#pragma once

#include <perdure/codec_cereal.hpp>
#include <perdure/history.hpp>
#include <perdure/registry.hpp>

#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>

#include <string>
#include <vector>

// The orchestrations that several engine scenarios use.

namespace perdure::conformance {

inline constexpr activity<int, int> square{"Square"};
inline constexpr activity<std::string, std::string> greet{"Greet"};
inline constexpr activity<std::string, std::string> random_word{"RandomWord"};
inline constexpr activity<int, int> fail_until{"FailUntil"};

inline constexpr orchestrator<std::string, std::string> hello{"Hello"};
inline constexpr orchestrator<int, int> sequence{"Sequence"};
inline constexpr orchestrator<int, int> fan_out{"FanOut"};
inline constexpr orchestrator<int, int> wait_for_go{"WaitForGo"};
inline constexpr orchestrator<int, int> sum_of_events{"SumOfEvents"};
inline constexpr orchestrator<int, int> counting{"Counting"};
inline constexpr orchestrator<int, int> one_child{"OneChild"};
inline constexpr orchestrator<int, int> many_children{"ManyChildren"};
inline constexpr orchestrator<int, int> tree{"Tree"};
/// As many random words as the input says, each drawn after the one before.
inline constexpr orchestrator<int, std::string> random_words{"RandomWords"};
/// What its result is by the history: the results of its activities, one after the other.
[[nodiscard]] std::string words_of(const std::vector<history_event>& history);

/// All of them, with their activities.
[[nodiscard]] registry common_orchestrations();

}  // namespace perdure::conformance
