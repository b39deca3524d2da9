#pragma once

#include <perdure/checkpoint.hpp>
#include <perdure/codec.hpp>
#include <perdure/history.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

// The stored form of events: one JSON object an event, as docs/history-format.md describes. Readable
// by SQL, kept for ever; golden files guard it.

namespace perdure {
inline namespace v1 {

/// Stored history that cannot be read: broken JSON, a member of the wrong type. Says where and what
/// was found.
class PERDURE_EXPORT history_error : public error {
  public:
    using error::error;
    history_error(const history_error&) = default;
    history_error& operator=(const history_error&) = default;
    ~history_error() override;
};

/// An event of a kind that this version does not know at all: a newer one wrote it.
class PERDURE_EXPORT unknown_event_kind : public history_error {
  public:
    using history_error::history_error;
    unknown_event_kind(const unknown_event_kind&) = default;
    unknown_event_kind& operator=(const unknown_event_kind&) = default;
    ~unknown_event_kind() override;
};

/// One event as a JSON object.
[[nodiscard]] PERDURE_EXPORT std::string encode_event(const history_event& event);
[[nodiscard]] PERDURE_EXPORT history_event decode_event(std::string_view text);

/// Consecutive events as JSON arrays, split so that no text grows much beyond `bytes`.
[[nodiscard]] PERDURE_EXPORT std::vector<new_events> encode_events(
    std::span<const history_event> events, std::size_t bytes = std::size_t{1} << 20U);

/// Appends the events of a JSON array to `events`. Throws `history_error` also when there are not
/// `chunk.count` of them.
PERDURE_EXPORT void decode_chunk(const history_chunk& chunk, std::vector<history_event>& events);

/// A failure as a JSON object, and back.
[[nodiscard]] PERDURE_EXPORT std::string encode_failure(const failure& reason);
[[nodiscard]] PERDURE_EXPORT failure decode_failure(std::string_view text);

}  // namespace v1
}  // namespace perdure
