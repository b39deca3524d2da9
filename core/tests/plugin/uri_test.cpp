#include "refusal.hpp"

#include <perdure/plugin.hpp>

using namespace perdure;
using Catch::Matchers::Contains;
using test::refusal;

namespace {

std::string refusal_of(const std::string& uri) {
    return refusal([&] { static_cast<void>(parse_uri(uri)); });
}

}  // namespace

TEST_CASE("a URI is scheme, address and options", "[uri]") {
    const auto relative = parse_uri("sqlite:path/with/slash.db?x=y");
    CHECK(relative.backend == "sqlite");
    CHECK(relative.address == "path/with/slash.db");
    CHECK(relative.options == std::map<std::string, std::string>{{"x", "y"}});

    CHECK(parse_uri("sqlite:/abs/path").address == "/abs/path");
    CHECK(parse_uri("memory:").address.empty());

    const auto remote = parse_uri("postgres://user@host/db?schema=dt&task_hub=orders");
    CHECK(remote.address == "//user@host/db");
    CHECK(remote.options ==
          std::map<std::string, std::string>{{"schema", "dt"}, {"task_hub", "orders"}});
}

TEST_CASE("what is percent-encoded is decoded", "[uri]") {
    const auto config = parse_uri("sqlite:a%20b%3fc%2525.db?k%3D1=v%26w&empty=");

    CHECK(config.address == "a b?c%25.db");
    CHECK(config.options == std::map<std::string, std::string>{{"k=1", "v&w"}, {"empty", ""}});
}

TEST_CASE("a URI that cannot be read is refused with what is allowed", "[uri]") {
    CHECK_THAT(refusal_of("shop.db"), Contains("no ':'") && Contains("scheme:address?key=value"));
    CHECK_THAT(refusal_of(":x"), Contains("not the name of a backend"));
    CHECK_THAT(refusal_of("SQLite:x"), Contains("lower-case"));
    CHECK_THAT(refusal_of("sqlite:100%"), Contains("%25"));
    CHECK_THAT(refusal_of("sqlite:%0x"), Contains("hexadecimal"));
    CHECK_THAT(refusal_of("sqlite:%00"), Contains("%00"));
    CHECK_THAT(refusal_of("sqlite:x?a=1&y"), Contains("option 2 has no '='"));
    CHECK_THAT(refusal_of("sqlite:x?=y"), Contains("no '=' with a key"));
    CHECK_THAT(refusal_of("sqlite:x?a=1&a=2"), Contains("option 2 repeats the key"));
    CHECK_THAT(refusal_of("sqlite:x?a=b@c"), Contains("%40"));
}

TEST_CASE("an address is kept as it was written, for who takes it apart", "[uri]") {
    const auto config = parse_uri("postgres://a%3Ab:c%40d@host/e%2Ff?schema=g%40h");

    CHECK(config.encoded_address == "//a%3Ab:c%40d@host/e%2Ff");
    CHECK(config.address == "//a:b:c@d@host/e/f");
    CHECK(config.options.at("schema") == "g@h");
}

TEST_CASE("postgresql is another name of postgres", "[uri]") {
    CHECK(parse_uri("postgresql://host/db").backend == "postgres");
}
