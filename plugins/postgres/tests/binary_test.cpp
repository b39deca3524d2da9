#include "binary.hpp"

#include "private_server.hpp"

#include <catch2/catch.hpp>

#include <random>

namespace perdure::postgres_test {

namespace {

using postgres::array_reader;
using postgres::field;
using postgres::parameters;
using postgres::record_reader;
namespace sql = postgres::sql;

constexpr uuid some_id{0x0123456789ABCDEFULL, 0xFEDCBA9876543210ULL};

std::string_view bytes_of(const parameters& values, std::size_t n) {
    return {values.value(n), static_cast<std::size_t>(values.length(n))};
}

timestamp at(std::int64_t microseconds) {
    return timestamp(duration(microseconds));
}

// What a reader makes of some bytes: nothing that is not `corrupt` may come of them.
template <class Reader>
bool is_read_or_refused(std::string_view bytes) {
    try {
        const Reader reader(field(0, bytes));
        for (std::size_t n = 0; n < reader.size(); ++n) {
            if (!reader.at(n).is_null()) {
                static_cast<void>(reader.at(n).text());
            }
        }
        return true;
    } catch (const backend_error& error) {
        return error.code() == store_fault::corrupt;
    }
}

parameters a_record() {
    parameters values;
    values.begin_record();
    values.add_list<sql::bigint>(std::vector<std::int64_t>{1, -2, 3});
    values.add_list<sql::text>(std::vector<std::optional<std::string>>{"a", std::nullopt, ""});
    values.add<sql::text>("tail");
    values.add_null<sql::uuid>();
    values.end_record();
    return values;
}

}  // namespace

TEST_CASE("times keep their microsecond, and the infinities theirs") {
    for (const std::int64_t time : {std::int64_t{0},
                                    std::int64_t{-1},
                                    std::int64_t{946'684'800'000'000},
                                    std::int64_t{1'700'000'000'123'456}}) {
        CHECK(postgres::from_postgres_time(postgres::to_postgres_time(at(time))) == at(time));
    }
    CHECK(postgres::to_postgres_time(at(946'684'800'000'001)) == 1);
    CHECK(postgres::to_postgres_time(timestamp::max()) == std::numeric_limits<std::int64_t>::max());
    CHECK(postgres::to_postgres_time(timestamp::min()) == std::numeric_limits<std::int64_t>::min());
    CHECK(postgres::from_postgres_time(std::numeric_limits<std::int64_t>::max()) ==
          timestamp::max());
    CHECK(postgres::from_postgres_time(std::numeric_limits<std::int64_t>::min()) ==
          timestamp::min());
}

TEST_CASE("a record is read as it was written") {
    const parameters values = a_record();
    const record_reader record(field(0, bytes_of(values, 0)));

    REQUIRE(record.size() == 4);
    const array_reader numbers = record.list(0);
    const array_reader texts = record.list(1);
    CHECK(postgres::common_size(numbers, texts) == 3);
    CHECK(numbers.number(1) == -2);
    CHECK(texts.text(0) == "a");
    CHECK(texts.is_null(1));
    CHECK(texts.text(2).empty());
    CHECK(record.at(2).string() == "tail");
    CHECK(record.at(3).is_null());
}

TEST_CASE("an array that was collected and one made of a range are the same bytes") {
    postgres::array<sql::integer> collected;
    collected.push(7);
    collected.push_null();
    collected.push(std::optional<int>(-1));
    parameters values;
    values.add(collected);
    values.add_list<sql::integer>(std::vector<std::optional<int>>{7, std::nullopt, -1});
    collected.clear();
    values.add(collected);
    values.add_list<sql::integer>(std::vector<int>{});

    CHECK(bytes_of(values, 0) == bytes_of(values, 1));
    CHECK(bytes_of(values, 2) == bytes_of(values, 3));
    CHECK(array_reader(field(0, bytes_of(values, 3))).empty());
    values.clear();
    CHECK(values.size() == 0);
}

TEST_CASE("a value of the wrong kind, a null and a missing element are refused as corrupt") {
    parameters values;
    values.add<sql::bigint>(1);
    const field number(sql::bigint::type, bytes_of(values, 0));
    const array_reader none{field()};
    CHECK(none.empty());
    for (const auto& action : std::initializer_list<std::function<void()>>{
             [&] { static_cast<void>(number.flag()); },
             [&] { static_cast<void>(number.id()); },
             [&] { static_cast<void>(field().number()); },
             [&] { static_cast<void>(field().text()); },
             [&] { static_cast<void>(none.at(0)); },
             [&] { static_cast<void>(record_reader{field()}.at(0)); }}) {
        CHECK(failure_of(action).code() == store_fault::corrupt);
    }
    CHECK_FALSE(field().number_or_null());
    CHECK(number.number_or_null() == 1);
}

TEST_CASE("bytes that were cut off or changed are read within their bounds or refused") {
    const parameters values = a_record();
    const std::string whole(bytes_of(values, 0));
    const record_reader record(field(0, whole));
    const std::string list(record.at(1).text());
    for (const std::string& bytes : {whole, list}) {
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            CHECK(is_read_or_refused<record_reader>(std::string_view(bytes).substr(0, size)));
            CHECK(is_read_or_refused<array_reader>(std::string_view(bytes).substr(0, size)));
        }
    }
    std::mt19937 random(20240607);
    for (int round = 0; round < 20'000; ++round) {
        std::string bytes = round % 2 == 0 ? whole : list;
        for (int change = 0; change < 3; ++change) {
            bytes[random() % bytes.size()] = static_cast<char>(random());
        }
        REQUIRE(is_read_or_refused<record_reader>(bytes));
        REQUIRE(is_read_or_refused<array_reader>(bytes));
    }
}

TEST_CASE("the server understands every type, and gives it back") {
    test_connection on(private_server::shared().settings_for());
    const std::string bytes("\0\xFF'\\\n", 5);
    const parameters values = parameters()
                                  .add<sql::bigint>(0xFEDCBA9876543210ULL)
                                  .add<sql::integer>(-5)
                                  .add<sql::smallint>(-6)
                                  .add<sql::boolean>(true)
                                  .add<sql::text>("h\xC3\xA4?")
                                  .add<sql::bytea>(bytes)
                                  .add<sql::uuid>(some_id)
                                  .add<sql::timestamptz>(at(1'700'000'000'123'456))
                                  .add<sql::bigint>(std::optional<int>())
                                  .add<sql::timestamptz>(timestamp::max());
    const auto answer = on->call(
        {"values",
         "select $1::bigint, $2::integer, $3::smallint, $4::boolean, $5::text, $6::bytea, $7::uuid,"
         " $8::timestamptz, $9::bigint, $10::timestamptz, $8::timestamptz::text, $10::text,"
         " '-infinity'::timestamptz"},
        values);

    CHECK(static_cast<std::uint64_t>(answer.only(0).number()) == 0xFEDCBA9876543210ULL);
    CHECK(answer.only(1).number() == -5);
    CHECK(answer.only(2).number() == -6);
    CHECK(answer.only(3).flag());
    CHECK(answer.only(4).text() == "h\xC3\xA4?");
    CHECK(answer.only(5).text() == bytes);
    CHECK(answer.only(6).id() == some_id);
    CHECK(answer.only(7).time() == at(1'700'000'000'123'456));
    CHECK(answer.only(8).is_null());
    CHECK(answer.only(9).time() == timestamp::max());
    CHECK_THAT(answer.only(10).string(), Catch::StartsWith("2023-11-1"));
    CHECK(answer.only(11).text() == "infinity");
    CHECK(answer.only(12).time() == timestamp::min());
}

TEST_CASE("the server understands arrays of every type") {
    test_connection on(private_server::shared().settings_for());
    const std::vector<std::optional<int>> numbers{1, std::nullopt, 3};
    const auto answer = on->call(
        {"arrays",
         "select $1::bigint[], $2::integer[], $3::smallint[], $4::boolean[], $5::text[],"
         " $6::bytea[], $7::uuid[], $8::timestamptz[], $9::text[]"},
        parameters()
            .add_list<sql::bigint>(numbers)
            .add_list<sql::integer>(numbers)
            .add_list<sql::smallint>(numbers)
            .add_list<sql::boolean>(numbers, [](const auto& n) { return n.has_value(); })
            .add_list<sql::text>(numbers,
                                 [](const auto& n) { return std::to_string(n.value_or(0)); })
            .add_list<sql::bytea>(numbers, [](const auto&) { return std::string("\0x", 2); })
            .add_list<sql::uuid>(numbers, [](const auto&) { return some_id; })
            .add_list<sql::timestamptz>(numbers, [](const auto& n) { return at(n.value_or(0)); })
            .add_list<sql::text>(std::vector<std::string>{}));

    for (std::size_t column = 0; column < 3; ++column) {
        const array_reader list(answer.only(column));
        REQUIRE(list.size() == 3);
        CHECK(list.number(0) == 1);
        CHECK(list.is_null(1));
        CHECK(list.number(2) == 3);
    }
    CHECK(array_reader(answer.only(3)).flag(0));
    CHECK_FALSE(array_reader(answer.only(3)).flag(1));
    CHECK(array_reader(answer.only(4)).text(2) == "3");
    CHECK(array_reader(answer.only(5)).text(0) == std::string_view("\0x", 2));
    CHECK(array_reader(answer.only(6)).id(1) == some_id);
    CHECK(array_reader(answer.only(7)).time(2) == at(3));
    CHECK(array_reader(answer.only(8)).empty());
}

TEST_CASE("a batch travels as a composite value there and back") {
    test_connection on(private_server::shared().settings_for());
    on->execute_script("create temp table batch (id bigint[], name text[], tail text, key uuid)");
    const auto answer =
        on->call({"batch", "select b, (b).name[1] from (select $1::batch) as t(b)"}, a_record());

    const record_reader record(answer.only(0));
    CHECK(record.list(0).number(2) == 3);
    CHECK(record.list(1).is_null(1));
    CHECK(record.at(2).text() == "tail");
    CHECK(record.at(3).is_null());
    CHECK(answer.only(1).text() == "a");
}

}  // namespace perdure::postgres_test
