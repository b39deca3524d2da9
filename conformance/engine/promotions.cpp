#define CATCH_CONFIG_FAST_COMPILE
#include "engine/engine.hpp"
#include "engine/ticking.hpp"
#include "faults/faulty_backend.hpp"
#include "moving/moving_backend.hpp"

#include <perdure/kit/forwarding_backend.hpp>
#include <perdure/migration.hpp>

#include <catch2/catch.hpp>

using namespace perdure;
using namespace perdure::conformance;

// Hubs that move to another store while their program goes on. Beside these, the whole suite is
// executed with hubs that move between its calls (moving/).

namespace {

/// Why the promotion failed.
std::string reason_of(const promotion& moving) {
    try {
        moving.wait();
        return "it did not fail";
    } catch (const backend_error& fault) {
        return fault.what();
    }
}

bool says(const std::string& text, const std::string& part) {
    INFO(text);
    return text.find(part) != std::string::npos;
}

/// Whose reads wait at a gate.
class slow_backend final : public forwarding_backend {
  public:
    explicit slow_backend(hub inner) : forwarding_backend(inner.store()), hub_(std::move(inner)) {}
    [[nodiscard]] std::optional<history_page> read_history(const instance_id& instance,
                                                           std::uint64_t from,
                                                           std::size_t bytes) override {
        door.pass();
        return inner().read_history(instance, from, bytes);
    }
    gate door;

  private:
    hub hub_;
};

}  // namespace

TEST_CASE("what runs goes on in the store that a hub is promoted to, and back",
          "[engine][promotion]") {
    if (lacks(ability::images)) {
        return;
    }
    execution_counts executed;
    engine shop(ticking(executed));
    constexpr int count = 30;
    std::vector<instance_id> ids;
    for (int n = 0; n < count; ++n) {
        ids.push_back(shop.clients().start(tick_often, n));
    }
    for (const bool there : {true, false, true}) {
        const hub next = another_hub(there);
        REQUIRE(shop.where().promote(next).wait());
        CHECK(shop.where().description() == next.description());
    }
    for (int n = 0; n < count; ++n) {
        shop.clients().raise_event(ids[std::size_t(n)], "Signal", n);
    }
    for (int n = 0; n < count; ++n) {
        CHECK(shop.clients().wait<int>(ids[std::size_t(n)], patience) == n);
    }
    // No lease was lost, so nothing was executed twice.
    CHECK(executed.is_each_one(std::size_t(count) * ticks));
}

TEST_CASE("who uses the store that a hub has left hears where it is", "[engine][promotion]") {
    if (lacks(ability::images) || lacks(ability::multi_process)) {
        return;
    }
    const backend_config config = a_hub_config();
    const hub where = open_hub(config);
    const hub bystander = open_hub(config);
    const hub next = another_hub();
    REQUIRE(where.promote(next).wait());

    const instance_id any = an_id();
    try {
        static_cast<void>(bystander.store().get(std::span(&any, 1)));
        FAIL("it should be refused");
    } catch (const backend_error& fault) {
        CHECK(fault.code() == store_fault::moved);
        CHECK(says(fault.what(), next.description()));
    }
    static_cast<void>(where.store().get(std::span(&any, 1)));
}

TEST_CASE("a promotion is refused with the reason, and nothing has happened",
          "[engine][promotion]") {
    if (lacks(ability::images)) {
        return;
    }
    fixture here;
    fixture there(another_hub());
    const instance_id id = here.idle_instance();
    SECTION("to the same hub") {
        CHECK_THROWS_AS(here.where.promote(here.where), backend_error);
    }
    SECTION("to a hub that is not empty") {
        there.idle_instance();
        CHECK(says(reason_of(here.where.promote(there.where)), "not empty"));
        CHECK(there.store.query({}, 9, {}).instances.size() == 1);
    }
    SECTION("to a hub with a worker") {
        static_cast<void>(there.store.renew({worker_id{"stranger"}, &there.filter, 1h, {}}));
        CHECK(says(reason_of(here.where.promote(there.where)), "stranger"));
    }
    SECTION("to a hub that is closed") {
        interface_of<image_store>(there.store)->set_closed("being painted");
        CHECK(says(reason_of(here.where.promote(there.where)), "being painted"));
    }
    SECTION("with clocks that are far apart") {
        if (lacks(ability::test_clock)) {
            return;
        }
        there.advance(1h);
        CHECK(says(reason_of(here.where.promote(there.where)), "clock"));
    }
    CHECK(here.get(id).history_length == 3);
    here.raise(id);
    CHECK(here.commit_one(turn_of(here.lease(id))) == commit_outcome::committed);
}

