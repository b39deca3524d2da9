#define CATCH_CONFIG_FAST_COMPILE
#include "engine/engine.hpp"
#include "engine/ticking.hpp"
#include "moving/moving_backend.hpp"

#include <perdure/adjustable_clock.hpp>
#include <perdure/kit/forwarding_backend.hpp>
#include <perdure/live_migration.hpp>

#include <catch2/catch.hpp>

using namespace perdure;
using namespace perdure::conformance;

// Hubs that another process moves while they are used. Handles that were opened on their own stand
// for processes here; real ones are killed in tools/tests/live_migration_test.sh. The whole suite
// is executed with hubs that move between its calls, too (moving/).

namespace {

std::string refusal_of(const std::function<void()>& step) {
    try {
        step();
        return "it was not refused";
    } catch (const backend_error& fault) {
        return fault.what();
    }
}

bool says(const std::string& text, const std::string& part) {
    INFO(text);
    return text.find(part) != std::string::npos;
}

/// Two empty hubs, and who moves the first one to the second.
struct two_hubs {
    two_hubs() {
        for (const backend_config& each : {from, to}) {
            static_cast<void>(open_hub(each));
        }
    }

    [[nodiscard]] live_migration mover() const { return {open_hub(from), open_hub(to)}; }
    void begin() const { mover().begin(uri_of(from), uri_of(to)); }
    void move() const {
        begin();
        mover().run();
        mover().cut();
    }
    /// As a mover that dies before the decision: the target is sealed for this closing, or for one
    /// that was so many changes of the role before.
    void close_and_seal(std::uint64_t changes_before = 0) const;
    [[nodiscard]] move_role role_of_source() const { return mover().status().source.role; }
    [[nodiscard]] move_role role_of_target() const { return mover().status().target.role; }

    backend_config from = a_hub_config();
    backend_config to = a_hub_config();
};

/// Makes one role into another one, as a mover that dies after it.
void set_role(const backend_config& where, move_role next, std::uint64_t sealed_for = 0) {
    const hub opened = open_hub(where);
    auto* roles = interface_of<role_store>(opened.store());
    hub_role role = roles->role();
    role.role = next;
    role.sealed_for = sealed_for;
    role.reason = next == move_role::tracked ? "" : "a test says so";
    REQUIRE(roles->change_role(role.era, role));
}

std::uint64_t era_of(const backend_config& where) {
    const hub opened = open_hub(where);
    return interface_of<role_store>(opened.store())->role().era;
}

void two_hubs::close_and_seal(std::uint64_t changes_before) const {
    begin();
    mover().run();
    set_role(from, move_role::closing);
    set_role(to, move_role::sealed, era_of(from) - changes_before);
}

bool finds(fixture& by, const instance_id& id) {
    try {
        return by.find(id).has_value();
    } catch (const backend_error& fault) {
        UNSCOPED_INFO(fault.what());
        return false;
    }
}

bool cannot_move() {
    return lacks(ability::roles) || lacks(ability::multi_process);
}

}  // namespace

TEST_CASE("what other processes do goes on where a hub moves, and back", "[engine][live-move]") {
    if (cannot_move()) {
        return;
    }
    const two_hubs hubs;
    execution_counts executed;
    engine shop(open_following(hubs.from), ticking(executed));
    client customer(open_following(hubs.from));
    constexpr int count = 30;
    std::vector<instance_id> ids;
    const auto start_some = [&] {
        for (int n = 0; n < count / 3; ++n) {
            ids.push_back(customer.start(tick_often, static_cast<int>(ids.size())));
        }
    };

    start_some();
    hubs.begin();
    hubs.mover().run();
    start_some();
    hubs.mover().cut();
    start_some();
    hubs.mover().abort();
    for (int n = 0; n < count; ++n) {
        customer.raise_event(ids[std::size_t(n)], "Signal", n);
    }
    for (int n = 0; n < count; ++n) {
        CHECK(customer.wait<int>(ids[std::size_t(n)], patience) == n);
    }
    // No lease was lost, so nothing was executed twice.
    CHECK(executed.is_each_one(std::size_t(count) * ticks));
    CHECK(hubs.role_of_source() == move_role::plain);
    CHECK(hubs.role_of_target() == move_role::moved);
    // What it left there is no obstacle.
    hubs.move();
    CHECK(customer.get(ids.front())->status == orchestration_status::completed);
}

