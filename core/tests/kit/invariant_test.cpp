#include <perdure/kit/invariant.hpp>

#include <catch2/catch.hpp>

using namespace perdure;

namespace {

const auto is_rejected = Catch::Predicate<backend_error>(
    [](const backend_error& error) { return error.code() == store_fault::rejected; });

}  // namespace

TEST_CASE("what does not hold is rejected") {
    CHECK_NOTHROW(refuse_unless(true, "all is well"));
    CHECK_THROWS_MATCHES(refuse_unless(false, "something is wrong"), backend_error, is_rejected);
    CHECK_THROWS_WITH(refuse_unless(false, "something is wrong"), "something is wrong");
}

TEST_CASE("a turn has to follow the stored history by both parts of its name", "[VERSION-1]") {
    const checkpoint turn{.history_version = 7, .last_committed = {12}};

    CHECK_NOTHROW(refuse_unless_it_follows(turn, 7, {12}));
    CHECK_THROWS_MATCHES(refuse_unless_it_follows(turn, 6, {12}), backend_error, is_rejected);
    CHECK_THROWS_MATCHES(refuse_unless_it_follows(turn, 8, {12}), backend_error, is_rejected);
    CHECK_THROWS_MATCHES(refuse_unless_it_follows(turn, 7, {13}), backend_error, is_rejected);
}
