#pragma once

#include <perdure/payload.hpp>
#include <perdure/time.hpp>

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// How the command shows things, to people and to programs.

namespace perdure::tool {

enum class output_form { text, json };

// What the command's exit code means; docs/operations.md lists them.
enum exit_code : int {
    done = 0,
    store_failed = 1,
    bad_usage = 2,
    not_found = 3,
    had_ended = 4,
    differs = 5,
    damaged = 6,
    undecided = 7,
    endless = 8,
    violated = 9,
};

// True when standard output, or standard error, is a terminal that a person looks at.
[[nodiscard]] bool output_is_terminal();
[[nodiscard]] bool errors_are_terminal();

// A JSON object under construction, on one line, with its members in the order of the calls.
class json_object {
  public:
    json_object& text(std::string_view key, std::string_view value);
    json_object& number(std::string_view key, std::uint64_t value);
    json_object& number(std::string_view key, double value);
    // Null when there is none.
    json_object& number(std::string_view key, const std::optional<double>& value);
    json_object& flag(std::string_view key, bool value);
    json_object& time(std::string_view key, const std::optional<timestamp>& value);
    json_object& null(std::string_view key);
    // `value` is JSON itself.
    json_object& raw(std::string_view key, std::string_view value);

    [[nodiscard]] std::string finish() const { return "{" + members_ + "}"; }

  private:
    void begin(std::string_view key);

    std::string members_;
};

// A JSON string that no terminal obeys; what is not UTF-8 in it becomes U+FFFD.
[[nodiscard]] std::string json_text(std::string_view value);
// A text that should be JSON: as it is if so, otherwise as a JSON string.
[[nodiscard]] std::string json_value(const std::string& text);
// A JSON array of texts that are JSON themselves.
[[nodiscard]] std::string json_array(const std::vector<std::string>& items);
// A payload as JSON: what it holds if that is JSON, otherwise codec and text or base64.
[[nodiscard]] std::string json_payload(const payload& value);

// UTC, as in "2025-11-21T08:15:00.250000Z".
[[nodiscard]] std::string to_text(timestamp at);
// UTC, to the second, as in "2025-11-21 08:15:00", for tables.
[[nodiscard]] std::string to_short_text(timestamp at);
// Reads that form, with or without fraction, time or Z. Throws `invalid_input`.
[[nodiscard]] timestamp parse_time(std::string_view text);
// A payload for people, in at most `columns` columns.
[[nodiscard]] std::string to_text(const payload& value, std::size_t columns);
// `text` as `printable` shows it, cut to at most `columns` columns.
[[nodiscard]] std::string one_line(std::string_view text, std::size_t columns);
// A word of the command line, for a text that says what is wrong with it; none that may be the
// address of a hub, with its password.
[[nodiscard]] std::string repeated(std::string_view word);
// `text` as one word of a shell's command line.
[[nodiscard]] std::string shell_word(std::string_view text);
// Prints a name and its value, which may have several lines.
void print_field(std::string_view name, std::string_view value);
// A number with thousands separated, and as many digits after the point as make sense.
[[nodiscard]] std::string to_text(double value);

// Rows under a head. Cells may hold anything. On a terminal the widest columns are cut until a row
// fits, the first one last; elsewhere columns are as wide as need be.
class table {
  public:
    explicit table(std::vector<std::string> head);
    void add(std::vector<std::string> row);
    void print(std::ostream& out) const;

  private:
    [[nodiscard]] std::vector<std::size_t> widths() const;

    std::vector<std::vector<std::string>> rows_;
};

}  // namespace perdure::tool
