#pragma once

#include <perdure/export.hpp>
#include <perdure/limits.hpp>

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

// The names of things. Each kind of id is a type of its own, so that the compiler catches a swapped
// argument. All of them are plain values: copy, compare and hash them from any thread.

namespace perdure {
inline namespace v1 {

/// Names one orchestration within a task hub, chosen by the caller or generated.
///
/// 1 to `id_bytes_max` bytes of valid UTF-8 without control characters (U+0000 to U+001F and
/// U+007F); compared byte by byte, so case counts. The constructor checks this and throws
/// `invalid_input`, so that no backend ever sees an id that it would have to refuse.
class PERDURE_EXPORT instance_id {
  public:
    explicit instance_id(std::string text);

    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    friend auto operator<=>(const instance_id&, const instance_id&) = default;

  private:
    std::string text_;
};

/// Throws `invalid_input` unless `text` may stand where an id or a name stands: at most
/// `id_bytes_max` bytes of valid UTF-8 without control characters, and not empty. `what` names the
/// thing in the error, for example "event name".
PERDURE_EXPORT void check_name(std::string_view what, std::string_view text);

/// A 128-bit number that is never given twice, written as a UUID.
struct uuid {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    [[nodiscard]] bool is_nil() const noexcept { return high == 0 && low == 0; }
    friend auto operator<=>(const uuid&, const uuid&) = default;
};

/// The 36-character form, in lower case.
[[nodiscard]] PERDURE_EXPORT std::string to_string(const uuid& value);
/// Reads the 36-character form; throws `invalid_input` for anything else.
[[nodiscard]] PERDURE_EXPORT uuid parse_uuid(std::string_view text);
/// A fresh random UUID (version 4) from the operating system. Safe from any thread.
[[nodiscard]] PERDURE_EXPORT uuid random_uuid();

/// Names one incarnation of an instance; continue-as-new and replacement make the next. Never
/// repeated, so that an answer for an earlier execution is recognised and dropped.
struct execution_id {
    uuid value;
    friend auto operator<=>(const execution_id&, const execution_id&) = default;
};

/// Names one mutating call. A repeat of the call with the same id gives the same answer.
struct request_id {
    uuid value;
    friend auto operator<=>(const request_id&, const request_id&) = default;
};

/// Numbers the things that one execution schedules, in the order in which its code asked for them,
/// from 1. Zero means "none".
struct task_id {
    std::uint64_t value = 0;

    [[nodiscard]] explicit operator bool() const noexcept { return value != 0; }
    friend auto operator<=>(const task_id&, const task_id&) = default;
};

/// Names one process start of a worker; no two starts share one.
struct worker_id {
    std::string text;
    friend auto operator<=>(const worker_id&, const worker_id&) = default;
};

/// The fence of a lease: the store gives a new one at every lock, and a call that carries another
/// one changes nothing. Zero means "not leased".
struct lease_token {
    std::uint64_t value = 0;

    [[nodiscard]] explicit operator bool() const noexcept { return value != 0; }
    friend auto operator<=>(const lease_token&, const lease_token&) = default;
};

/// The token of the `ordinal`-th item that the call `request` hands out. Deterministic, so that a
/// repeated call hands out the same tokens; never zero.
[[nodiscard]] PERDURE_EXPORT lease_token derive_token(const request_id& request,
                                                      std::uint32_t ordinal) noexcept;

}  // namespace v1
}  // namespace perdure

template <>
struct std::hash<perdure::instance_id> {
    std::size_t operator()(const perdure::instance_id& id) const noexcept {
        return std::hash<std::string>{}(id.text());
    }
};

template <>
struct std::hash<perdure::task_id> {
    std::size_t operator()(const perdure::task_id& id) const noexcept {
        return std::hash<std::uint64_t>{}(id.value);
    }
};

template <>
struct std::hash<perdure::uuid> {
    std::size_t operator()(const perdure::uuid& id) const noexcept {
        return std::hash<std::uint64_t>{}(id.high ^ (id.low * 0x9E3779B97F4A7C15ULL));
    }
};
