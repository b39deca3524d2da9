#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

// The member names of the stored form of events. Stored for ever: never change or reuse one.

namespace perdure::codecs {

/// The newest form of the stored history that this version reads, and the one that it writes; 1 is
/// what a history without the member "format" has.
inline constexpr std::uint64_t history_format = 1;

/// How many causes of a failure are stored, the failure itself included; the further ones are lost.
inline constexpr std::size_t failure_depth_max = 32;

namespace member {
inline constexpr std::string_view type = "type";
inline constexpr std::string_view format = "format";
inline constexpr std::string_view at = "at";
inline constexpr std::string_view task = "task";
inline constexpr std::string_view name = "name";
inline constexpr std::string_view version = "version";
inline constexpr std::string_view data = "data";
inline constexpr std::string_view instance = "instance";
inline constexpr std::string_view execution = "execution";
inline constexpr std::string_view fire_at = "fire_at";
inline constexpr std::string_view failure = "failure";
inline constexpr std::string_view note = "note";
inline constexpr std::string_view tags = "tags";
inline constexpr std::string_view parent = "parent";
inline constexpr std::string_view trace = "trace";

// Of a payload that is an object.
inline constexpr std::string_view codec = "codec";
inline constexpr std::string_view text = "text";
inline constexpr std::string_view base64 = "base64";

// Of a failure, beside "type".
inline constexpr std::string_view message = "message";
inline constexpr std::string_view stack_trace = "stack_trace";
inline constexpr std::string_view non_retriable = "non_retriable";
inline constexpr std::string_view properties = "properties";
inline constexpr std::string_view inner = "inner";
}  // namespace member

}  // namespace perdure::codecs
