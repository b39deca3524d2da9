#pragma once

#include <cstddef>

// How large the things are that core lets through and every store keeps [LIMIT-1]. They are checked
// where they enter, with `invalid_input` for what is beyond: by the client, and inside an
// orchestration at the call that names them.
//
// Texts are UTF-8 without NUL, because a text column of PostgreSQL takes nothing else. Times, tasks
// and priorities need no limit: every value of their types is stored. A time before 4713 BC may be
// read back as `timestamp::min()`, which has passed as well.

namespace perdure {
inline namespace v1 {

/// The longest instance id, message id, name, version, queue, worker id, tag key or name of a codec,
/// in bytes. Ten of them fit into one key of an index: PostgreSQL takes 2,704 bytes.
inline constexpr std::size_t id_bytes_max = 255;

/// The longest reason or value of a tag, in bytes: texts that people write and read.
inline constexpr std::size_t text_bytes_max = std::size_t{64} << 10U;

/// The most tags of an instance or an activity, those that a child inherits included. All of them,
/// at their longest, are as much as one call may carry.
inline constexpr std::size_t tags_max = 100;

/// The largest payload that core lets through by default, in bytes.
inline constexpr std::size_t payload_bytes_max_default = std::size_t{16} << 20U;

/// The largest limit that a worker may set instead. In its stored form each byte may become six,
/// and SQLite keeps no text of more than 1,000,000,000 bytes, PostgreSQL none of more than 1 GiB.
inline constexpr std::size_t payload_bytes_max_most = std::size_t{32} << 20U;

/// The largest failure, its causes included, in bytes. Of a larger one the causes, the stack trace,
/// then the properties and the end of the message are left out.
inline constexpr std::size_t failure_bytes_max = std::size_t{1} << 20U;

/// The most that a turn may store, in bytes of the stored form; a worker may set less. PostgreSQL
/// takes no message of more than 1 GiB.
inline constexpr std::size_t turn_bytes_max_default = std::size_t{256} << 20U;

}  // namespace v1
}  // namespace perdure
