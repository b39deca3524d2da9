#include <perdure/codec_cereal.hpp>
#include <perdure/time.hpp>

#include <catch2/catch.hpp>
// Made for cereal's own form; here to show that they do not get in the way.
#include <cereal/types/array.hpp>
#include <cereal/types/base_class.hpp>
#include <cereal/types/chrono.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/tuple.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>

#include <cmath>
#include <deque>
#include <limits>
#include <list>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

using namespace perdure;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

enum class colour : std::uint8_t { red = 1, blue = 200 };

struct item {
    std::string sku;
    std::uint8_t qty = 0;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(CEREAL_NVP(sku), CEREAL_NVP(qty));
    }
    friend bool operator==(const item&, const item&) = default;
};

struct order {
    std::string id;
    std::vector<item> items;
    std::optional<std::string> note;
    std::map<std::string, std::vector<int>> by_day;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(CEREAL_NVP(id), CEREAL_NVP(items), CEREAL_NVP(note), CEREAL_NVP(by_day));
    }
    friend bool operator==(const order&, const order&) = default;
};

struct envelope {
    order content;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(cereal::make_nvp("order", content));
    }
};

struct unnamed {
    int first = 0;
    std::string second;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(first) & second;
    }
};

struct animal {
    int legs = 0;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(CEREAL_NVP(legs));
    }
};

struct dog : animal {
    std::string name;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(cereal::base_class<animal>(this), CEREAL_NVP(name));
    }
};

struct amount {
    std::int64_t cents = 0;

    template <class Archive>
    std::string save_minimal(const Archive&) const {
        return std::to_string(cents) + " cents";
    }
    template <class Archive>
    void load_minimal(const Archive&, const std::string& text) {
        cents = std::stoll(text);
    }
};

struct versioned {
    int size = 0;
    std::uint32_t read_as = 99;

    template <class Archive>
    void serialize(Archive& archive, std::uint32_t version) {
        archive(CEREAL_NVP(size));
        read_as = version;
    }
};

struct split {
    std::vector<int> numbers;

    template <class Archive>
    void save(Archive& archive) const {
        archive(cereal::make_size_tag(static_cast<cereal::size_type>(numbers.size())));
        for (const int number : numbers) {
            archive(number);
        }
    }
    template <class Archive>
    void load(Archive& archive) {
        cereal::size_type size = 0;
        archive(cereal::make_size_tag(size));
        numbers.resize(size);
        for (int& number : numbers) {
            archive(number);
        }
    }
};

struct tree {
    std::vector<tree> branches;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(CEREAL_NVP(branches));
    }
};

struct nothing {};

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

template <class T>
void check_form(const T& value, const std::string& text) {
    CHECK(text_of(value) == text);
    CHECK(value_of<T>(text) == value);
}

}  // namespace

CEREAL_CLASS_VERSION(versioned, 3)

TEST_CASE("a struct is an object with its members' names", "[json]") {
    const order value{"4711", {{"a\"b", 2}, {"c", 255}}, "now", {{"mo", {1, 2}}, {"tu", {}}}};
    check_form(value,
               R"({"id":"4711","items":[{"sku":"a\"b","qty":2},{"sku":"c","qty":255}],)"
               R"("note":"now","by_day":{"mo":[1,2],"tu":[]}})");
}

TEST_CASE("containers are arrays, and maps with text keys are objects", "[json]") {
    check_form(std::vector<int>{1, -2}, "[1,-2]");
    check_form(std::vector<bool>{true, false}, "[true,false]");
    check_form(std::list<std::string>{"a"}, R"(["a"])");
    check_form(std::deque<double>{0.5, 1e300}, "[0.5,1e+300]");
    check_form(std::set<int>{3, 1}, "[1,3]");
    check_form(std::unordered_set<int>{3}, "[3]");
    check_form(std::array<int, 3>{1, 2, 3}, "[1,2,3]");
    check_form(std::map<std::string, int>{{"a", 1}, {"b\n", 2}}, R"({"a":1,"b\n":2})");
    check_form(std::unordered_map<std::string, std::vector<int>>{{"a", {1}}}, R"({"a":[1]})");
    check_form(std::map<int, std::string>{{1, "x"}, {2, "y"}}, R"([[1,"x"],[2,"y"]])");
    check_form(std::multimap<std::string, int>{{"a", 1}, {"a", 2}}, R"([["a",1],["a",2]])");
    check_form(std::vector<std::uint8_t>{1, 255}, "[1,255]");
    check_form(std::map<std::string, int>{}, "{}");
}

