#define CATCH_CONFIG_FAST_COMPILE
#include "faults/faulty_backend.hpp"
#include "faults/patient_worker.hpp"
#include "fixture.hpp"

#include <catch2/catch.hpp>

using namespace perdure;
using namespace perdure::conformance;

namespace {

/// A store that can go wrong around the fixture's, and a worker on it.
class faults_fixture : public fixture {
  public:
    std::shared_ptr<faulty_backend> faulty = std::make_shared<faulty_backend>(where);

    /// Executes `count` instances to their end, whatever goes wrong, and checks that each answer
    /// was consumed exactly once.
    void check_exactly_once(std::size_t count) {
        std::vector<new_instance> fresh;
        std::vector<instance_id> ids;
        for (std::size_t i = 0; i < count; ++i) {
            fresh.push_back(a_new_instance());
            ids.push_back(fresh.back().instance);
        }
        patient_worker patient(*faulty, filter);
        patient.create(fresh);
        REQUIRE(patient.finish(ids, 2000 * count));
        for (const auto& found : store.get(ids)) {
            REQUIRE(found);
            CHECK(found->status == orchestration_status::completed);
            CHECK(found->history_length == patient_worker::finished_length);
            CHECK(found->inbox_length == 0);
        }
        const work_batch rest = lock({10, 10});
        CHECK(rest.orchestrations.empty());
        CHECK(rest.activities.empty());
    }
};

}  // namespace

TEST_CASE_METHOD(faults_fixture,
                 "without any fault each answer is consumed once",
                 "[faults][COMMIT-7]") {
    check_exactly_once(10);

    CHECK(faulty->mishaps() == 0);
}

TEST_CASE("whichever call fails, its repetition does everything once", "[faults][REPEAT-1]") {
    const auto what = GENERATE(mishap::failure, mishap::lost_answer);
    std::size_t calls = 1;
    for (std::size_t n = 1; n <= calls; ++n) {
        INFO("the call that goes wrong: " << n);
        faults_fixture fresh;
        fresh.faulty->plan_any(what, n);
        fresh.check_exactly_once(1);
        REQUIRE(fresh.faulty->mishaps() == 1);
        calls = fresh.faulty->calls() - 1;
    }

    CHECK(calls >= 7);
}

TEST_CASE("whichever leases expire in the hands of their worker, everything is done once",
          "[faults][LOCK-3][SUSPECT-1]") {
    const auto what = GENERATE(mishap::expiry, mishap::second_delivery);
    const auto which = GENERATE(method::lock, method::commit);
    for (std::size_t n = 1; n <= 6; ++n) {
        INFO("the call that goes wrong: " << n);
        faults_fixture fresh;
        fresh.faulty->plan(which, what, n);
        fresh.check_exactly_once(2);
    }
}

TEST_CASE_METHOD(faults_fixture,
                 "many faults of all kinds lose and double nothing",
                 "[faults][REPEAT-1][COMMIT-2]") {
    INFO("seed " << seed());
    faulty->plan_random({100, 150, 50, 50}, seed());

    check_exactly_once(budgeted({30, 300, 3000}));

    CHECK(faulty->mishaps() > 10);
}

TEST_CASE_METHOD(faults_fixture,
                 "a send whose answer is lost is repeated, and stored once",
                 "[faults][REPEAT-1]") {
    const instance_id id = idle_instance();
    faulty->plan(method::send, mishap::lost_answer, 1);
    const request_id request = a_request();
    const new_message message = a_message(id);

    REQUIRE_THROWS_AS(faulty->send({request}, {&message, 1}), backend_error);

    CHECK(faulty->send({request}, {&message, 1}).outcomes == std::vector{send_outcome::accepted});
    CHECK(get(id).inbox_length == 1);
}

TEST_CASE_METHOD(faults_fixture, "a call that fails has done nothing", "[faults][BATCH-3]") {
    faulty->plan(method::create, mishap::failure, 1);
    const new_instance fresh = a_new_instance();

    try {
        static_cast<void>(faulty->create({a_request()}, {&fresh, 1}));
        FAIL("the planned failure did not happen");
    } catch (const backend_error& wrong) {
        CHECK(wrong.code() == store_fault::unavailable);
    }

    CHECK_FALSE(find(fresh.instance));
}
