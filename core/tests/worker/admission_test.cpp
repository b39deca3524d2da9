#include "worker/admission.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;

namespace perdure::dispatch {
namespace {

constexpr steady::time_point answered_at{1h};
const auto everything = std::make_shared<const work_filter>();

admission an_admission(std::size_t frames_max = 800) {
    return admission({worker_id{"w"}, everything, 15s, 70, frames_max});
}

request_id a_request() {
    return request_id{random_uuid()};
}

admission::load a_load(std::size_t turns, std::size_t activities) {
    admission::load present;
    present.room = {turns, activities};
    return present;
}

lock_request asking(std::size_t turns, std::size_t activities) {
    return an_admission().terms(a_request(), {}, a_load(turns, activities));
}

brought_work bringing(std::size_t turns, std::size_t activities) {
    return {turns, activities, wake_token{7}, false};
}

outlook an_open_outlook() {
    return outlook();
}

outlook a_complete_outlook(steady::time_point since = answered_at) {
    outlook known;
    static_cast<void>(known.learn(asking(4, 4), {}, bringing(0, 0), since));
    return known;
}

// ------------------------------------------------------------------------------- terms of a lock

TEST_CASE("a request carries what was agreed, and asks for the room", "[admission]") {
    const request_id request = a_request();

    const lock_request asked = an_admission().terms(request, {}, a_load(3, 5));

    CHECK(asked.request == request);
    CHECK(asked.worker == worker_id{"w"});
    CHECK(asked.filter == everything.get());
    CHECK(asked.lease_duration == 15s);
    CHECK(asked.messages == 70);
    CHECK(asked.orchestrations == 3);
    CHECK(asked.activities == 5);
    CHECK_FALSE(asked.suspects);
}

TEST_CASE("what is served may change, and a request keeps what it asked for", "[admission]") {
    admission mine = an_admission();
    const auto before = mine.terms(a_request(), {}, a_load(3, 5));
    const auto more = std::make_shared<const work_filter>();

    CHECK_FALSE(mine.serve(everything));
    CHECK(mine.is_current(before));
    CHECK(mine.serve(more));
    CHECK_FALSE(mine.is_current(before));
    CHECK(before.filter == everything.get());
    CHECK(mine.terms(a_request(), {}, a_load(3, 5)).filter == more.get());
}

TEST_CASE("when frames are scarce, few instances begin beside those that have", "[admission]") {
    const admission some = an_admission(800);
    admission::load present = a_load(400, 0);
    present.begun = 70;

    CHECK(some.terms(a_request(), {}, present).orchestrations == 400);

    present.are_frames_scarce = true;
    // An eighth of the frames, less what has begun.
    CHECK(some.terms(a_request(), {}, present).orchestrations == 30);
    // What the call makes ready has begun, and comes beside them.
    CHECK(some.terms(a_request(), {20, 0}, present).orchestrations == 50);
    present.begun = 5000;
    CHECK(some.terms(a_request(), {}, present).orchestrations == 1);
}

TEST_CASE("a suspect is asked for alone", "[admission]") {
    const lock_request asked = an_admission().suspect_terms(a_request());

    CHECK(asked.suspects);
    CHECK(asked.orchestrations == 1);
    CHECK(asked.activities == 1);
}

TEST_CASE("a narrowed request has room for what the call makes ready", "[admission]") {
    lock_request asked = asking(10, 10);

    admission::narrow(asked, {2, 3, 1});

    CHECK(asked.orchestrations == 3);
    CHECK(asked.activities == 3);
    admission::narrow(asked, {9, 9, 9});
    CHECK(asked.orchestrations == 3);
    CHECK(asked.activities == 3);
}

// -------------------------------------------------------------------------------------- fairness

TEST_CASE("one of eight items must have stood first in the store's order", "[admission]") {
    admission some = an_admission();

    some.note_answer({40, 40}, bringing(40, 40), an_open_outlook());
    CHECK(some.fair_debt() == 10);
    // Four more than the call itself made ready: these stood first.
    some.note_answer({36, 40}, bringing(40, 40), an_open_outlook());
    CHECK(some.fair_debt() == 16);
    some.note_answer({}, bringing(100, 0), an_open_outlook());
    CHECK(some.fair_debt() == 0);
}

TEST_CASE("nobody is owed anything once all ready work has been handed out", "[admission]") {
    admission some = an_admission();
    some.note_answer({400, 400}, bringing(400, 400), an_open_outlook());
    CHECK(some.fair_debt() == 100);

    some.note_answer({400, 400}, bringing(1, 0), a_complete_outlook());

    CHECK(some.fair_debt() == 0);
    CHECK_FALSE(some.is_fair_lock_due(answered_at + 1h));
}

TEST_CASE("a small debt is paid when it is old, a large one at once", "[admission]") {
    admission some = an_admission();
    some.note_lock(answered_at);
    CHECK_FALSE(some.is_fair_lock_due(answered_at + 1h));

    some.note_answer({8, 0}, bringing(8, 0), an_open_outlook());
    CHECK_FALSE(some.is_fair_lock_due(answered_at + 100ms));
    CHECK(some.is_fair_lock_due(answered_at + 101ms));
    CHECK(some.fair_terms(a_request()).orchestrations == 1);

    some.note_answer({496, 0}, bringing(496, 0), an_open_outlook());
    CHECK_FALSE(some.is_fair_lock_due(answered_at + 1ms));
    some.note_answer({8, 0}, bringing(8, 0), an_open_outlook());
    CHECK(some.is_fair_lock_due(answered_at + 1ms));
    CHECK(some.fair_terms(a_request()).orchestrations == 64);
    CHECK(some.fair_terms(a_request()).activities == 64);
}

TEST_CASE("no request pays more than a call may bring", "[admission]") {
    admission some = an_admission();
    some.note_answer({80'000, 0}, bringing(80'000, 0), an_open_outlook());

    CHECK(some.fair_terms(a_request()).orchestrations == batch_items_max);
}

// --------------------------------------------------------------------------------------- outlook

TEST_CASE("an answer that leaves room says that nothing else is ready", "[outlook]") {
    outlook known;
    CHECK_FALSE(known.is_complete());

    CHECK(known.learn(asking(2, 2), {}, bringing(1, 0), answered_at));

    CHECK(known.is_complete());
    CHECK(known.token().value == 7);
}

TEST_CASE("with one kind's room filled, or another call's locks, more may be ready", "[outlook]") {
    outlook known = a_complete_outlook();
    CHECK(known.learn(asking(2, 2), {}, bringing(2, 0), answered_at));
    CHECK_FALSE(known.is_complete());

    known = a_complete_outlook();
    CHECK(known.learn(asking(2, 2), {}, bringing(0, 2), answered_at));
    CHECK_FALSE(known.is_complete());

    known = a_complete_outlook();
    brought_work contended = bringing(0, 0);
    contended.contended = true;
    CHECK(known.learn(asking(2, 2), {}, contended, answered_at));
    CHECK_FALSE(known.is_complete());
}

TEST_CASE("an answer that could not bring other work changes nothing", "[outlook]") {
    outlook known = a_complete_outlook();
    const auto later = answered_at + 3ms;

    // No room; a suspect; room only for what the call itself makes ready.
    CHECK_FALSE(known.learn(asking(0, 0), {}, bringing(0, 0), later));
    CHECK_FALSE(known.learn(an_admission().suspect_terms(a_request()), {}, bringing(1, 1), later));
    CHECK_FALSE(known.learn(asking(3, 1), {2, 1, 1}, bringing(3, 1), later));

    CHECK(known.is_complete());
    CHECK_FALSE(known.is_fresh(answered_at + 5ms));
    // Without knowledge there is none to keep.
    outlook open;
    CHECK(open.learn(asking(3, 1), {2, 1, 1}, bringing(3, 1), later));
    CHECK_FALSE(open.is_complete());
}

TEST_CASE("what is known ages, and can be doubted", "[outlook]") {
    outlook known = a_complete_outlook();

    CHECK(known.is_fresh(answered_at + 4ms));
    CHECK_FALSE(known.is_fresh(answered_at + 5ms));
    CHECK_FALSE(known.is_old(answered_at + 10ms));
    CHECK(known.is_old(answered_at + 11ms));

    known.doubt(wake_token{9});
    CHECK_FALSE(known.is_complete());
    CHECK_FALSE(known.is_fresh(answered_at));
    CHECK(known.token().value == 9);

    known = a_complete_outlook();
    known.doubt();
    CHECK_FALSE(known.is_complete());
    CHECK(known.token().value == 7);
}

}  // namespace
}  // namespace perdure::dispatch