TEST_CASE("an aborted promotion leaves the hub where it is, and the other one empty",
          "[engine][promotion]") {
    if (lacks(ability::images)) {
        return;
    }
    const auto slow = std::make_shared<slow_backend>(a_hub());
    const hub where(slow, "here");
    fixture here(where);
    const instance_id id = here.idle_instance();
    fixture there(another_hub());

    // A call that is under way keeps the move from its beginning.
    std::thread reads([&] { static_cast<void>(where.store().read_history(id, 0, 1)); });
    const auto joins = std::shared_ptr<void>(nullptr, [&](void*) {
        slow->door.open();
        reads.join();
    });
    REQUIRE(slow->door.wait_for_waiting(1));
    const promotion moving = where.promote(there.where);
    CHECK_THROWS_AS(where.promote(there.where), backend_error);
    CHECK(moving.abort());
    CHECK(moving.progress().state == promotion_state::aborted);
    CHECK_FALSE(moving.wait());

    CHECK(where.description() == "here");
    here.raise(id);
    CHECK(here.commit_one(turn_of(here.lease(id))) == commit_outcome::committed);
    CHECK(there.store.query({}, 9, {}).instances.empty());
    there.idle_instance();
}

TEST_CASE("a promotion waits for the repetition of a call whose answer was lost",
          "[engine][promotion][faults]") {
    if (lacks(ability::images)) {
        return;
    }
    const auto faulty = std::make_shared<faulty_backend>(a_hub());
    const hub where(faulty, "here");
    fixture here(where);
    const hub there = another_hub();
    const new_instance fresh = a_new_instance();
    const request_id request = a_request();
    faulty->plan(method::create, mishap::lost_answer, 1);
    CHECK_THROWS_AS(where.store().create({request}, std::span(&fresh, 1)), backend_error);

    const promotion moving = where.promote(there);
    while (moving.progress().problem.empty()) {
        const promotion_state state = moving.progress().state;
        REQUIRE((state == promotion_state::copying || state == promotion_state::following));
        std::this_thread::yield();
    }
    CHECK(moving.progress().state == promotion_state::following);
    const auto again = where.store().create({request}, std::span(&fresh, 1));
    CHECK(again.outcomes.front().code == create_code::created);
    CHECK(moving.wait());
    CHECK(there.store().query({}, 9, {}).instances.size() == 1);
}

TEST_CASE("a hub that is closed while it is promoted goes on where it was", "[engine][promotion]") {
    if (lacks(ability::images) || lacks(ability::multi_process)) {
        return;
    }
    const backend_config config = a_hub_config();
    const hub there = another_hub();
    instance_id id("none yet");
    {
        const auto slow = std::make_shared<slow_backend>(open_hub(config));
        fixture here(hub(slow, "here"));
        id = here.idle_instance();
        std::thread reads([&] { static_cast<void>(here.store.read_history(id, 0, 1)); });
        REQUIRE(slow->door.wait_for_waiting(1));
        static_cast<void>(here.where.promote(there));
        slow->door.open();
        reads.join();
    }
    // It may have been done just before.
    const bool is_there = !there.store().query({}, 9, {}).instances.empty();
    fixture again(is_there ? there : open_hub(config));
    CHECK(again.get(id).history_length == 3);
}

TEST_CASE("a hub is migrated at rest, and a repetition finds what is there", "[promotion]") {
    if (lacks(ability::images)) {
        return;
    }
    fixture here;
    fixture there(another_hub());
    const instance_id idle = here.idle_instance();
    const instance_id parked = here.parked_instance();
    here.raise(idle);

    const migration_options as_a_copy{.leaves_source_open = true};
    const image_counts first = migrate(here.where, there.where, as_a_copy);
    CHECK(first.instances == 2);
    CHECK(first.unchanged == 0);
    CHECK(first.messages == 1);
    const image_counts second = migrate(here.where, there.where, as_a_copy);
    CHECK(second.unchanged == 2);
    CHECK(there.get(parked) == here.get(parked));

    SECTION("but not when the other side has gone on") {
        there.raise(idle);
        REQUIRE(there.commit_one(turn_of(there.lease(idle))) == commit_outcome::committed);
        CHECK_THROWS_AS(migrate(here.where, there.where), backend_error);
    }
    SECTION("nor when it has another instance") {
        there.idle_instance();
        CHECK_THROWS_AS(migrate(here.where, there.where), backend_error);
    }
    SECTION("nor while a worker lives") {
        static_cast<void>(here.store.renew({here.worker, &here.filter, 1h, {}}));
        CHECK_THROWS_AS(migrate(here.where, there.where), backend_error);
    }
    SECTION("and otherwise the first hub says where it is") {
        CHECK(migrate(here.where, there.where).unchanged == 2);
        CHECK_THROWS_AS(here.get(idle), backend_error);
        CHECK(says(interface_of<image_store>(here.store)->closed_reason(),
                   there.where.description()));
        CHECK(migrate(here.where, there.where).unchanged == 2);
        CHECK_THROWS_AS(migrate(there.where, here.where), backend_error);
        there.raise(idle);
        CHECK(there.commit_one(turn_of(there.lease(idle))) == commit_outcome::committed);
    }
    SECTION("nor onto itself") {
        CHECK_THROWS_AS(migrate(here.where, here.where), backend_error);
    }
}
