#include "codec/json_text.hpp"

#include <perdure/codec.hpp>

#include <fmt/format.h>
#include <rapidjson/document.h>

#include <charconv>
#include <cmath>

namespace perdure {
inline namespace v1 {
namespace detail {

namespace {

payload json(std::string text) { return {std::string(json_codec), std::move(text)}; }

[[noreturn]] void refuse(std::string_view wanted, const payload& found, std::string_view why) {
    constexpr std::size_t shown = 80;
    std::string excerpt = is_plain_text(found.bytes) ? found.bytes : std::string("(binary)");
    if (excerpt.size() > shown) {
        excerpt = excerpt.substr(0, shown) + "...";
    }
    throw payload_error(fmt::format("cannot read a payload as {}: {}; found {} (codec {})", wanted,
                                    why, found.is_none() ? "nothing" : excerpt,
                                    found.is_none() ? "none" : found.codec));
}

rapidjson::Document parse(std::string_view wanted, const payload& stored) {
    if (stored.codec != json_codec) {
        refuse(wanted, stored, "it is not JSON");
    }
    constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseFullPrecisionFlag |
                               rapidjson::kParseValidateEncodingFlag;
    rapidjson::Document document;
    document.Parse<flags>(stored.bytes.data(), stored.bytes.size());
    if (document.HasParseError()) {
        refuse(wanted, stored, "it is not valid JSON");
    }
    return document;
}

}  // namespace

payload encode_text(std::string_view value) {
    if (!is_plain_text(value) && value.find('\0') == std::string_view::npos) {
        throw payload_error("cannot write text as JSON: it is not valid UTF-8");
    }
    std::string out;
    out.reserve(value.size() + 2);
    append_json_string(out, value);
    return json(std::move(out));
}

std::string decode_text(const payload& stored) {
    const auto document = parse("text", stored);
    if (!document.IsString()) {
        refuse("text", stored, "it is not a string");
    }
    return {document.GetString(), document.GetStringLength()};
}

payload encode_flag(bool value) { return json(value ? "true" : "false"); }

bool decode_flag(const payload& stored) {
    const auto document = parse("true or false", stored);
    if (!document.IsBool()) {
        refuse("true or false", stored, "it is neither");
    }
    return document.GetBool();
}

payload encode_signed(std::int64_t value) { return json(std::to_string(value)); }
payload encode_unsigned(std::uint64_t value) { return json(std::to_string(value)); }

std::int64_t decode_signed(const payload& stored, std::int64_t least, std::int64_t most) {
    const auto document = parse("integer", stored);
    if (!document.IsInt64() || document.GetInt64() < least || document.GetInt64() > most) {
        refuse("integer", stored, fmt::format("it is no integer from {} to {}", least, most));
    }
    return document.GetInt64();
}

std::uint64_t decode_unsigned(const payload& stored, std::uint64_t most) {
    const auto document = parse("integer", stored);
    if (!document.IsUint64() || document.GetUint64() > most) {
        refuse("integer", stored, fmt::format("it is no integer from 0 to {}", most));
    }
    return document.GetUint64();
}

payload encode_number(double value) {
    if (!std::isfinite(value)) {
        throw payload_error("cannot write a number as JSON: NaN and infinity have no form in it");
    }
    char digits[40];
    const auto end = std::to_chars(std::begin(digits), std::end(digits), value).ptr;
    return json(std::string(digits, end));
}

double decode_number(const payload& stored) {
    const auto document = parse("number", stored);
    if (!document.IsNumber()) {
        refuse("number", stored, "it is not a number");
    }
    return document.GetDouble();
}

}  // namespace detail
}  // namespace v1
}  // namespace perdure
