#pragma once

#include <perdure/codec.hpp>
#include <perdure/detail/json_archive.hpp>

#include <optional>
#include <type_traits>

// Payloads of structs and containers, as plain JSON that any language reads:
//
//   a struct with a cereal `serialize`   object; unknown members are ignored, missing ones an error
//   vector, list, set, array, ...        array
//   map with strings as keys             object; with other keys an array of [key, value]
//   pair, tuple                          array
//   optional                             null when empty; a missing member is empty too
//   enum                                 integer
//   chrono duration, time_point          integer: the count
//   variant                              {"index": 1, "value": ...}
//
// These need no header of cereal's `types/`. A type that shall have another form gets cereal's
// `save_minimal` and `load_minimal`, or a specialisation of `perdure::codec`.

namespace perdure {
inline namespace v1 {

namespace detail {
/// What this header gives a codec. A partial specialisation of yours that is constrained by this
/// and by something else is preferred to ours.
template <class T>
concept json_by_cereal = std::is_class_v<T> || std::is_enum_v<T>;
}  // namespace detail

template <class T>
requires detail::json_by_cereal<T>
struct codec<T, void> {
    static payload encode(const T& value) {
        detail::json_output archive;
        archive.write(value);
        return archive.take();
    }

    static T decode(const payload& stored) {
        static_assert(std::is_default_constructible_v<T>,
                      "a type that is read from JSON needs a default constructor");
        T value{};
        if constexpr (detail::is_a<std::optional, T>) {
            if (stored.is_none()) {
                return value;
            }
        }
        detail::json_input archive(stored);
        archive.read(value);
        return value;
    }
};

}  // namespace v1
}  // namespace perdure
