#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"
#include "second_process/second_process.hpp"

#include <perdure/hub_role.hpp>
#include <perdure/instance_image.hpp>
#include <perdure/kit/forwarding_backend.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <vector>

using namespace perdure;
using namespace perdure::conformance;

// Roles of hubs in a live move. Two handles of one hub see it as two processes do, except for what
// other processes have prepared.

namespace {

const std::string why = "it moves to \"elsewhere\"";

using ids = std::set<instance_id>;

class hub_in_a_move {
  public:
    /// False where the backend cannot do that; the test is skipped then, and returns.
    [[nodiscard]] bool is_possible() {
        if (lacks(ability::roles)) {
            return false;
        }
        config_ = a_hub_config();
        here_.emplace(open_hub(config_));
        there_.emplace(open_hub(config_));
        return true;
    }
    [[nodiscard]] fixture& here() { return *here_; }
    /// The same hub by another handle.
    [[nodiscard]] fixture& there() { return *there_; }
    [[nodiscard]] const backend_config& config() const { return config_; }

    static role_store& roles(fixture& by) { return *interface_of<role_store>(by.store); }
    static image_store& images(fixture& by) { return *interface_of<image_store>(by.store); }
    role_store& roles() { return roles(here()); }

    [[nodiscard]] hub_role a_role(move_role role, const std::string& reason = {}) const {
        return {.role = role, .move = move_, .other = "other:place", .reason = reason};
    }
    void change(fixture& by, const hub_role& next) {
        REQUIRE(roles(by).change_role(roles(by).role().era, next));
    }
    void track() { change(here(), a_role(move_role::tracked)); }
    void close() { change(here(), a_role(move_role::closing, why)); }