TEST_CASE("pairs and tuples are arrays", "[json]") {
    check_form(std::pair<int, std::string>{1, "x"}, R"([1,"x"])");
    check_form(std::tuple<int, bool, std::optional<int>>{1, true, std::nullopt}, "[1,true,null]");
    CHECK_THROWS_WITH((value_of<std::pair<int, int>>("[1]")), Contains("an array of 2 elements"));
    CHECK_THROWS_WITH((value_of<std::array<int, 1>>("[1,2]")), Contains("an array of 1 elements"));
}

TEST_CASE("an empty optional is null, or not there", "[json]") {
    check_form(std::optional<int>(), "null");
    check_form(std::optional<int>(5), "5");
    check_form(std::vector<std::optional<int>>{1, std::nullopt}, "[1,null]");
    CHECK(value_of<order>(R"({"id":"","items":[],"by_day":{}})").note == std::nullopt);
    CHECK(codec<std::optional<int>>::decode({}) == std::nullopt);
}

TEST_CASE("enums, durations and times are integers", "[json]") {
    check_form(colour::blue, "200");
    check_form(std::vector<colour>{colour::red}, "[1]");
    check_form(std::chrono::milliseconds(1500ms), "1500");
    check_form(timestamp(duration(-5)), "-5");
    CHECK_THROWS_WITH(value_of<colour>("256"), Contains("from 0 to 255"));
}

TEST_CASE("a variant says which alternative it has", "[json]") {
    using either = std::variant<std::monostate, int, item>;
    check_form(either(), R"({"index":0,"value":null})");
    check_form(either(5), R"({"index":1,"value":5})");
    check_form(either(item{"a", 1}), R"({"index":2,"value":{"sku":"a","qty":1}})");
    CHECK(std::get<int>(value_of<either>(R"({"value":7,"index":1})")) == 7);
    CHECK_THROWS_WITH(value_of<either>(R"({"index":3,"value":5})"), Contains("index below 3"));
    CHECK_THROWS_WITH(value_of<either>(R"({"index":1})"), Contains("value: missing"));
}

TEST_CASE("values without a name are numbered", "[json]") {
    const unnamed value{5, "x"};
    CHECK(text_of(value) == R"({"value0":5,"value1":"x"})");
    CHECK(value_of<unnamed>(R"({"value1":"y","value0":6})").second == "y");
    CHECK(value_of<unnamed>(R"([6,"z"])").second == "z");
}

TEST_CASE("a base class's members are members of the object", "[json]") {
    dog value;
    value.legs = 4;
    value.name = "Rex";
    CHECK(text_of(value) == R"({"legs":4,"name":"Rex"})");
    CHECK(value_of<dog>(R"({"name":"Rex","legs":3})").legs == 3);
}

TEST_CASE("a type may choose a minimal form, or an array", "[json]") {
    CHECK(text_of(std::vector<amount>{{5}}) == R"(["5 cents"])");
    CHECK(value_of<std::vector<amount>>(R"(["7 cents"])").at(0).cents == 7);
    CHECK(text_of(split{{1, 2}}) == "[1,2]");
    CHECK(value_of<split>("[3,4,5]").numbers == std::vector<int>{3, 4, 5});
    CHECK(text_of(nothing{}) == "{}");
    CHECK_NOTHROW(value_of<nothing>("{}"));
}

TEST_CASE("a class version is a member, and without one it is the first", "[json]") {
    CHECK(text_of(versioned{5}) == R"({"cereal_class_version":3,"size":5})");
    CHECK(value_of<versioned>(R"({"cereal_class_version":2,"size":5})").read_as == 2);
    CHECK(value_of<versioned>(R"({"size":5})").read_as == 0);
}

TEST_CASE("members may come in any order, and unknown ones are ignored", "[json]") {
    const auto value =
        value_of<item>("{\"new\":[{\"qty\":7},[]],\"qty\":3,\"old\":null,\"s\\u006bu\":\"x\"}");
    CHECK(value == item{"x", 3});
}

