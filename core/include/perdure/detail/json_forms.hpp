#pragma once

#include <cereal/cereal.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

// Which C++ types have which form in JSON, for the archives behind <perdure/codec_cereal.hpp>.

namespace perdure {
inline namespace v1 {
namespace detail {

class json_output;
class json_input;

template <template <class...> class Template, class T>
inline constexpr bool is_a = false;
template <template <class...> class Template, class... Args>
inline constexpr bool is_a<Template, Template<Args...>> = true;

template <class T>
inline constexpr bool is_std_array = false;
template <class T, std::size_t Count>
inline constexpr bool is_std_array<std::array<T, Count>> = true;

template <class T>
inline constexpr bool is_time_point = false;
template <class Clock, class Length>
inline constexpr bool is_time_point<std::chrono::time_point<Clock, Length>> = true;

template <class T>
inline constexpr bool is_duration = false;
template <class Number, class Period>
inline constexpr bool is_duration<std::chrono::duration<Number, Period>> = true;

/// Values in a row whose number the type fixes.
template <class T>
inline constexpr bool is_row = is_std_array<T> || is_a<std::tuple, T> || is_a<std::pair, T>;

template <class T>
inline constexpr bool has_own_form = cereal::traits::has_member_serialize<T, json_output>::value ||
                                     cereal::traits::has_member_save<T, json_output>::value;

/// A container that grows, unless it brings its own form.
template <class T>
concept growing = !has_own_form<T> && requires(T & values, typename T::value_type value) {
    values.insert(values.end(), std::move(value));
    values.clear();
};

template <class T>
concept map_like = growing<T> && requires(T& values) {
    typename T::mapped_type;
    values.extract(values.begin());
};

template <class T>
concept map_by_text = map_like<T> && std::is_same_v<typename T::key_type, std::string> &&
    requires(T& values, typename T::mapped_type value) {
    values.insert_or_assign(std::string(), std::move(value));
};

template <class T>
inline constexpr bool has_minimal_form =
    cereal::traits::has_minimal_output_serialization<T, json_output>::value;

template <class T>
inline constexpr bool has_json_form =
    std::is_empty_v<T> || cereal::traits::is_output_serializable<T, json_output>::value;

/// What JSON carries everywhere is a `double`; a `long double` loses what does not fit.
template <class T>
using carried = std::conditional_t<std::is_same_v<T, float>, float, double>;

}  // namespace detail
}  // namespace v1
}  // namespace perdure
