#include <perdure/detail/json.hpp>
#include <perdure/log.hpp>
#include <perdure/printable.hpp>

#include <catch2/catch.hpp>

#include <string>

using namespace perdure;

TEST_CASE("what could lead a terminal or an eye is shown as an escape", "[printable]") {
    CHECK(printable("a\nb\tc\rd") == "a\\nb\\tc\\rd");
    CHECK(printable("\x1b[2J\x7f") == "\\x1b[2J\\x7f");
    CHECK(printable(std::string("a\0b", 3)) == "a\\x00b");
    // A C1 control, a right-to-left override, a line separator, an invisible tag, no UTF-8.
    CHECK(printable("\xC2\x9B"
                    "31m") == "\\u009b31m");
    CHECK(printable("\xE2\x80\xAEtxt.exe") == "\\u202etxt.exe");
    CHECK(printable("\xE2\x80\xA8") == "\\u2028");
    CHECK(printable("\xF3\xA0\x81\x81") == "\\ue0041");
    CHECK(printable("\xFF\xC3") == "\\xff\\xc3");
}

TEST_CASE("what people write is shown as it is", "[printable]") {
    // Accents, two scripts, an emoji of a family with its joiners, a backslash.
    for (const std::string text : {"Zo\xC3\xAB",
                                   "\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D",
                                   "\xE6\xB3\xA8\xE6\x96\x87",
                                   "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7",
                                   "C:\\new",
                                   ""}) {
        CHECK(printable(text) == text);
    }
}

TEST_CASE("JSON that is made printable has the same value", "[printable]") {
    const std::string json = "{\"a\":\n\"\xC2\x9B\xE2\x80\xAE\xF3\xA0\x81\x81\x7f\"}";

    const std::string shown = printable_json(json);

    CHECK(shown == "{\"a\": \"\\u009b\\u202e\\udb40\\udc41\\u007f\"}");
    const payload stored("json", shown);
    detail::json_reader reader(stored);
    REQUIRE(reader.enter_member("a"));
    CHECK(reader.text() == "\xC2\x9B\xE2\x80\xAE\xF3\xA0\x81\x81\x7f");
    CHECK(printable_json("\"\xFF\"") == "\"\\ufffd\"");
}