TEST_CASE("an error names the path to the value", "[json]") {
    const auto broken = [](const std::string& last_item) {
        return R"({"order":{"id":"","by_day":{},"items":[{"sku":"a","qty":1},)" + last_item + "]}}";
    };
    CHECK_THROWS_WITH(value_of<envelope>(broken(R"({"sku":"b"})")),
                      Contains("order.items[1].qty: missing"));
    CHECK_THROWS_WITH(value_of<envelope>(broken(R"({"sku":"b","qty":300})")),
                      Contains("order.items[1].qty: wanted an integer from 0 to 255, found 300"));
    CHECK_THROWS_WITH(value_of<envelope>(broken("true")),
                      Contains("order.items[1]: wanted an object, found true"));
    CHECK_THROWS_WITH((value_of<std::map<std::string, int>>(R"({"a b":"x"})")),
                      Contains("a b: wanted an integer") && Contains("found \"x\""));
    CHECK_THROWS_WITH(value_of<item>("[1,2]"), Contains("wanted an object, found [1,2]"));
    CHECK_THROWS_WITH(value_of<split>("{}"), Contains("wanted an array"));
}

TEST_CASE("what is not JSON, or of another codec, is refused", "[json]") {
    for (const char* text : {"", "{", "nul", "[1,]", "{\"a\":1,}", "[1]x", "\"\xFF\"", "[1 2]"}) {
        CAPTURE(text);
        CHECK_THROWS_AS(value_of<std::vector<int>>(text), payload_error);
    }
    CHECK_THROWS_WITH(codec<item>::decode({"cbor", "{}"}), Contains("codec is \"cbor\""));
    CHECK_THROWS_WITH(codec<item>::decode({}), Contains("there is no value"));
    CHECK_THROWS_AS(codec<std::vector<double>>::encode({std::nan("")}), payload_error);
    CHECK_THROWS_AS(codec<std::vector<std::string>>::encode({"\xFF"}), payload_error);
}

TEST_CASE("depth is limited in both directions", "[json]") {
    CHECK_THROWS_WITH(value_of<std::vector<int>>(std::string(1'000'000, '[')), Contains("256"));
    tree deep;
    for (int depth = 0; depth < 127; ++depth) {
        tree around;
        around.branches.push_back(std::move(deep));
        deep = std::move(around);
    }
    CHECK_NOTHROW(codec<tree>::decode(codec<tree>::encode(deep)));
    tree too_deep;
    too_deep.branches.push_back(std::move(deep));
    CHECK_THROWS_WITH(codec<tree>::encode(too_deep), Contains("256"));
}

TEST_CASE("JSON with any one byte changed, or cut off, gives a value or a payload error",
          "[json]") {
    const order value{"47\u00e4", {{"a", 2}}, "now", {{"mo", {1, 2}}}};
    const std::string whole = text_of(value);
    std::size_t values = 0;
    const auto read = [&](const std::string& text) {
        try {
            static_cast<void>(value_of<order>(text));
            ++values;
        } catch (const payload_error&) {
            return;
        }
    };

    for (std::size_t at = 0; at < whole.size(); ++at) {
        read(whole.substr(0, at));
        for (int byte = 0; byte < 256; ++byte) {
            std::string text = whole;
            text[at] = static_cast<char>(byte);
            read(text);
        }
    }

    CHECK(values > whole.size());
}

TEST_CASE("A reader shows each value as it stands in the text", "[json]") {
    const payload stored("json", R"( {"a": [1, {"b\u0020": 2.50}, []], "c": "d\n\u00e4"} )");
    detail::json_reader in(stored);

    CHECK(in.raw() == R"({"a": [1, {"b\u0020": 2.50}, []], "c": "d\n\u00e4"})");
    REQUIRE(in.enter_member("c"));
    CHECK(in.raw() == R"("d\n\u00e4")");
    in.leave();
    REQUIRE(in.enter_member("a"));
    CHECK(in.raw() == R"([1, {"b\u0020": 2.50}, []])");
    for (const std::string wanted : {"1", R"({"b\u0020": 2.50})", "[]"}) {
        REQUIRE(in.enter_next());
        CHECK(in.raw() == wanted);
        in.leave();
    }
}
