#pragma once

#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace perdure {
inline namespace v1 {

/// What `act` says of each item, in the order of the items [BATCH-2]. `act` takes an item.
template <class Items, class Act>
[[nodiscard]] auto each(const Items& items, Act act) {
    std::vector<decltype(act(*std::begin(items)))> outcomes;
    outcomes.reserve(std::size(items));
    for (const auto& item : items) {
        outcomes.push_back(act(item));
    }
    return outcomes;
}

/// Outcomes as a text to be kept with an answer [REPEAT-3]: a digit for each item.
template <class Outcome>
[[nodiscard]] std::string outcomes_text(const std::vector<Outcome>& outcomes) {
    std::string text;
    text.reserve(outcomes.size());
    for (const Outcome outcome : outcomes) {
        text += static_cast<char>('0' + static_cast<int>(outcome));
    }
    return text;
}

/// The outcomes of such a text.
template <class Outcome>
[[nodiscard]] std::vector<Outcome> read_outcomes(std::string_view text) {
    std::vector<Outcome> outcomes;
    outcomes.reserve(text.size());
    for (const char digit : text) {
        outcomes.push_back(static_cast<Outcome>(digit - '0'));
    }
    return outcomes;
}

}  // namespace v1
}  // namespace perdure
