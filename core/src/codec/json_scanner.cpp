#include "codec/json_scanner.hpp"

#include "nouns/utf8.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace perdure::codecs {

namespace {

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

unsigned hex_value(char c) noexcept {
    if (is_digit(c)) {
        return static_cast<unsigned>(c - '0');
    }
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? static_cast<unsigned>(lower - 'a' + 10) : 16U;
}

unsigned code_unit(std::string_view digits) noexcept {
    unsigned value = 0;
    for (const char c : digits) {
        value = value * 16 + hex_value(c);
    }
    return value;
}

void append_utf8(std::string& out, unsigned code) {
    const auto continued = [&](unsigned shift) {
        out += static_cast<char>(0x80U | ((code >> shift) & 0x3FU));
    };
    if (code < 0x80) {
        out += static_cast<char>(code);
    } else if (code < 0x800) {
        out += static_cast<char>(0xC0U | (code >> 6U));
        continued(0);
    } else if (code < 0x10000) {
        out += static_cast<char>(0xE0U | (code >> 12U));
        continued(6);
        continued(0);
    } else {
        out += static_cast<char>(0xF0U | (code >> 18U));
        continued(12);
        continued(6);
        continued(0);
    }
}

bool is_high_surrogate(unsigned unit) noexcept {
    return unit >= 0xD800 && unit <= 0xDBFF;
}
bool is_low_surrogate(unsigned unit) noexcept {
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

struct ignore_everything {
    void open(std::string_view) const noexcept {}
    void close() const noexcept {}
    void key(const json_token&) const noexcept {}
    void text(const json_token&) const noexcept {}
    void number(std::string_view) const noexcept {}
    void literal(std::string_view) const noexcept {}
};

}  // namespace

void append_meaning(std::string& out, const json_token& token) {
    const std::string_view raw = token.raw;
    if (!token.has_escapes) {
        out += raw;
        return;
    }
    for (std::size_t at = 0; at < raw.size();) {
        const std::size_t next = std::min(raw.find('\\', at), raw.size());
        out.append(raw, at, next - at);
        if (next == raw.size()) {
            return;
        }
        at = next + 2;
        switch (raw[next + 1]) {
            case 'n':
                out += '\n';
                break;
            case 'r':
                out += '\r';
                break;
            case 't':
                out += '\t';
                break;
            case 'b':
                out += '\b';
                break;
            case 'f':
                out += '\f';
                break;
            case 'u': {
                unsigned code = code_unit(raw.substr(at, 4));
                at += 4;
                if (is_high_surrogate(code)) {
                    const unsigned low = code_unit(raw.substr(at + 2, 4));
                    code = 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00);
                    at += 6;
                }
                append_utf8(out, code);
                break;
            }
            default:
                out += raw[next + 1];
                break;
        }
    }
}

void json_scanner::skip_space() noexcept {
    constexpr std::string_view space = " \n\t\r";
    while (at_ < text_.size() && space.find(text_[at_]) != std::string_view::npos) {
        ++at_;
    }
}

char json_scanner::peek() noexcept {
    skip_space();
    return at_ < text_.size() ? text_[at_] : '\0';
}

bool json_scanner::take(char wanted) noexcept {
    if (peek() != wanted || at_ == text_.size()) {
        return false;
    }
    ++at_;
    return true;
}

void json_scanner::expect(char wanted) {
    if (!take(wanted)) {
        fail_wanted(std::string_view(&wanted, 1));
    }
}

void json_scanner::expect_end() {
    skip_space();
    if (at_ != text_.size()) {
        fail_wanted("the end");
    }
}

void json_scanner::fail(const std::string& problem) const {
    errors_->raise(at_, problem);
    // g++ does not see that a virtual function never returns.
    std::abort();
}

void json_scanner::fail_wanted(std::string_view wanted) const {
    if (at_ >= text_.size()) {
        fail(fmt::format("wanted {}, found the end", wanted));
    }
    fail(fmt::format("wanted {}, found {}", wanted, excerpt(text_.substr(at_))));
}

