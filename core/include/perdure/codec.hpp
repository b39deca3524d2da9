#pragma once

#include <perdure/export.hpp>
#include <perdure/failure.hpp>
#include <perdure/payload.hpp>

#include <concepts>
#include <cstdint>
#include <exception>
#include <limits>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>

// How values of C++ types become payloads. The default is plain JSON that any language reads: a
// number a number, a string a string, true or false; <perdure/codec_cereal.hpp> adds structs with a
// cereal `serialize`, and the standard containers.

namespace perdure {
inline namespace v1 {

/// A payload could not be turned into the wanted type: says which type, which field, what was
/// found.
class PERDURE_EXPORT payload_error : public error {
  public:
    using error::error;
    payload_error(const payload_error&) = default;
    payload_error& operator=(const payload_error&) = default;
    ~payload_error() override;
};

/// The codec of a type: `static payload encode(const T&)` and `static T decode(const payload&)`,
/// both throwing `payload_error`. Specialise it to choose another form for a type of yours; then
/// also choose another codec name, so that nobody reads one form as the other.
template <class T, class Enable = void>
struct codec;

/// The name of the default codec.
inline constexpr std::string_view json_codec = "json";

/// A type that can be an input or a result.
template <class T>
concept encodable = requires(const T& value, const payload& stored) {
    { codec<T>::encode(value) } -> std::same_as<payload>;
    { codec<T>::decode(stored) } -> std::same_as<T>;
};

namespace detail {
/// What the codec of `T` reads. Whatever it throws is a `payload_error` here: bytes that cannot be
/// read are never taken for a failure of the work that they belong to.
template <class T>
T decode_value(const payload& stored) {
    try {
        return codec<T>::decode(stored);
    } catch (const payload_error&) {
        throw;
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception& problem) {
        throw payload_error(problem.what());
    }
}

PERDURE_EXPORT payload encode_text(std::string_view value);
PERDURE_EXPORT std::string decode_text(const payload& stored);
PERDURE_EXPORT payload encode_flag(bool value);
PERDURE_EXPORT bool decode_flag(const payload& stored);
PERDURE_EXPORT payload encode_signed(std::int64_t value);
PERDURE_EXPORT payload encode_unsigned(std::uint64_t value);
/// The bounds are those of the wanted type.
PERDURE_EXPORT std::int64_t decode_signed(const payload& stored,
                                          std::int64_t least,
                                          std::int64_t most);
PERDURE_EXPORT std::uint64_t decode_unsigned(const payload& stored, std::uint64_t most);
PERDURE_EXPORT payload encode_number(double value);
PERDURE_EXPORT payload encode_number(float value);
PERDURE_EXPORT double decode_number(const payload& stored);
PERDURE_EXPORT float decode_small_number(const payload& stored);
}  // namespace detail

template <>
struct codec<std::string> {
    static payload encode(const std::string& value) { return detail::encode_text(value); }
    static std::string decode(const payload& stored) { return detail::decode_text(stored); }
};

template <>
struct codec<bool> {
    static payload encode(const bool& value) { return detail::encode_flag(value); }
    static bool decode(const payload& stored) { return detail::decode_flag(stored); }
};

template <class T>
struct codec<T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>>> {
    static payload encode(const T& value) {
        if constexpr (std::is_signed_v<T>) {
            return detail::encode_signed(value);
        } else {
            return detail::encode_unsigned(value);
        }
    }
    static T decode(const payload& stored) {
        if constexpr (std::is_signed_v<T>) {
            return static_cast<T>(detail::decode_signed(
                stored, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
        } else {
            return static_cast<T>(detail::decode_unsigned(stored, std::numeric_limits<T>::max()));
        }
    }
};

template <class T>
struct codec<T, std::enable_if_t<std::is_floating_point_v<T>>> {
    /// What JSON carries everywhere is a `double`; a `long double` loses what does not fit.
    using carried = std::conditional_t<std::is_same_v<T, float>, float, double>;

    static payload encode(const T& value) {
        return detail::encode_number(static_cast<carried>(value));
    }
    static T decode(const payload& stored) {
        if constexpr (std::is_same_v<T, float>) {
            return detail::decode_small_number(stored);
        } else {
            return static_cast<T>(detail::decode_number(stored));
        }
    }
};

/// A payload passes through unchanged, for code that handles encoding itself.
template <>
struct codec<payload> {
    static payload encode(const payload& value) { return value; }
    static payload decode(const payload& stored) { return stored; }
};

}  // namespace v1
}  // namespace perdure
