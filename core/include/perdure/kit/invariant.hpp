#pragma once

#include <perdure/backend_error.hpp>
#include <perdure/checkpoint.hpp>

#include <cstdint>
#include <string>

// Assertions of a backend, which stay on in every build. Ask before anything is changed, or inside
// the transaction that an exception takes back: core halves a commit that is rejected, parks the
// instance that is left with the text, and the process goes on.

namespace perdure {
inline namespace v1 {

/// Throws `backend_error` (rejected) with this text, unless the condition holds.
inline void refuse_unless(bool holds, const char* what) {
    if (!holds) [[unlikely]] {
        throw backend_error(store_fault::rejected, what);
    }
}

/// The same for a turn whose lease is good: it must have begun with the history that the store has
/// [VERSION-1], because nobody else changes one meanwhile [COMMIT-9].
inline void refuse_unless_it_follows(const checkpoint& turn,
                                     std::uint64_t history_version,
                                     const lease_token& last_committed) {
    if (turn.history_version != history_version) [[unlikely]] {
        throw backend_error(store_fault::rejected,
                            "a turn began with history version " +
                                std::to_string(turn.history_version) + ", but the store has " +
                                std::to_string(history_version));
    }
    refuse_unless(turn.last_committed == last_committed,
                  "a turn began after another commit than the last one that the store has");
}

}  // namespace v1
}  // namespace perdure
