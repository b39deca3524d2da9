#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace perdure::sqlite {

/// Outcomes as the answers table keeps them: a digit for each item.
template <class Outcome>
[[nodiscard]] std::string outcomes_text(const std::vector<Outcome>& outcomes) {
    std::string text;
    text.reserve(outcomes.size());
    for (const Outcome outcome : outcomes) {
        text += static_cast<char>('0' + static_cast<int>(outcome));
    }
    return text;
}

template <class Outcome>
[[nodiscard]] std::vector<Outcome> read_outcomes(std::string_view text) {
    std::vector<Outcome> outcomes;
    outcomes.reserve(text.size());
    for (const char digit : text) {
        outcomes.push_back(static_cast<Outcome>(digit - '0'));
    }
    return outcomes;
}

}  // namespace perdure::sqlite
