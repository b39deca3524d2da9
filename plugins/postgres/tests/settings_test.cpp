#include "settings.hpp"

#include "private_server.hpp"

#include <catch2/catch.hpp>

#include <libpq-fe.h>
#include <map>

namespace perdure::postgres_test {

namespace {

using postgres::read_settings;
using postgres::settings;

settings read(const std::string& address, std::map<std::string, std::string> options = {}) {
    return read_settings({"postgres", address, std::move(options)});
}

backend_error refusal(const std::string& address, std::map<std::string, std::string> options = {}) {
    return failure_of([&] { static_cast<void>(read(address, options)); });
}

// What libpq understands of a connection string.
std::map<std::string, std::string> as_libpq_reads(const std::string& connection_string) {
    char* problem = nullptr;
    PQconninfoOption* options = PQconninfoParse(connection_string.c_str(), &problem);
    INFO((problem == nullptr ? "" : problem));
    REQUIRE(options != nullptr);
    std::map<std::string, std::string> values;
    for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
        if (option->val != nullptr) {
            values[option->keyword] = option->val;
        }
    }
    PQconninfoFree(options);
    return values;
}

}  // namespace

TEST_CASE("the address names login, hosts with ports, and database") {
    const settings one = read("//anna:s3%40cret%3A%2Fx@db.example:5433/shop");
    CHECK(one.libpq.at("user") == "anna");
    CHECK(one.libpq.at("password") == "s3@cret:/x");
    CHECK(one.libpq.at("host") == "db.example");
    CHECK(one.libpq.at("port") == "5433");
    CHECK(one.libpq.at("dbname") == "shop");

    const settings many = read("//anna@a,b:5433,[::1]:5434/shop");
    CHECK(many.libpq.at("host") == "a,b,::1");
    CHECK(many.libpq.at("port") == ",5433,5434");
    CHECK(many.libpq.at("target_session_attrs") == "read-write");
    CHECK(read("//a,b/shop").libpq.count("port") == 0);
}

TEST_CASE("a name may hold every sign, encoded") {
    const settings chosen =
        read_settings(parse_uri("postgresql://a%3Ab:c%40%3F@%2Frun%2Fx/d%40e%2Ff"));
    CHECK(chosen.libpq.at("user") == "a:b");
    CHECK(chosen.libpq.at("password") == "c@?");
    CHECK(chosen.libpq.at("host") == "/run/x");
    CHECK(chosen.libpq.at("dbname") == "d@e/f");
}

TEST_CASE("every part of the address may be missing, and be an option instead") {
    const settings chosen = read("//anna@/shop", {{"host", "/some/dir"}, {"port", "5433"}});
    CHECK(chosen.libpq.at("host") == "/some/dir");
    CHECK(chosen.libpq.at("port") == "5433");
    CHECK(chosen.libpq.count("target_session_attrs") == 0);
    CHECK(read("").libpq.count("host") == 0);
    CHECK(read("//").libpq.count("dbname") == 0);
    CHECK(read("", {{"dbname", "shop"}}).libpq.at("dbname") == "shop");
    CHECK(read("//h", {{"target_session_attrs", "any"}}).libpq.at("target_session_attrs") == "any");
}

TEST_CASE("a hub that the URI names is told from the one that nobody names") {
    CHECK(read("//h/s").task_hub == "default");
    CHECK_FALSE(read("//h/s").names_task_hub);
    CHECK(read("//h/s", {{"task_hub", "default"}}).names_task_hub);
}

TEST_CASE("the connection string says to libpq exactly what was chosen") {
    settings chosen = read("//an%20na:pass'w\"o\\rd%25&=%3F%23+@/sh%20op",
                           {{"host", "/some dir"}, {"options", "-c work_mem=1MB"}});
    chosen.schema = "a \"b\" \\c,d";
    chosen.task_hub = "my 'hub'";

    const auto seen = as_libpq_reads(chosen.connection_string());

    CHECK(seen.at("user") == "an na");
    CHECK(seen.at("password") == "pass'w\"o\\rd%&=?#+");
    CHECK(seen.at("host") == "/some dir");
    CHECK(seen.at("dbname") == "sh op");
    CHECK(seen.at("application_name") == "my 'hub'");
    CHECK(seen.at("client_encoding") == "UTF8");
    CHECK(seen.at("connect_timeout") == "10");
    CHECK(seen.at("options") == "-c work_mem=1MB");
    CHECK(as_libpq_reads(chosen.connection_string("postgres")).at("dbname") == "postgres");
}

TEST_CASE("each host has its turn to be the first") {
    const settings chosen =
        read("//a,b,c/shop", {{"hostaddr", "10.0.0.1,,10.0.0.3"}, {"port", "5433"}});

    const std::vector<std::string> strings = chosen.connection_strings();

    REQUIRE(strings.size() == 3);
    CHECK(strings[0] == chosen.connection_string());
    const auto last = as_libpq_reads(strings[2]);
    CHECK(last.at("host") == "c,a,b");
    CHECK(last.at("hostaddr") == "10.0.0.3,10.0.0.1,");
    CHECK(last.at("port") == "5433");
    CHECK(last.at("dbname") == "shop");
    CHECK(read("///shop").connection_strings().size() == 1);
}

