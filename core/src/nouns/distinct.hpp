#pragma once

#include <algorithm>
#include <functional>
#include <iterator>
#include <type_traits>
#include <vector>

namespace perdure {

/// Whether no key stands twice among the items; at once when they are in order, as nearly always.
template <class Items, class KeyOf = std::identity>
[[nodiscard]] bool are_distinct(const Items& items, KeyOf key_of = {}) {
    if (std::ranges::adjacent_find(items, std::greater_equal(), key_of) == std::ranges::end(items)) {
        return true;
    }
    std::vector<std::decay_t<decltype(key_of(*std::ranges::begin(items)))>> keys;
    std::ranges::transform(items, std::back_inserter(keys), key_of);
    std::ranges::sort(keys);
    return std::ranges::adjacent_find(keys) == keys.end();
}

}  // namespace perdure
