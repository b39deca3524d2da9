#pragma once

#include "codec/json_text.hpp"

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// Reading JSON strictly (RFC 8259), from bytes that anybody may have written: never beyond the end,
// never recursive, integers exact, text valid UTF-8.

namespace perdure::codecs {

/// Where a scanner's errors go: throws what its caller promises to throw.
class scan_errors {
  public:
    scan_errors() = default;
    scan_errors(const scan_errors&) = default;
    scan_errors& operator=(const scan_errors&) = default;
    virtual ~scan_errors() = default;

    [[noreturn]] virtual void raise(std::size_t at, const std::string& problem) const = 0;
};

/// A JSON string as it stands in the text, without its quotes; checked, not yet unescaped.
struct json_token {
    std::string_view raw;
    bool has_escapes = false;
};

/// Appends what the string means.
void append_meaning(std::string& out, const json_token& token);

/// A position in a JSON text that only moves forward. Belongs to one thread; the text and the
/// errors must outlive it.
class json_scanner {
  public:
    json_scanner(std::string_view text, const scan_errors& errors) noexcept
        : text_(text), errors_(&errors) {}

    /// Where the next character is.
    [[nodiscard]] std::size_t position() const noexcept { return at_; }
    [[nodiscard]] std::string_view slice(std::size_t begin) const noexcept {
        return text_.substr(begin, at_ - begin);
    }

    void skip_space() noexcept;
    /// The next character after white space, not consumed; NUL at the end.
    [[nodiscard]] char peek() noexcept;
    /// Consumes the character if it is the next.
    [[nodiscard]] bool take(char wanted) noexcept;
    void expect(char wanted);
    void expect_end();

    [[nodiscard]] json_token read_text(std::string_view what = "a string");
    /// The text of a number.
    [[nodiscard]] std::string_view read_number(std::string_view what = "a number");
    [[nodiscard]] std::int64_t read_signed();
    [[nodiscard]] std::uint64_t read_unsigned();
    /// True or false.
    [[nodiscard]] bool read_flag();
    void skip_value();

    /// Reads one value and tells the visitor what it meets, in order: `open(bracket)`,
    /// `key(token)`, `text(token)`, `number(text)`, `literal(text)`, `close()`.
    template <class Visitor>
    void walk(Visitor& visitor);

    [[noreturn]] void fail(const std::string& problem) const;
    /// Says what was wanted and what stands here instead.
    [[noreturn]] void fail_wanted(std::string_view wanted) const;

  private:
    std::string_view read_literal(std::string_view word);
    void check_escape();
    [[nodiscard]] unsigned read_code_unit();
    void skip_digits();
    template <class Number>
    [[nodiscard]] Number read_integer(std::string_view what);
    template <class Visitor>
    void walk_key(Visitor& visitor);
    template <class Visitor>
    void walk_scalar(char first, Visitor& visitor);

    std::string_view text_;
    std::size_t at_ = 0;
    const scan_errors* errors_;
};

template <class Visitor>
void json_scanner::walk_key(Visitor& visitor) {
    visitor.key(read_text("a member name"));
    expect(':');
}

template <class Visitor>
void json_scanner::walk_scalar(char first, Visitor& visitor) {
    switch (first) {
        case '"':
            visitor.text(read_text());
            return;
        case 't':
            visitor.literal(read_literal("true"));
            return;
        case 'f':
            visitor.literal(read_literal("false"));
            return;
        case 'n':
            visitor.literal(read_literal("null"));
            return;
        default:
            visitor.number(read_number("a JSON value"));
            return;
    }
}

template <class Visitor>
void json_scanner::walk(Visitor& visitor) {
    std::bitset<json_depth_max> is_object;
    std::size_t depth = 0;
    while (true) {
        const char first = peek();
        if (first == '{' || first == '[') {
            if (depth == json_depth_max) {
                fail("more than " + std::to_string(json_depth_max) +
                     " objects and arrays inside each other");
            }
            visitor.open(text_.substr(at_++, 1));
            is_object[depth++] = first == '{';
            if (peek() != (first == '{' ? '}' : ']')) {
                if (first == '{') {
                    walk_key(visitor);
                }
                continue;
            }
        } else {
            walk_scalar(first, visitor);
        }
        while (depth > 0 && !take(',')) {
            expect(is_object[depth - 1] ? '}' : ']');
            visitor.close();
            --depth;
        }
        if (depth == 0) {
            return;
        }
        if (is_object[depth - 1]) {
            walk_key(visitor);
        }
    }
}

}  // namespace perdure::codecs
