#pragma once

#include <perdure/detail/json_input.hpp>
#include <perdure/detail/json_output.hpp>

#include <cereal/cereal.hpp>

#include <string>
#include <type_traits>

// The cereal archives behind <perdure/codec_cereal.hpp>. They decide themselves how a value looks,
// and leave to cereal only what it knows best: finding and calling the `serialize` of a user's
// type. So the headers of cereal's `types/`, made for cereal's own form, are neither needed nor in
// the way.

// What cereal calls by itself: for a class version, and for what `save_minimal` gives it.
namespace cereal {

template <class T>
void CEREAL_SAVE_FUNCTION_NAME(perdure::detail::json_output& archive,
                               const NameValuePair<T>& member) {
    archive(member);
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(perdure::detail::json_input& archive, NameValuePair<T>& member) {
    archive(member);
}
template <class T>
requires std::is_arithmetic_v<T>
void CEREAL_SAVE_FUNCTION_NAME(perdure::detail::json_output& archive, const T& value) {
    archive.write(value);
}
template <class T>
requires std::is_arithmetic_v<T>
void CEREAL_LOAD_FUNCTION_NAME(perdure::detail::json_input& archive, T& value) {
    archive.read(value);
}
template <class Char, class Traits, class Memory>
void CEREAL_SAVE_FUNCTION_NAME(perdure::detail::json_output& archive,
                               const std::basic_string<Char, Traits, Memory>& value) {
    archive.write(value);
}
template <class Char, class Traits, class Memory>
void CEREAL_LOAD_FUNCTION_NAME(perdure::detail::json_input& archive,
                               std::basic_string<Char, Traits, Memory>& value) {
    archive.read(value);
}

}  // namespace cereal

CEREAL_SETUP_ARCHIVE_TRAITS(perdure::detail::json_input, perdure::detail::json_output)
