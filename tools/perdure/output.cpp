#include "output.hpp"

#include "base64.hpp"
#include "json_check.hpp"

#include <perdure/failure.hpp>
#include <perdure/printable.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <clocale>
#include <cmath>
#include <cstdio>
#include <cwchar>
#include <iostream>
#include <numeric>
#include <sys/ioctl.h>
#include <unistd.h>

namespace perdure::tool {
namespace {

constexpr std::string_view ellipsis = "...";
constexpr std::size_t gap = 2;
constexpr std::size_t cell_columns_min = 6;
constexpr std::size_t field_columns = 22;

bool is_continuation(char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

// The bytes of the character at `at`, and the columns that it takes: 2 for wide ones, 0 for
// accents.
struct character {
    std::size_t bytes;
    std::size_t columns;
};
character character_at(std::string_view text, std::size_t at) {
    static const bool knows_unicode = std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr;
    wchar_t code = 0;
    std::mbstate_t state{};
    const std::size_t bytes = std::mbrtowc(&code, text.data() + at, text.size() - at, &state);
    if (!knows_unicode || bytes == 0 || bytes > text.size() - at) {
        return {1, is_continuation(text[at]) ? 0U : 1U};
    }
    const int columns = ::wcwidth(code);
    return {bytes, columns < 0 ? 1U : static_cast<std::size_t>(columns)};
}

std::size_t columns_of(std::string_view text) {
    std::size_t columns = 0;
    for (std::size_t at = 0; at < text.size();) {
        const character next = character_at(text, at);
        columns += next.columns;
        at += next.bytes;
    }
    return columns;
}

// At most `columns` columns of a printable text.
std::string cut(std::string_view text, std::size_t columns) {
    if (columns_of(text) <= columns) {
        return std::string(text);
    }
    std::size_t used = columns > ellipsis.size() ? ellipsis.size() : 0;
    const std::string_view end = ellipsis.substr(0, used);
    std::size_t at = 0;
    while (at < text.size()) {
        const character next = character_at(text, at);
        if (used + next.columns > columns) {
            break;
        }
        used += next.columns;
        at += next.bytes;
    }
    return std::string(text.substr(0, at)) + std::string(end);
}

// Of the terminal that standard output is; none when it is something else.
std::optional<std::size_t> terminal_columns() {
    winsize size{};
    if (!output_is_terminal() || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 ||
        size.ws_col == 0) {
        return std::nullopt;
    }
    return size.ws_col;
}

// Whether a JSON text may hold these bytes. Enough for that purpose: lead bytes and continuation
// bytes match; overlong forms are let through.
bool looks_like_utf8(std::string_view bytes) {
    std::size_t expected = 0;
    for (const char byte : bytes) {
        const auto value = static_cast<unsigned char>(byte);
        if (expected > 0) {
            if (!is_continuation(byte)) {
                return false;
            }
            --expected;
        } else if (value >= 0x80U) {
            expected = value >= 0xF0U ? 3U : value >= 0xE0U ? 2U : 1U;
            if (value < 0xC2U || value > 0xF4U) {
                return false;
            }
        }
    }
    return expected == 0;
}

std::string number_text(double value) {
    std::array<char, 32> text{};
    const bool is_whole = value == std::floor(value) && std::abs(value) < 1e15;
    std::snprintf(text.data(), text.size(), is_whole ? "%.0f" : "%.6g", value);
    return text.data();
}

}  // namespace

bool output_is_terminal() {
    return ::isatty(STDOUT_FILENO) == 1;
}
bool errors_are_terminal() {
    return ::isatty(STDERR_FILENO) == 1;
}

void json_object::begin(std::string_view key) {
    members_ += members_.empty() ? "" : ",";
    members_ += json_text(key) + ":";
}

json_object& json_object::text(std::string_view key, std::string_view value) {
    return raw(key, json_text(value));
}

json_object& json_object::number(std::string_view key, std::uint64_t value) {
    return raw(key, std::to_string(value));
}

json_object& json_object::number(std::string_view key, double value) {
    return std::isfinite(value) ? raw(key, number_text(value)) : null(key);
}

json_object& json_object::number(std::string_view key, const std::optional<double>& value) {
    return value ? number(key, *value) : null(key);
}

json_object& json_object::flag(std::string_view key, bool value) {
    return raw(key, value ? "true" : "false");
}

json_object& json_object::time(std::string_view key, const std::optional<timestamp>& value) {
    return value ? text(key, to_text(*value)) : null(key);
}

json_object& json_object::null(std::string_view key) {
    return raw(key, "null");
}

json_object& json_object::raw(std::string_view key, std::string_view value) {
    begin(key);
    members_ += value;
    return *this;
}

std::string json_text(std::string_view value) {
    std::string text = "\"";
    for (const char c : value) {
        if (c == '"' || c == '\\') {
            text += '\\';
            text += c;
        } else if (static_cast<unsigned char>(c) < 0x20U) {
            std::array<char, 8> escape{};
            std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
            text += escape.data();
        } else {
            text += c;
        }
    }
    return printable_json(text + "\"");
}

std::string json_value(const std::string& text) {
    return is_json(text) ? printable_json(text) : json_text(text);
}

std::string json_array(const std::vector<std::string>& items) {
    std::string text = "[";
    for (const auto& item : items) {
        text += text.size() > 1 ? "," : "";
        text += item;
    }
    return text + "]";
}

std::string json_payload(const payload& value) {
    if (value.is_none()) {
        return "null";
    }
    if (value.codec == "json" && is_json(value.bytes)) {
        return printable_json(value.bytes);
    }
    json_object content;
    content.text("codec", value.codec);
    if (looks_like_utf8(value.bytes)) {
        content.text("text", value.bytes);
    } else {
        content.text("base64", base64(value.bytes));
    }
    return content.finish();
}

std::string to_text(timestamp at) {
    const auto day = std::chrono::floor<std::chrono::days>(at);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss time(at - day);
    std::array<char, 64> text{};
    std::snprintf(text.data(),
                  text.size(),
                  "%04d-%02u-%02uT%02ld:%02ld:%02ld.%06ldZ",
                  static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()),
                  static_cast<unsigned>(date.day()),
                  static_cast<long>(time.hours().count()),
                  static_cast<long>(time.minutes().count()),
                  static_cast<long>(time.seconds().count()),
                  static_cast<long>(time.subseconds().count()));
    return text.data();
}

std::string to_short_text(timestamp at) {
    auto text = to_text(at);
    text.resize(text.find('.'));
    text[text.find('T')] = ' ';
    return text;
}

timestamp parse_time(std::string_view text) {
    const std::string copy(text);
    int year = 0;
    unsigned month = 0;
    unsigned day = 0;
    unsigned hour = 0;
    unsigned minute = 0;
    double second = 0;
    int read = 0;
    const auto length = static_cast<int>(copy.size());
    const auto is_over = [&] {
        return read == length || (read + 1 == length && copy.back() == 'Z');
    };
    const bool dated = std::sscanf(copy.c_str(), "%4d-%2u-%2u%n", &year, &month, &day, &read) == 3;
    bool complete = dated && is_over();
    if (dated && !complete) {
        read = 0;
        complete = std::sscanf(copy.c_str(),
                               "%4d-%2u-%2uT%2u:%2u:%lf%n",
                               &year,
                               &month,
                               &day,
                               &hour,
                               &minute,
                               &second,
                               &read) == 6 &&
                   is_over();
    }
    const std::chrono::year_month_day date{
        std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
    if (!complete || !date.ok() || hour > 23 || minute > 59 || !(second >= 0 && second < 60)) {
        throw invalid_input(repeated(copy) +
                            " is no time; write UTC as 2025-11-21 or 2025-11-21T08:15:00Z");
    }
    return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
           duration(std::llround(second * 1e6));
}

std::string one_line(std::string_view text, std::size_t columns) {
    return cut(printable(text), columns);
}

std::string repeated(std::string_view word) {
    const bool may_be_address =
        word.find("://") != std::string_view::npos || word.find('@') != std::string_view::npos;
    return may_be_address ? "a word that may hold a password" : "'" + std::string(word) + "'";
}

std::string shell_word(std::string_view text) {
    const bool is_plain = printable(text) == text;
    std::string word = is_plain ? "'" : "$'";
    for (const char c : text) {
        if (c == '\'') {
            word += is_plain ? "'\\''" : "\\'";
        } else if (is_plain || (c >= ' ' && c <= '~' && c != '\\')) {
            word += c;
        } else {
            std::array<char, 8> escape{};
            std::snprintf(escape.data(), escape.size(), "\\%03o", static_cast<unsigned char>(c));
            word += escape.data();
        }
    }
    return word + "'";
}

void print_field(std::string_view name, std::string_view value) {
    std::string margin = printable(name);
    const std::size_t used = columns_of(margin);
    margin.append(used < field_columns ? field_columns - used : 1, ' ');
    for (std::size_t at = 0; at <= value.size();) {
        const std::size_t end = std::min(value.find('\n', at), value.size());
        std::cout << margin << printable(value.substr(at, end - at)) << '\n';
        margin.assign(field_columns, ' ');
        at = end + 1;
    }
}

std::string to_text(const payload& value, std::size_t columns) {
    if (value.is_none()) {
        return "-";
    }
    if (!looks_like_utf8(value.bytes)) {
        return one_line(value.codec + ":" + base64(value.bytes), columns);
    }
    return one_line(value.codec == "json" ? value.bytes : value.codec + ":" + value.bytes, columns);
}

std::string to_text(double value) {
    std::array<char, 48> text{};
    const double size = std::abs(value);
    const bool is_whole = size == std::floor(size);
    const int digits = is_whole || size >= 1000 ? 0 : size >= 10 ? 1 : 3;
    std::snprintf(text.data(), text.size(), "%.*f", digits, value);
    std::string plain = text.data();
    auto at = std::min(plain.find('.'), plain.size());
    const std::size_t first = plain[0] == '-' ? 1 : 0;
    while (at > first + 3) {
        at -= 3;
        plain.insert(at, ",");
    }
    return plain;
}

table::table(std::vector<std::string> head) {
    rows_.push_back(std::move(head));
}

void table::add(std::vector<std::string> row) {
    for (std::string& cell : row) {
        cell = printable(cell);
    }
    rows_.push_back(std::move(row));
}

std::vector<std::size_t> table::widths() const {
    std::vector<std::size_t> widths(rows_.front().size());
    for (const auto& row : rows_) {
        for (std::size_t n = 0; n < row.size(); ++n) {
            widths[n] = std::max(widths[n], columns_of(row[n]));
        }
    }
    const auto limit = terminal_columns();
    if (!limit) {
        return widths;
    }
    const auto total = [&] {
        return std::accumulate(widths.begin(), widths.end(), gap * (widths.size() - 1));
    };
    while (total() > *limit) {
        auto widest = std::max_element(widths.begin() + 1, widths.end());
        if (widest == widths.end() || *widest <= cell_columns_min) {
            widest = widths.begin();
        }
        if (*widest <= cell_columns_min) {
            break;
        }
        --*widest;
    }
    return widths;
}

void table::print(std::ostream& out) const {
    const auto columns = widths();
    const bool styled = output_is_terminal();
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t n = 0; n < row.size(); ++n) {
            const auto cell = cut(row[n], columns[n]);
            const bool is_last = n + 1 == row.size();
            line += cell + std::string(is_last ? 0 : columns[n] - columns_of(cell) + gap, ' ');
        }
        const bool is_head = styled && &row == &rows_.front();
        out << (is_head ? "\x1b[1m" : "") << line << (is_head ? "\x1b[0m" : "") << '\n';
    }
}

}  // namespace perdure::tool
