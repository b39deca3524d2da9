#define CATCH_CONFIG_FAST_COMPILE
#include "hub_in_a_move.hpp"
#include "second_process/second_process.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace perdure;
using namespace perdure::conformance;

// Roles of hubs in a live move.

TEST_CASE_METHOD(hub_in_a_move, "every handle sees the role of a hub", "[ROLE-1]") {
    if (!is_possible()) {
        return;
    }
    const hub_role first = roles().role();
    CHECK(first.role == move_role::plain);
    CHECK(first.move == uuid{});
    CHECK(first.other.empty());
    CHECK(first.reason.empty());
    const timestamp before = here().now();

    for (const move_role role : {move_role::tracked,
                                 move_role::closing,
                                 move_role::moved,
                                 move_role::standby,
                                 move_role::following,
                                 move_role::sealed,
                                 move_role::plain}) {
        hub_role next = a_role(role, role == move_role::tracked ? "" : why);
        next.sealed_for = role == move_role::sealed ? 7 : 0;
        const std::uint64_t era = roles().role().era;
        REQUIRE(roles(there()).change_role(era, next));
        const hub_role seen = roles().role();
        CHECK(seen.since >= before);
        CHECK(seen.since <= there().store.status().store_time);
        next.era = era + 1;
        next.since = seen.since;
        CHECK(seen == next);
        CHECK(images(here()).closed_reason() == next.reason);
    }
}

TEST_CASE_METHOD(hub_in_a_move, "a hub that is emptied takes part in no move", "[ROLE-1]") {
    if (!is_possible()) {
        return;
    }
    track();
    const instance_id id = there().idle_instance();
    REQUIRE(noted_ids().contains(id));
    close();
    const std::uint64_t era = roles().role().era;

    here().store.delete_hub();

    const hub_role left = roles(there()).role();
    CHECK(left.role == move_role::plain);
    CHECK(left.move == uuid{});
    CHECK(left.other.empty());
    CHECK(left.reason.empty());
    CHECK(left.sealed_for == 0);
    CHECK(left.era > era);
    CHECK(noted().empty());
    there().idle_instance();
    CHECK(noted().empty());
}

