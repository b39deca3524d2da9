#include "codec/payload_errors.hpp"
#include "nouns/utf8.hpp"

#include <perdure/codec.hpp>

#include <fmt/format.h>

#include <charconv>

// The payloads of single values: numbers, strings, true and false.

namespace perdure {

namespace codecs {

void fail_reading(std::string_view wanted, std::string_view found, const payload& stored) {
    throw payload_error(fmt::format("cannot read a payload as {}: found {} (codec {})",
                                    wanted,
                                    found.empty() ? "nothing" : excerpt(found),
                                    stored.codec));
}

void check_codec(std::string_view wanted, const payload& stored) {
    if (stored.is_none()) {
        throw payload_error(fmt::format("cannot read a payload as {}: there is no value", wanted));
    }
    if (stored.codec != json_codec) {
        throw payload_error(fmt::format("cannot read a payload as {}: its codec is \"{}\", not {}",
                                        wanted,
                                        excerpt(stored.codec),
                                        json_codec));
    }
}

void payload_errors::raise(std::size_t at, const std::string& problem) const {
    throw payload_error(
        fmt::format("cannot read a payload as JSON, byte {}: {}; found {} (codec {})",
                    at,
                    problem,
                    excerpt(stored_->bytes),
                    stored_->codec));
}

}  // namespace codecs

inline namespace v1 {

namespace {

using namespace perdure::codecs;

payload json_payload(std::string bytes) {
    return {std::string(json_codec), std::move(bytes)};
}

/// A value that is not even JSON is reported like one of another type.
class value_errors final : public scan_errors {
  public:
    value_errors(std::string_view wanted, const payload& stored) noexcept
        : wanted_(wanted), stored_(&stored) {}
    [[noreturn]] void raise(std::size_t, const std::string&) const override {
        fail_reading(wanted_, stored_->bytes, *stored_);
    }

  private:
    std::string_view wanted_;
    const payload* stored_;
};

/// The whole payload as one value; `read` gets a scanner at its beginning.
template <class Read>
auto read_whole(std::string_view wanted, const payload& stored, const Read& read) {
    check_codec(wanted, stored);
    const value_errors errors(wanted, stored);
    json_scanner in(stored.bytes, errors);
    auto value = read(in);
    in.expect_end();
    return value;
}

template <class Number>
payload encode_floating(Number value) {
    std::string out;
    if (!append_number(out, value)) {
        throw payload_error(
            fmt::format("cannot write {} as JSON: it is not a finite number", value));
    }
    return json_payload(std::move(out));
}

template <class Number>
Number decode_floating(const payload& stored) {
    constexpr std::string_view wanted = "a number";
    return read_whole(wanted, stored, [&](json_scanner& in) {
        const std::string_view digits = in.read_number();
        Number value = 0;
        if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec !=
            std::errc()) {
            fail_reading("a number of this size", stored.bytes, stored);
        }
        return value;
    });
}

}  // namespace

namespace detail {

payload encode_text(std::string_view value) {
    std::string out;
    out.reserve(value.size() + 2);
    if (!append_text(out, value, text_rule::exact)) {
        throw payload_error(
            fmt::format("cannot write a string as JSON: byte {} of {} is not valid UTF-8; give "
                        "bytes a type with a codec of its own",
                        utf8_prefix(value),
                        value.size()));
    }
    return json_payload(std::move(out));
}

std::string decode_text(const payload& stored) {
    return read_whole("a string", stored, [](json_scanner& in) {
        std::string text;
        append_meaning(text, in.read_text());
        return text;
    });
}

payload encode_flag(bool value) {
    return json_payload(value ? "true" : "false");
}

bool decode_flag(const payload& stored) {
    return read_whole("true or false", stored, [](json_scanner& in) { return in.read_flag(); });
}

payload encode_signed(std::int64_t value) {
    std::string out;
    append_number(out, value);
    return json_payload(std::move(out));
}

payload encode_unsigned(std::uint64_t value) {
    std::string out;
    append_number(out, value);
    return json_payload(std::move(out));
}

std::int64_t decode_signed(const payload& stored, std::int64_t least, std::int64_t most) {
    const std::int64_t value =
        read_whole("integer", stored, [](json_scanner& in) { return in.read_signed(); });
    if (value < least || value > most) {
        fail_reading(fmt::format("integer from {} to {}", least, most), stored.bytes, stored);
    }
    return value;
}

std::uint64_t decode_unsigned(const payload& stored, std::uint64_t most) {
    const std::uint64_t value = read_whole("integer that is not negative",
                                           stored,
                                           [](json_scanner& in) { return in.read_unsigned(); });
    if (value > most) {
        fail_reading(fmt::format("integer from 0 to {}", most), stored.bytes, stored);
    }
    return value;
}

payload encode_number(double value) {
    return encode_floating(value);
}
payload encode_number(float value) {
    return encode_floating(value);
}
double decode_number(const payload& stored) {
    return decode_floating<double>(stored);
}
float decode_small_number(const payload& stored) {
    return decode_floating<float>(stored);
}

}  // namespace detail

}  // namespace v1
}  // namespace perdure