TEST_CASE("a move can be finished, and then not be taken back", "[live-move]") {
    if (cannot_move()) {
        return;
    }
    const two_hubs hubs;
    fixture here(open_following(hubs.from));
    const instance_id id = here.idle_instance();
    hubs.move();
    CHECK(hubs.role_of_target() == move_role::plain);
    CHECK(says(hubs.mover().status().text, "finish or abort"));
    hubs.mover().finish();
    CHECK(says(refusal_of([&] { hubs.mover().abort(); }), "nothing to abort"));
    CHECK(says(refusal_of([&] { hubs.mover().finish(); }), "finished"));
    here.raise(id);
    CHECK(here.commit_one(turn_of(here.lease(id))) == commit_outcome::committed);
    CHECK(fixture(open_hub(hubs.to)).get(id).history_length == 5);
}

TEST_CASE("a move that is aborted before its cut has not happened", "[live-move]") {
    if (cannot_move()) {
        return;
    }
    const two_hubs hubs;
    fixture here(open_following(hubs.from));
    const instance_id id = here.idle_instance();
    hubs.begin();
    hubs.mover().run();
    here.raise(id);
    const hub target = open_hub(hubs.to);
    CHECK(says(refusal_of([&] { static_cast<void>(target.store().query({}, 1, {})); }),
               "moved here"));
    hubs.mover().abort();
    CHECK(hubs.role_of_source() == move_role::plain);
    CHECK(hubs.role_of_target() == move_role::plain);
    CHECK(here.commit_one(turn_of(here.lease(id))) == commit_outcome::committed);
    fixture there(open_hub(hubs.to));
    CHECK(there.store.query({}, 9, {}).instances.empty());
    there.idle_instance();
}

TEST_CASE("a hub that goes back brings what has happened since", "[live-move]") {
    if (cannot_move()) {
        return;
    }
    const two_hubs hubs;
    fixture here(open_following(hubs.from));
    const instance_id id = here.idle_instance();
    const instance_id purged = here.completed_instance();
    hubs.move();
    here.raise(id);
    CHECK(here.purge(purged) == purge_outcome::purged);
    const instance_id fresh = here.pending_instance();
    hubs.mover().abort();
    CHECK(here.get(id).inbox_length == 1);
    CHECK_FALSE(here.find(purged));
    CHECK(here.get(fresh).status == orchestration_status::pending);
    CHECK(hubs.role_of_source() == move_role::plain);
}

TEST_CASE("who meets a hub that is closed for too long opens it again", "[live-move]") {
    if (cannot_move() || lacks(ability::test_clock)) {
        return;
    }
    const two_hubs hubs;
    fixture here(open_following(hubs.from));
    const instance_id id = here.idle_instance();
    hubs.begin();
    hubs.mover().run();
    set_role(hubs.from, move_role::closing);
    here.advance(2s);
    CHECK(finds(here, id));
    CHECK(hubs.role_of_source() == move_role::tracked);
}

TEST_CASE("a mover that died is followed by another one", "[live-move]") {
    if (cannot_move()) {
        return;
    }
    const two_hubs hubs;
    fixture here(open_following(hubs.from));
    const instance_id id = here.idle_instance();
    const instance_id purged = here.completed_instance();
    SECTION("after the target was prepared") {
        hubs.begin();
        const hub_role nothing{};
        const hub source = open_hub(hubs.from);
        REQUIRE(interface_of<role_store>(source.store())->change_role(era_of(hubs.from), nothing));
        SECTION("and goes on") {
            hubs.move();
        }
        SECTION("or gives up") {
            hubs.mover().abort();
            CHECK(hubs.role_of_target() == move_role::plain);
            hubs.move();
        }
    }
    SECTION("after it had begun") {
        hubs.begin();
        hubs.move();
    }
    SECTION("while it closed the source") {
        hubs.begin();
        hubs.mover().run();
        CHECK(here.purge(purged) == purge_outcome::purged);
        here.raise(id);
        if (!lacks(ability::test_clock)) {
            set_role(hubs.from, move_role::closing);
            here.advance(2s);
            fixture(open_hub(hubs.to)).advance(2s);
        }
        hubs.mover().cut();
        CHECK(here.get(id).inbox_length == 1);
        CHECK_FALSE(here.find(purged));
    }
    SECTION("between the decision and the opening of the target") {
        hubs.close_and_seal();
        set_role(hubs.from, move_role::moved);
        SECTION("whom a caller takes the last step from") {
            REQUIRE(finds(here, id));
        }
        SECTION("or another mover") {
            hubs.mover().cut();
        }
    }
    REQUIRE(finds(here, id));
    CHECK(here.get(id).history_length == 3);
    CHECK(hubs.role_of_source() == move_role::moved);
    CHECK(hubs.role_of_target() == move_role::plain);
}