    [[nodiscard]] std::vector<instance_change> noted() { return roles().changes(1'000); }
    void forget_all() { roles().forget_changes(noted()); }
    [[nodiscard]] ids noted_ids() {
        ids seen;
        for (const instance_change& change : noted()) {
            seen.insert(change.instance);
        }
        return seen;
    }

    /// The images of all instances.
    [[nodiscard]] std::map<instance_id, instance_image> everything() {
        std::map<instance_id, instance_image> all;
        std::string after;
        do {
            auto page = images(here()).read_images(after, 1'000, batch_bytes_max);
            for (instance_image& image : page.images) {
                const instance_id id = image.record.instance;
                all.emplace(id, std::move(image));
            }
            after = page.next;
        } while (!after.empty());
        return all;
    }

    /// Every instance whose image this call changes must be noted, and it must change one.
    void must_be_noted(const std::string& what, const std::function<void(fixture&)>& call) {
        INFO(what);
        forget_all();
        const auto before = everything();
        call(there());
        const auto after = everything();
        ids changed;
        for (const auto& [id, image] : before) {
            const auto now = after.find(id);
            if (now == after.end() || now->second != image) {
                changed.insert(id);
            }
        }
        for (const auto& [id, image] : after) {
            if (!before.contains(id)) {
                changed.insert(id);
            }
        }
        CHECK_FALSE(changed.empty());
        const ids seen = noted_ids();
        CHECK(std::includes(seen.begin(), seen.end(), changed.begin(), changed.end()));
    }

  private:
    uuid move_{7, 8};
    backend_config config_;
    std::optional<fixture> here_;
    std::optional<fixture> there_;
};

bool is_refused(const std::function<void()>& call,
                store_fault fault,
                const std::string& text = {}) {
    try {
        call();
        return false;
    } catch (const backend_error& failed) {
        return failed.code() == fault && std::string(failed.what()).find(text) != std::string::npos;
    }
}

}  // namespace

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
            try {
                has_changed = roles(by).change_role(era, a_role(move_role::tracked));
            } catch (const backend_error& failed) {
                // The other one is in the way.
                has_changed = failed.code() != store_fault::unavailable;
            }
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
                images(here()).set_closed(why);
            }
            when_closed = everything().at(id).inbox.size();
        }
        CHECK(when_closed == had + accepted);
        images(here()).set_closed("");
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
    images(there()).set_closed(why);
    CHECK(roles().role().reason == why);
    CHECK(roles().role().role == move_role::tracked);
    images(there()).set_closed("");
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

TEST_CASE_METHOD(hub_in_a_move, "nothing is noted of a hub that is not tracked", "[ROLE-4]") {
    if (!is_possible()) {
        return;
    }
    const instance_id id = there().idle_instance();
    CHECK(noted().empty());
    track();
    there().raise(id);
    CHECK(noted_ids() == ids{id});
    change(here(), a_role(move_role::plain));
    forget_all();
    there().raise(id);
    CHECK(noted().empty());
    CHECK(roles().count_changes(9) == 0);
}

TEST_CASE_METHOD(hub_in_a_move, "whatever changes an image is noted", "[ROLE-4]") {
    if (!is_possible()) {
        return;
    }
    const instance_id parent = there().idle_instance();
    track();
    must_be_noted("create", [&](fixture& by) { by.pending_instance(); });
    must_be_noted("create with tags", [&](fixture& by) {
        new_instance fresh = a_new_instance();
        fresh.tags = {{"colour", "red"}};
        by.create(fresh);
    });
    const instance_id taken = there().completed_instance();
    must_be_noted("replace", [&](fixture& by) {
        new_instance fresh = a_new_instance();
        fresh.instance = taken;
        fresh.replaceable = {orchestration_status::completed};
        REQUIRE(by.try_create(fresh).code == create_code::created);
    });
    const instance_id idle = there().idle_instance();
    must_be_noted("send", [&](fixture& by) { by.raise(idle); });
    must_be_noted("lock", [&](fixture& by) { static_cast<void>(by.lock({9, 9})); });
    must_be_noted("commit", [&](fixture& by) { by.idle_instance(); });
    must_be_noted("a child", [&](fixture& by) { by.pending_child(parent, 1); });
    orchestration_work work = there().leased();
    must_be_noted("a turn with all kinds of effects", [&](fixture& by) {
        finished_turn turn = turn_of(work);
        turn.activities = {an_activity(1), an_activity(2)};
        turn.timers = {a_timer(3, by.now() + 5 * by.moment)};
        turn.custom_status = payload{"json", "1"};
        REQUIRE(by.commit_one(turn) == commit_outcome::committed);
    });
    const work_batch leased = there().lock({0, 9});
    REQUIRE(leased.activities.size() == 2);
    must_be_noted("an activity that is given back", [&](fixture& by) {
        CHECK(by.give_back(held(leased.activities[1])) == lease_outcome::done);
    });
    must_be_noted("an activity that is abandoned", [&](fixture& by) {
        CHECK(by.abandon(held(by.lock({0, 1}).activities.at(0)), by.moment) == lease_outcome::done);
    });
    must_be_noted("the end of an activity", [&](fixture& by) {
        CHECK(by.complete(completion_of(leased.activities[0])) == commit_outcome::committed);
    });
    work = there().lease(work.instance);
    must_be_noted("abandon",
                  [&](fixture& by) { CHECK(by.abandon(held(work), 0s) == lease_outcome::done); });
    work = there().lease(work.instance);
    must_be_noted("park", [&](fixture& by) { CHECK(by.park(held(work)) == lease_outcome::done); });
    must_be_noted("unpark", [&](fixture& by) {
        CHECK(by.unpark(work.instance) == unpark_outcome::unparked);
    });
    work = there().lease(work.instance);
    must_be_noted("continue as new", [&](fixture& by) {
        CHECK(by.commit_one(next_execution_of(work)) == commit_outcome::committed);
    });
    work = there().lease(work.instance);
    must_be_noted("take over",
                  [&](fixture& by) { by.store.take_over(a_request(), std::span(&by.worker, 1)); });
    const instance_id ended = there().completed_instance();
    must_be_noted("purge", [&](fixture& by) { CHECK(by.purge(ended) == purge_outcome::purged); });
    const instance_id running = there().idle_instance();
    must_be_noted("purge by force",
                  [&](fixture& by) { CHECK(by.purge_by_force(running) == purge_outcome::purged); });
    const instance_id pending = there().pending_instance();
    must_be_noted("terminate", [&](fixture& by) {
        CHECK(by.terminate(pending) == terminate_outcome::terminated);
    });
    must_be_noted("remove an image",
                  [&](fixture& by) { images(by).remove_images(std::span(&pending, 1)); });
}

TEST_CASE_METHOD(hub_in_a_move, "a lease that has ended is noted when it is found", "[ROLE-4]") {
    if (!is_possible()) {
        return;
    }
    track();
    const orchestration_work work = there().leased();
    const activity_work task = there().leased_activity();
    there().advance(11 * there().moment);
    must_be_noted("an expiry", [&](fixture& by) { REQUIRE(by.lock({9, 9}).suspects_waiting); });
    must_be_noted("a suspect", [&](fixture& by) {
        const work_batch one = by.lock_suspects();
        REQUIRE(one.orchestrations.size() + one.activities.size() == 1);
    });
    must_be_noted("another one", [&](fixture& by) {
        const work_batch one = by.lock_suspects();
        REQUIRE(one.orchestrations.size() + one.activities.size() == 1);
    });
}

TEST_CASE_METHOD(hub_in_a_move, "another process notes its changes from the first on", "[ROLE-4]") {
    if (!is_possible() || lacks(ability::multi_process)) {
        return;
    }
    fixture other(open_in_another_process(config()));
    const instance_id id = other.idle_instance();
    const instance_id untouched = other.idle_instance();
    other.raise(id);
    track();
    other.raise(id);
    CHECK(noted_ids() == ids{id});
    const instance_id later = other.idle_instance();
    CHECK(noted_ids() == ids{id, later});
    CHECK(other.purge_by_force(untouched) == purge_outcome::purged);
    CHECK(noted_ids() == ids{id, later, untouched});
    change(here(), a_role(move_role::plain));
    forget_all();
    other.raise(id);
    CHECK(noted().empty());
}

TEST_CASE_METHOD(hub_in_a_move, "what is forgotten is what was read, and no more", "[ROLE-4]") {
    if (!is_possible()) {
        return;
    }
    const instance_id one = there().idle_instance();
    const instance_id other = there().idle_instance();
    track();
    there().raise(one);
    there().raise(other);
    const auto first = noted();
    CHECK(first.front().number >= 1);
    CHECK(std::is_sorted(first.begin(), first.end(), [](const auto& a, const auto& b) {
        return a.number < b.number;
    }));
    CHECK(roles().changes(1).size() == 1);
    CHECK(roles().changes(1).front() == first.front());
    CHECK(roles().count_changes(1) == 1);
    CHECK(roles().count_changes(1'000) == first.size());

    there().raise(one);
    roles(there()).forget_changes(first);
    CHECK(noted_ids() == ids{one});
    roles().forget_changes(first);
    CHECK(noted_ids() == ids{one});
    const auto second = noted();
    roles().forget_changes(second);
    CHECK(noted().empty());
    // A number is of one change for ever.
    there().raise(one);
    roles().forget_changes(first);
    roles().forget_changes(second);
    CHECK(noted_ids() == ids{one});
}

TEST_CASE_METHOD(hub_in_a_move, "no change is missed while tracking begins", "[ROLE-4]") {
    if (!is_possible()) {
        return;
    }
    std::vector<instance_id> targets;
    for (int n = 0; n < 4; ++n) {
        targets.push_back(here().idle_instance());
    }
    for (int n = 0; n < 5; ++n) {
        std::atomic<bool> stops = false;
        std::atomic<int> sent = 0;
        const auto send_on = [&](std::size_t from) {
            for (std::size_t k = from; !stops; ++k) {
                const new_message message = a_message(targets[k % targets.size()]);
                static_cast<void>(there().store.send({a_request()}, {&message, 1}));
                ++sent;
            }
        };
        std::map<instance_id, instance_image> copied;
        {
            const std::jthread one(send_on, 0);
            const std::jthread other(send_on, 2);
            while (sent < 4) {
                std::this_thread::yield();
            }
            track();
            copied = everything();
            const int at_copy = sent;
            while (sent < at_copy + 4) {
                std::this_thread::yield();
            }
            stops = true;
        }
        const ids seen = noted_ids();
        const auto now = everything();
        for (const instance_id& id : targets) {
            CHECK((seen.contains(id) || now.at(id) == copied.at(id)));
        }
        change(here(), a_role(move_role::plain));
    }
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