unsigned json_scanner::read_code_unit() {
    if (text_.size() - at_ < 4) {
        fail("a \\u escape is cut off");
    }
    for (std::size_t i = 0; i < 4; ++i) {
        if (hex_value(text_[at_ + i]) > 15) {
            fail("a \\u escape needs four hexadecimal digits");
        }
    }
    at_ += 4;
    return code_unit(text_.substr(at_ - 4, 4));
}

void json_scanner::check_escape() {
    constexpr std::string_view simple = "\"\\/bfnrt";
    const char c = ++at_ < text_.size() ? text_[at_] : '\0';
    if (c != 'u') {
        if (c == '\0' || simple.find(c) == std::string_view::npos) {
            fail("an unknown escape in a string");
        }
        ++at_;
        return;
    }
    ++at_;
    const unsigned unit = read_code_unit();
    if (is_high_surrogate(unit) && text_.substr(at_).starts_with("\\u")) {
        at_ += 2;
        if (is_low_surrogate(read_code_unit())) {
            return;
        }
    }
    if (is_high_surrogate(unit) || is_low_surrogate(unit)) {
        fail("half of a surrogate pair in a string");
    }
}

json_token json_scanner::read_text(std::string_view what) {
    if (!take('"')) {
        fail_wanted(what);
    }
    const std::size_t begin = at_;
    json_token token;
    while (true) {
        at_ += plain_prefix(text_.data() + at_, text_.data() + text_.size());
        if (at_ == text_.size()) {
            fail("a string without an end");
        }
        const auto byte = static_cast<unsigned char>(text_[at_]);
        if (byte == '"') {
            token.raw = slice(begin);
            ++at_;
            return token;
        }
        if (byte == '\\') {
            token.has_escapes = true;
            check_escape();
            continue;
        }
        const std::size_t length = utf8_length(text_, at_);
        if (length < 2) {
            fail(fmt::format("the byte 0x{:02x} may not stand in a string", byte));
        }
        at_ += length;
    }
}

void json_scanner::skip_digits() {
    if (at_ == text_.size() || !is_digit(text_[at_])) {
        fail("a number lacks a digit");
    }
    while (at_ < text_.size() && is_digit(text_[at_])) {
        ++at_;
    }
}

std::string_view json_scanner::read_number(std::string_view what) {
    const char first = peek();
    if (first != '-' && !is_digit(first)) {
        fail_wanted(what);
    }
    const std::size_t begin = at_;
    const auto take_any = [&](std::string_view wanted) {
        const bool found = at_ < text_.size() && wanted.find(text_[at_]) != std::string_view::npos;
        at_ += found ? 1 : 0;
        return found;
    };
    take_any("-");
    if (!take_any("0")) {
        skip_digits();
    }
    if (take_any(".")) {
        skip_digits();
    }
    if (take_any("eE")) {
        take_any("+-");
        skip_digits();
    }
    return slice(begin);
}

template <class Number>
Number json_scanner::read_integer(std::string_view what) {
    skip_space();
    const std::size_t begin = at_;
    const std::string_view digits = read_number(what);
    Number value = 0;
    const char* const end = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data(), end, value);
    if (read.ec != std::errc() || read.ptr != end) {
        at_ = begin;
        fail_wanted(what);
    }
    return value;
}

std::int64_t json_scanner::read_signed() {
    return read_integer<std::int64_t>("an integer of 64 bits");
}

std::uint64_t json_scanner::read_unsigned() {
    return read_integer<std::uint64_t>("an integer of 64 bits that is not negative");
}

std::string_view json_scanner::read_literal(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) {
        fail_wanted("a JSON value");
    }
    at_ += word.size();
    return slice(at_ - word.size());
}

bool json_scanner::read_flag() {
    const char first = peek();
    if (first != 't' && first != 'f') {
        fail_wanted("true or false");
    }
    read_literal(first == 't' ? "true" : "false");
    return first == 't';
}

void json_scanner::skip_value() {
    ignore_everything nobody;
    walk(nobody);
}

}  // namespace perdure::codecs