TEST_CASE("a target that is sealed for another closing is not opened", "[live-move]") {
    if (cannot_move()) {
        return;
    }
    const two_hubs hubs;
    fixture here(open_following(hubs.from));
    const instance_id id = here.idle_instance();
    SECTION("when the source goes on") {
        hubs.close_and_seal();
        set_role(hubs.from, move_role::tracked);
        here.raise(id);
        CHECK(hubs.role_of_target() == move_role::sealed);
        hubs.mover().cut();
        CHECK(here.get(id).inbox_length == 1);
    }
    SECTION("when the source has moved") {
        hubs.close_and_seal(1);
        set_role(hubs.from, move_role::moved);
        CHECK_FALSE(finds(here, id));
        CHECK(hubs.role_of_target() == move_role::sealed);
    }
}

TEST_CASE("a move is refused with the reason", "[live-move]") {
    if (cannot_move()) {
        return;
    }
    const two_hubs hubs;
    fixture here(open_following(hubs.from));
    fixture there(open_hub(hubs.to));
    const auto refusal = [&] { return refusal_of([&] { hubs.begin(); }); };
    SECTION("to itself") {
        live_migration move(open_hub(hubs.from), open_hub(hubs.from));
        CHECK(says(refusal_of([&] { move.begin(uri_of(hubs.from), uri_of(hubs.from)); }),
                   "the same hub"));
    }
    SECTION("to a hub that is not empty") {
        there.idle_instance();
        CHECK(says(refusal(), "not empty"));
        CHECK(hubs.mover().obstacles(uri_of(hubs.from)).size() == 1);
    }
    SECTION("to a hub with a worker") {
        static_cast<void>(there.store.renew({worker_id{"stranger"}, &there.filter, 1h, {}}));
        CHECK(says(refusal(), "stranger"));
    }
    SECTION("to a hub that is closed") {
        interface_of<image_store>(there.store)->set_closed("being painted");
        CHECK(says(refusal(), "being painted"));
        interface_of<image_store>(there.store)->set_closed("");
    }
    SECTION("with clocks that are far apart") {
        if (!lacks(ability::test_clock)) {
            there.advance(1h);
            CHECK(says(refusal(), "clock"));
        }
    }
    SECTION("with a password, which is not repeated") {
        const std::string text =
            refusal_of([&] { hubs.mover().begin("postgres://me:hush@db/shop", uri_of(hubs.to)); });
        CHECK(says(text, "password"));
        CHECK_FALSE(says(text, "hush"));
    }
    SECTION("with a path that begins elsewhere") {
        CHECK(says(refusal_of([&] { hubs.mover().begin("sqlite:shop.db", uri_of(hubs.to)); }),
                   "begin with '/'"));
    }
    SECTION("when one of the hubs moves already") {
        const two_hubs others;
        others.begin();
        live_migration second(open_hub(hubs.from), open_hub(others.to));
        CHECK(says(refusal_of([&] { second.begin(uri_of(hubs.from), uri_of(others.to)); }),
                   "takes part in a move already"));
        others.mover().abort();
    }
    SECTION("in another order") {
        CHECK(says(refusal_of([&] { hubs.mover().run(); }), "no live move"));
        CHECK(says(refusal_of([&] { hubs.mover().cut(); }), "no live move"));
        CHECK(says(refusal_of([&] { hubs.mover().abort(); }), "no live move"));
        CHECK(says(refusal_of([&] { hubs.mover().finish(); }), "no live move"));
        hubs.begin();
        CHECK(says(refusal_of([&] { hubs.mover().cut(); }), "run the move first"));
        hubs.mover().abort();
    }
    here.idle_instance();
}

TEST_CASE("a hub without roles does not move while it is used", "[live-move]") {
    if (!lacks(ability::roles)) {
        return;
    }
    const hub here = a_hub();
    const hub there = a_hub();
    CHECK(says(refusal_of([&] { static_cast<void>(live_migration(here, there).status()); }),
               "role_store"));
}
