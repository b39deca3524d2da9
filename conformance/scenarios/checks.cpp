#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"
#include "soundness.hpp"

#include <perdure/hub_check.hpp>
#include <perdure/kit/forwarding_backend.hpp>

#include <catch2/catch.hpp>

#include <vector>

using namespace perdure;
using namespace perdure::conformance;

// What a store sees of the inside of its hub. Every scenario ends with such a check.

namespace {

/// A hub with instances in every state.
class checked_fixture : public fixture {
  public:
    checked_fixture() : inside(interface_of<store_check>(store)) {
        if (inside == nullptr) {
            return;
        }
        all.push_back(leased().instance);
        all.push_back(completed_instance());
        all.push_back(parked_instance());
        all.push_back(leased_activity().instance);
        all.push_back(instance_with_queued_activity());
        all.push_back(idle_instance());
        raise(all.back());
        all.push_back(pending_instance());
    }
    [[nodiscard]] bool is_skipped() const {
        if (inside == nullptr) {
            WARN("skipped: the backend does not check its hub");
        }
        return inside == nullptr;
    }

    store_check* inside;
    std::vector<instance_id> all;
};

}  // namespace

TEST_CASE_METHOD(checked_fixture, "a hub in use violates nothing", "[check][CHECK-1]") {
    if (is_skipped()) {
        return;
    }

    CHECK(faults_inside(store) == "");
    advance(20 * moment);
    CHECK(faults_inside(store) == "");
    static_cast<void>(lock_suspects());
    CHECK(faults_inside(store) == "");
}

TEST_CASE_METHOD(checked_fixture, "what is not broken is not repaired", "[check][CHECK-2]") {
    if (is_skipped() || lacks(ability::images)) {
        return;
    }
    auto* images = interface_of<image_store>(store);
    const auto before = images->read_images(all, batch_bytes_max);
    std::vector<violation> alleged;
    for (const instance_id& id : all) {
        for (const invariant what : {invariant::work_is_found,
                                     invariant::lease_can_end,
                                     invariant::counted_right}) {
            alleged.push_back({.broken = what, .instance = id, .found = "nothing", .repair = "?"});
        }
    }

    CHECK(inside->repair(alleged) == 0);

    CHECK(images->read_images(all, batch_bytes_max) == before);
}
