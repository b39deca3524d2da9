#include <perdure/codec.hpp>

#include <catch2/catch.hpp>

#include <cmath>

using namespace perdure;
using Catch::Matchers::Contains;

namespace {

template <class T>
std::string text_of(const T& value) {
    const payload stored = codec<T>::encode(value);
    CHECK(stored.codec == "json");
    return stored.bytes;
}

template <class T>
T value_of(const std::string& text) {
    return codec<T>::decode({"json", text});
}

}  // namespace

TEST_CASE("single values are JSON as any language writes it", "[payload]") {
    CHECK(text_of(std::string("a\"\\\n\xC3\xA4")) == "\"a\\\"\\\\\\n\xC3\xA4\"");
    CHECK(text_of(std::string("\0", 1)) == "\"\\u0000\"");
    CHECK(text_of(true) == "true");
    CHECK(text_of(-5) == "-5");
    CHECK(text_of(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
    CHECK(text_of(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
    CHECK(text_of(0.1) == "0.1");
    CHECK(text_of(0.1F) == "0.1");
    CHECK(text_of(5.0) == "5");
    CHECK(text_of(1e300) == "1e+300");
}

TEST_CASE("single values are read from JSON as any language writes it", "[payload]") {
    CHECK(value_of<std::string>(R"( "\u00e4\/\ud83d\ude00" )") == "\xC3\xA4/\xF0\x9F\x98\x80");
    CHECK(value_of<bool>("\nfalse") == false);
    CHECK(value_of<std::int8_t>("-128") == -128);
    CHECK(value_of<std::uint8_t>("255") == 255);
    CHECK(value_of<std::int64_t>("9007199254740993") == 9007199254740993);
    CHECK(value_of<double>("-1.5E2") == -150.0);
    CHECK(value_of<double>("7") == 7.0);
    CHECK(value_of<float>("0.1") == 0.1F);
}

TEMPLATE_TEST_CASE("the ends of a number's range survive",
                   "[payload]",
                   std::int8_t,
                   std::uint8_t,
                   std::int16_t,
                   std::uint32_t,
                   std::int64_t,
                   std::uint64_t,
                   float,
                   double) {
    for (const TestType value : {std::numeric_limits<TestType>::lowest(),
                                 std::numeric_limits<TestType>::max(),
                                 std::numeric_limits<TestType>::min()}) {
        CHECK(codec<TestType>::decode(codec<TestType>::encode(value)) == value);
    }
}

TEST_CASE("an error says what was wanted and what was found", "[payload]") {
    CHECK_THROWS_WITH(value_of<int>("\"abc\""),
                      "cannot read a payload as integer: found \"abc\" (codec json)");
    CHECK_THROWS_WITH(value_of<std::int8_t>("300"),
                      Contains("integer from -128 to 127") && Contains("300"));
    CHECK_THROWS_WITH(value_of<std::string>(""), Contains("found nothing"));
    CHECK_THROWS_WITH(value_of<bool>("\"" + std::string(1000, 'x') + "\""),
                      Contains("true or false") && Contains(std::string(79, 'x') + "...") &&
                          !Contains(std::string(80, 'x')));
}

TEST_CASE("a value of another type or out of range is refused", "[payload]") {
    CHECK_THROWS_AS(value_of<int>("5.0"), payload_error);
    CHECK_THROWS_AS(value_of<int>("5 6"), payload_error);
    CHECK_THROWS_AS(value_of<int>("05"), payload_error);
    CHECK_THROWS_AS(value_of<int>("2147483648"), payload_error);
    CHECK_THROWS_AS(value_of<unsigned>("-1"), payload_error);
    CHECK_THROWS_AS(value_of<std::uint8_t>("256"), payload_error);
    CHECK_THROWS_AS(value_of<std::uint64_t>("18446744073709551616"), payload_error);
    CHECK_THROWS_AS(value_of<double>("1e999"), payload_error);
    CHECK_THROWS_AS(value_of<double>("NaN"), payload_error);
    CHECK_THROWS_AS(value_of<float>("1e39"), payload_error);
    CHECK_THROWS_AS(value_of<bool>("0"), payload_error);
    CHECK_THROWS_AS(value_of<bool>("truex"), payload_error);
    CHECK_THROWS_AS(value_of<std::string>("'a'"), payload_error);
    CHECK_THROWS_AS(value_of<std::string>("\"a"), payload_error);
    CHECK_THROWS_AS(value_of<std::string>("null"), payload_error);
}

TEST_CASE("another codec, or no value at all, is refused", "[payload]") {
    CHECK_THROWS_WITH(codec<int>::decode({"cbor", "5"}), Contains("codec is \"cbor\""));
    CHECK_THROWS_WITH(codec<int>::decode({}), Contains("there is no value"));
}

TEST_CASE("what JSON cannot carry is not written", "[payload]") {
    CHECK_THROWS_AS(codec<double>::encode(std::nan("")), payload_error);
    CHECK_THROWS_AS(codec<float>::encode(HUGE_VALF), payload_error);
    CHECK_THROWS_WITH(codec<std::string>::encode("ab\xFF"), Contains("byte 2 of 3"));
}

TEST_CASE("a payload passes unchanged", "[payload]") {
    const payload any("cbor", "\xFF");
    CHECK(codec<payload>::decode(codec<payload>::encode(any)) == any);
}
