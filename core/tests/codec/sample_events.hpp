#pragma once

#include <perdure/history.hpp>

#include <string>
#include <vector>

namespace perdure::test {

/// One event of each kind that is written today, as the golden file of that kind has it.
[[nodiscard]] std::vector<history_event> sample_events();

/// The file golden/<kind>.json without the line end.
[[nodiscard]] std::string golden_text(event_kind kind);

}  // namespace perdure::test
