#include "worker/quarantine.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;

namespace perdure::dispatch {
namespace {

using state = quarantine::state;
using others = quarantine::other_work;

constexpr steady::time_point noticed_at{1h};
constexpr duration lease_length = 15s;

quarantine a_draining_one() {
    quarantine some(lease_length);
    some.note_waiting(noticed_at);
    return some;
}

quarantine a_suspect_alone() {
    quarantine some = a_draining_one();
    some.note_found(noticed_at);
    return some;
}

TEST_CASE("without suspects regular work is taken, and none is asked for", "[quarantine]") {
    quarantine some(lease_length);

    CHECK_FALSE(some.is_on());
    CHECK_FALSE(some.must_seek(others::none, noticed_at));
    CHECK_FALSE(some.end_if_overdue(noticed_at + 1h));
}

TEST_CASE("a suspect is asked for when everything else has ended", "[quarantine]") {
    const quarantine some = a_draining_one();

    CHECK(some.is_on());
    CHECK(some.now_in() == state::draining);
    CHECK_FALSE(some.must_seek(others::some, noticed_at));
    CHECK(some.must_seek(others::none, noticed_at));
}

TEST_CASE("what does not end within a lease stays beside the suspect", "[quarantine]") {
    const quarantine some = a_draining_one();

    CHECK_FALSE(some.must_seek(others::some, noticed_at + lease_length));
    CHECK(some.must_seek(others::some, noticed_at + lease_length + 1ms));
}

TEST_CASE("to hear again of suspects does not lengthen the draining", "[quarantine]") {
    quarantine some = a_draining_one();

    some.note_waiting(noticed_at + 10s);

    CHECK(some.must_seek(others::some, noticed_at + lease_length + 1ms));
}

TEST_CASE("after a suspect the next is asked for, until none comes", "[quarantine]") {
    quarantine some = a_suspect_alone();
    CHECK(some.now_in() == state::alone);
    CHECK_FALSE(some.must_seek(others::some, noticed_at + 1h));
    CHECK(some.must_seek(others::none, noticed_at + 1s));

    some.note_found(noticed_at + 1s);
    CHECK(some.now_in() == state::alone);
    some.note_none(noticed_at + 2s);

    CHECK_FALSE(some.is_on());
}

TEST_CASE("for a third of a lease after a quarantine there is no other", "[quarantine]") {
    quarantine some = a_draining_one();
    some.note_none(noticed_at);

    some.note_waiting(noticed_at + lease_length / 3 - 1ms);
    CHECK_FALSE(some.is_on());
    some.note_waiting(noticed_at + lease_length / 3);

    CHECK(some.now_in() == state::draining);
}

TEST_CASE("a suspect that takes longer than a lease is alone no more", "[quarantine]") {
    quarantine some = a_suspect_alone();
    some.note_found(noticed_at + 5s);

    CHECK_FALSE(some.end_if_overdue(noticed_at + 5s + lease_length));
    CHECK(some.is_on());
    CHECK(some.end_if_overdue(noticed_at + 6s + lease_length));

    CHECK_FALSE(some.is_on());
    CHECK_FALSE(some.end_if_overdue(noticed_at + 7s + lease_length));
    // And regular work is taken for one lease.
    some.note_waiting(noticed_at + 5s + 2 * lease_length);
    CHECK_FALSE(some.is_on());
    some.note_waiting(noticed_at + 6s + 2 * lease_length);
    CHECK(some.is_on());
}

TEST_CASE("draining alone does not end a quarantine", "[quarantine]") {
    quarantine some = a_draining_one();

    CHECK_FALSE(some.end_if_overdue(noticed_at + 1h));
    CHECK(some.is_on());
}

}  // namespace
}  // namespace perdure::dispatch