TEST_CASE_METHOD(hub_in_a_move, "a role changes from the era that was read", "[ROLE-2]") {
    if (!is_possible()) {
        return;
    }
    const std::uint64_t era = roles().role().era;
    track();
    const hub_role found = roles().role();
    CHECK_FALSE(roles().change_role(era, a_role(move_role::closing, why)));
    CHECK_FALSE(roles(there()).change_role(found.era + 1, a_role(move_role::closing, why)));
    CHECK(roles().role() == found);

    hub_role verbose = a_role(move_role::closing, why);
    verbose.other = std::string(1'025, 'x');
    CHECK(is_refused([&] { static_cast<void>(roles().change_role(found.era, verbose)); },
                     store_fault::rejected));
    verbose.other.pop_back();
    CHECK(roles().change_role(found.era, verbose));
    CHECK(roles(there()).role().other == verbose.other);
}

TEST_CASE_METHOD(hub_in_a_move, "of two that change a role at once, one does", "[ROLE-2]") {
    if (!is_possible()) {
        return;
    }
    for (int n = 0; n < 20; ++n) {
        const std::uint64_t era = roles().role().era;
        std::array<bool, 2> changed{};
        const auto act = [&](fixture& by, bool& has_changed) {
            has_changed =
                patiently([&] { return roles(by).change_role(era, a_role(move_role::tracked)); });
        };
        std::jthread other([&] { act(there(), changed[1]); });
        act(here(), changed[0]);
        other.join();
        REQUIRE(changed[0] != changed[1]);
        REQUIRE(roles().role().era == era + 1);
    }
}

TEST_CASE_METHOD(hub_in_a_move, "a call is done before the role changes, or sees it", "[ROLE-2]") {
    if (!is_possible()) {
        return;
    }
    const instance_id id = here().idle_instance();
    for (int n = 0; n < 10; ++n) {
        const std::size_t had = here().get(id).inbox_length;
        std::atomic<std::size_t> accepted = 0;
        const auto send_until_closed = [&] {
            fixture& by = there();
            for (bool is_open = true; is_open;) {
                try {
                    const new_message message = a_message(id);
                    static_cast<void>(by.store.send({a_request()}, {&message, 1}));
                    ++accepted;
                } catch (const backend_error&) {
                    is_open = false;
                }
            }
        };
        std::size_t when_closed = 0;
        {
            const std::jthread one(send_until_closed);
            const std::jthread other(send_until_closed);
            while (accepted < 4) {
                std::this_thread::yield();
            }
            if (n % 2 == 0) {
                close();
            } else {
                set_closed(why);
            }
            when_closed = everything().at(id).inbox.size();
        }
        CHECK(when_closed == had + accepted);
        set_closed("");
    }
}

TEST_CASE_METHOD(hub_in_a_move, "a hub is closed for as long as it has a reason", "[ROLE-3]") {
    if (!is_possible()) {
        return;
    }
    const instance_id id = here().idle_instance();
    const auto sees = [&](fixture& by) { static_cast<void>(by.find(id)); };
    for (const move_role role : {move_role::closing, move_role::moved, move_role::standby}) {
        change(here(), a_role(role, why));
        CHECK(is_refused([&] { sees(here()); }, store_fault::moved, why));
        CHECK(is_refused([&] { sees(there()); }, store_fault::moved, why));
        change(here(), a_role(move_role::tracked));
        CHECK_NOTHROW(sees(there()));
    }
    set_closed(why);
    CHECK(roles().role().reason == why);
    CHECK(roles().role().role == move_role::tracked);
    set_closed("");
}

TEST_CASE_METHOD(hub_in_a_move, "waits end when the hub closes", "[ROLE-3]") {
    if (!is_possible()) {
        return;
    }
    const instance_id id = here().idle_instance();
    track();
    for (int n = 0; n < 3; ++n) {
        const wake_token token =
            wait_for_change(there().store, there().lock({9, 9}).token, in(20ms));
        const auto deadline = in(patience);
        std::atomic<bool> has_said_where = false;
        std::atomic<bool> was_woken = false;
        {
            const std::jthread end([&] {
                has_said_where =
                    is_refused([&] { static_cast<void>(there().store.wait(id, deadline)); },
                               store_fault::moved,
                               why);
            });
            const std::jthread work([&] { was_woken = wakes(there().store, token); });
            // So that, most times, both are waiting then.
            static_cast<void>(here().store.wait(id, in(n * 30ms)));
            close();
        }
        CHECK(has_said_where);
        CHECK(was_woken);
        CHECK(std::chrono::steady_clock::now() < deadline);
        track();
    }
}

TEST_CASE_METHOD(hub_in_a_move, "waits of another process end when the hub closes", "[ROLE-3]") {
    if (!is_possible() || lacks(ability::multi_process)) {
        return;
    }
    const instance_id id = here().idle_instance();
    hub other = open_in_another_process(config());
    track();
    std::atomic<bool> has_said_where = false;
    {
        const std::jthread end([&] {
            has_said_where =
                is_refused([&] { static_cast<void>(other.store().wait(id, in(patience))); },
                           store_fault::moved,
                           why);
        });
        close();
    }
    CHECK(has_said_where);
}

TEST_CASE_METHOD(hub_in_a_move, "only the last mover writes images into a target", "[ROLE-5]") {
    if (!is_possible()) {
        return;
    }
    const instance_id id = here().idle_instance();
    const instance_image image = everything().at(id);
    const auto writes = [&](fixture& by) {
        const auto page = images(by).read_images("", 1, 1);
        static_cast<void>(
            images(by).write_images(std::span(&image, 1), page.last_sequence, write_mode::replace));
        images(by).remove_images(std::span(&id, 1));
    };
    const auto is_rejected = [&](fixture& by) {
        const auto page = images(by).read_images("", 1, 1);
        const bool is_written = !is_refused(
            [&] {
                static_cast<void>(images(by).write_images(
                    std::span(&image, 1), page.last_sequence, write_mode::replace));
            },
            store_fault::rejected,
            "another mover has taken over");
        const bool is_removed = !is_refused([&] { images(by).remove_images(std::span(&id, 1)); },
                                            store_fault::rejected,
                                            "another mover has taken over");
        return !is_written && !is_removed;
    };
    CHECK_NOTHROW(writes(there()));
    change(here(), a_role(move_role::standby, why));
    CHECK_NOTHROW(writes(here()));
    CHECK(is_rejected(there()));
    change(there(), a_role(move_role::standby, why));
    CHECK_NOTHROW(writes(there()));
    CHECK(is_rejected(here()));
    change(there(), a_role(GENERATE(move_role::following, move_role::sealed), why));
    CHECK_NOTHROW(writes(there()));
    CHECK(is_rejected(here()));
    fixture later(open_hub(config()));
    CHECK(is_rejected(later));
    change(there(), a_role(move_role::plain));
    CHECK_NOTHROW(writes(here()));
    CHECK_NOTHROW(writes(later));
}

namespace {

// Every call with a request that leaves an answer, each of which has been made once.
struct answered_calls {
    explicit answered_calls(fixture& by) : store(by.store), next(by.request({1, 1})) {
        message = a_message(by.idle_instance());
        termination_wish = a_termination(by.pending_instance());
        parked = by.parked_instance();
        ended = by.completed_instance();
        returned = held(by.leased());
        finished = turn_of(by.leased());
        fresh = a_new_instance();
        by.pending_instance();
    }

    /// What the answers say, one line each.
    std::vector<std::string> all() {
        std::vector<std::string> said;
        const auto text = [&](const auto& outcomes) {
            std::string line;
            for (const auto outcome : outcomes) {
                line += std::to_string(static_cast<int>(outcome)) + " ";
            }
            said.push_back(line);
        };
        const auto leases = [&](const work_batch& batch) {
            std::string line;
            for (const auto& work : batch.orchestrations) {
                line += std::to_string(work.held.token.value) + " ";
            }
            said.push_back(line);
        };
        text(store.send({requests[0]}, {&*message, 1}).outcomes);
        text(store.terminate(requests[1], {&*termination_wish, 1}));
        text(store.unpark(requests[2], {&*parked, 1}));
        text(store.purge({.request = requests[3], .instances = {*ended}}).outcomes);
        text(return_to(store, requests[4], {*returned}, return_kind::give_back));
        const auto committed = commit_to(store, {*finished}, {}, asking(requests[5], {0, 0}));
        text(committed.turns);
        const auto created = store.create(asking(requests[6], {1, 0}), {&*fresh, 1});
        text(std::vector{created.outcomes.at(0).code});
        leases(created.work);
        leases(store.lock(asking(requests[7], {9, 0})));
        return said;
    }

    /// Whether each of these calls is refused with a request that is new.
    void refuses_new_ones() {
        for (std::size_t n = 0; n < requests.size(); ++n) {
            answered_calls other = *this;
            other.requests[n] = a_request();
            INFO("call " << n);
            CHECK(is_refused([&] { static_cast<void>(other.all()); }, store_fault::moved, why));
        }
    }

    lock_request asking(const request_id& request, const room& asked) const {
        lock_request one = next;
        one.request = request;
        one.orchestrations = asked.orchestrations;
        one.activities = asked.activities;
        return one;
    }

    backend& store;
    lock_request next;
    std::array<request_id, 8> requests{a_request(),
                                       a_request(),
                                       a_request(),
                                       a_request(),
                                       a_request(),
                                       a_request(),
                                       a_request(),
                                       a_request()};
    std::optional<new_message> message{};
    std::optional<termination> termination_wish{};
    std::optional<instance_id> parked{};
    std::optional<instance_id> ended{};
    std::optional<held_item> returned{};
    std::optional<finished_turn> finished{};
    std::optional<new_instance> fresh{};
};

}  // namespace

TEST_CASE_METHOD(hub_in_a_move, "a closed hub repeats what it has answered", "[ROLE-6]") {
    if (!is_possible()) {
        return;
    }
    answered_calls calls(here());
    const auto said = calls.all();
    const auto repeated = [&] {
        try {
            return calls.all();
        } catch (const backend_error& failed) {
            return std::vector<std::string>{failed.what()};
        }
    };
    close();
    const auto before = everything();
    CHECK(repeated() == said);
    calls.refuses_new_ones();
    CHECK(repeated() == said);
    CHECK(everything() == before);
    change(here(), a_role(move_role::plain));
    CHECK(repeated() == said);
}

TEST_CASE_METHOD(hub_in_a_move, "a repeat in a closed hub begins nothing anew", "[ROLE-6]") {
    if (!is_possible()) {
        return;
    }
    const lock_request next = here().request({1, 0});
    const new_instance fresh = a_new_instance();
    const auto created = here().store.create(next, {&fresh, 1});
    REQUIRE(created.work.orchestrations.size() == 1);
    REQUIRE(here().purge_by_force(fresh.instance) == purge_outcome::purged);
    close();
    bool is_refused_now = false;
    try {
        CHECK(here().store.create(next, {&fresh, 1}).outcomes.at(0).code == create_code::created);
    } catch (const backend_error& failed) {
        // With the instance, its answer may have gone.
        is_refused_now = failed.code() == store_fault::moved;
        CHECK(is_refused_now);
    }
    CHECK(everything().empty());
}
