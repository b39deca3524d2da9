#pragma once

#include <perdure/export.hpp>
#include <string>
#include <string_view>

// What comes from a hub was written by somebody else. Before it is shown to a person it goes
// through these functions, so that it cannot move a cursor, forge a line, or turn the order of the
// text.

namespace perdure {
inline namespace v1 {

/// `text` on one line, without anything that a terminal or a reader's eye could be led by. Escaped
/// are control characters (as \n, \t, \x1b, \u0085), line separators, invisible characters and
/// those that turn the direction of writing (as \u202e), and bytes that are not UTF-8 (as \xff).
/// All else, a backslash included, stays as it is, so the text is for reading and not for reading
/// back.
[[nodiscard]] PERDURE_EXPORT std::string printable(std::string_view text);

/// The same for a text that is JSON: it stays JSON with the same value, on one line. Bytes that are
/// not UTF-8, which JSON cannot hold, become U+FFFD.
[[nodiscard]] PERDURE_EXPORT std::string printable_json(std::string_view json);

}  // namespace v1
}  // namespace perdure
