#pragma once

#include <perdure/history.hpp>

#include <string>

namespace perdure::replay {

/// One line for a person: what `describe` says, and the beginning of what the event carries.
[[nodiscard]] std::string words_of(const history_event& event);

/// The same of two events that are the same act: of what they carry, the part in which it differs.
struct two_words {
    std::string first;
    std::string second;
};
[[nodiscard]] two_words words_of_both(const history_event& first, const history_event& second);

}  // namespace perdure::replay