TEST_CASE("a wrong setting is refused with what was found and what is allowed") {
    CHECK(refusal("shop.db").code() == store_fault::configuration);
    CHECK_THAT(refusal("shop.db").what(), Catch::Contains("//user:password@host"));
    CHECK_THAT(refusal("//h:54x/shop").what(), Catch::Contains("no number"));
    CHECK_THAT(refusal("//h o/shop").what(), Catch::Contains("a host with a sign"));
    CHECK_THAT(refusal("//[::1/shop").what(), Catch::Contains("a host with a sign"));
    CHECK_THAT(refusal("//a:b@c@h/shop").what(),
               Catch::Contains("an '@'") && Catch::Contains("%40"));
    CHECK_THAT(refusal("//a:b/c@h/shop").what(), Catch::Contains("an '@'"));
    CHECK_THAT(refusal("//h/shop?x=1").what(), Catch::Contains("a '?'"));
    CHECK_THAT(refusal("///var/run/shop").what(), Catch::Contains("?host=/directory"));
    CHECK_THAT(refusal("//h/shop", {{"host", "g"}}).what(), Catch::Contains("host is given twice"));
    CHECK_THAT(refusal("//h/s", {{"pool_min", "9"}, {"pool_max", "3"}}).what(),
               Catch::Contains("from 0 to 3"));
    CHECK_THAT(refusal("//h/s", {{"pooler", "session"}}).what(), Catch::Contains("transaction"));
    CHECK_THAT(refusal("//h/s", {{"connect_timeout", "0"}}).what(), Catch::Contains("from 1"));
    CHECK_THAT(refusal("//h/s", {{"application_name", "me"}}).what(), Catch::Contains("task_hub"));
    CHECK_THAT(refusal("//h/s", {{"task_hub", ""}}).what(), Catch::Contains("1 to 50"));
    CHECK_THAT(refusal("//h/s", {{"task_hub", std::string(51, 'x')}}).what(),
               Catch::Contains("1 to 50"));
    CHECK_THAT(refusal("//h/s",
                       {{"task_hub",
                         "h\xC3\xBC"
                         "b"}})
                   .what(),
               Catch::Contains("ASCII"));
    for (const char* schema : {"", "pg_x", "information_schema", "$user", "a\nb", "\xFF"}) {
        CAPTURE(schema);
        CHECK(refusal("//h/s", {{"schema", schema}}).code() == store_fault::configuration);
    }
    CHECK(refusal("//h/s", {{"schema", std::string(64, 'x')}}).code() ==
          store_fault::configuration);
}

TEST_CASE("times may be written in libpq's way and in ours") {
    CHECK(read("//h/s", {{"connect_timeout", "7"}}).connect_timeout == std::chrono::seconds(7));
    CHECK(read("//h/s", {{"connect_timeout", "1500ms"}}).connect_timeout ==
          std::chrono::seconds(2));
    CHECK(read("//h/s", {{"command_timeout", "250ms"}}).command_timeout ==
          std::chrono::milliseconds(250));
}

TEST_CASE("a setting of another system is answered with our name for it") {
    const std::pair<const char*, const char*> names[] = {{"Host", "address of the URI"},
                                                         {"Username", "address of the URI"},
                                                         {"Timeout", "connect_timeout"},
                                                         {"CommandTimeout", "command_timeout"},
                                                         {"MinPoolSize", "pool_min"},
                                                         {"MaxPoolSize", "pool_max"},
                                                         {"SchemaName", "schema"},
                                                         {"TaskHubName", "task_hub"},
                                                         {"CreateDatabaseIfNotExists", "create_database=on"}};
    for (const auto& [theirs, ours] : names) {
        CAPTURE(theirs);
        CHECK_THAT(refusal("//h/s", {{theirs, "1"}}).what(), Catch::Contains(ours));
    }
}

TEST_CASE("no secret is in a message") {
    for (const backend_error& error :
         {refusal("//anna:hunter2@h:54x/shop"),
          refusal("anna:hunter2@h"),
          refusal("//anna:hunter2@h/shop", {{"password", "hunter3"}}),
          refusal("//anna@h/a/b", {{"password", "hunter2"}, {"sslpassword", "hunter3"}}),
          refusal("//h/s", {{"password", "hunter2"}, {"no_such_option", "hunter3"}})}) {
        CHECK_THAT(error.what(), !Catch::Contains("hunter"));
    }
    CHECK_THAT(read("//anna:hunter2@h/shop").description(), !Catch::Contains("hunter"));
}

TEST_CASE("names and texts are quoted whatever they contain") {
    CHECK(postgres::quoted_identifier("a\"b") == "\"a\"\"b\"");
    CHECK(postgres::quoted_literal("it's") == "'it''s'");
    CHECK(postgres::quoted_literal("a\\'b") == " E'a\\\\''b'");
}

}  // namespace perdure::postgres_test
