#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <perdure/kit/forwarding_backend.hpp>
#include <perdure/migration.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

// Instances that go on in another hub. Beside these scenarios, random operations are compared with
// moves between them (differential/moves.cpp).

using namespace perdure;
using namespace perdure::conformance;

namespace {

/// A hub whose instances move, and where to.
class two_hubs : public fixture {
  public:
    fixture there;

    image_store& images() { return *interface_of<image_store>(store); }
    image_store& images_there() { return *interface_of<image_store>(there.store); }

    /// Everything goes on there, at the same time of the store's clock.
    void move(const image_limits& at_once = {}) {
        if (abilities_under_test().test_clock) {
            const timestamp behind = there.now();
            REQUIRE(advance_clock(there.store, std::max(duration::zero(), now() - behind)));
        }
        image_reader reads(store, at_once);
        image_writer writes(there.store, at_once);
        for (auto parts = reads.next(); !parts.empty(); parts = reads.next()) {
            REQUIRE(writes.write(parts, reads.last_sequence()).empty());
        }
    }
    instance_image image(const instance_id& id) {
        const auto found = images().read_images(std::span(&id, 1), batch_bytes_max);
        REQUIRE(found.at(0));
        return *found[0];
    }
    std::uint64_t last_sequence() { return images().read_images("", 1, 1).last_sequence; }
    write_outcome write(const instance_image& image, write_mode mode = write_mode::keep) {
        const auto outcomes =
            images_there().write_images(std::span(&image, 1), last_sequence(), mode);
        REQUIRE(outcomes.size() == 1);
        return outcomes.front();
    }
};

// Its holder does not know its row in the other hub.
template <class Item>
Item moved(Item item) {
    item.held.row = 0;
    return item;
}

// Of the chunks, so many from the `n`-th on.
instance_image part_of(instance_image image, std::size_t n, std::size_t count) {
    image.history = {image.history.begin() + std::ptrdiff_t(n),
                     image.history.begin() + std::ptrdiff_t(n + count)};
    return image;
}

}  // namespace

TEST_CASE_METHOD(two_hubs, "a lease is good in the hub that its item moves to", "[IMAGE-1]") {
    if (lacks(ability::images)) {
        return;
    }
    SECTION("of an orchestration, with what its turn consumes") {
        const instance_id id = idle_instance();
        raise(id, "first");
        const orchestration_work work = lease(id);
        raise(id, "second");
        move();
        CHECK_FALSE(there.is_ready(id));
        CHECK(there.renew(moved(held(work)), moment) == lease_outcome::done);
        CHECK(there.commit_one(moved(turn_of(work))) == commit_outcome::committed);
        CHECK(there.commit_one(moved(turn_of(work))) == commit_outcome::committed);
        CHECK(there.inbox(id) == std::vector{an_event("second")});
    }
    SECTION("of an activity, whose end is known when it is repeated") {
        const activity_work task = leased_activity();
        move();
        CHECK(there.complete(moved(completion_of(task))) == commit_outcome::committed);
        CHECK(there.complete(moved(completion_of(task))) == commit_outcome::committed);
        CHECK(there.inbox(task.instance).size() == 1);
    }
    SECTION("also when the activity has ended before the move") {
        const activity_work task = leased_activity();
        REQUIRE(complete(completion_of(task)) == commit_outcome::committed);
        move();
        CHECK(there.complete(moved(completion_of(task))) == commit_outcome::committed);
        CHECK(there.inbox(task.instance).size() == 1);
    }
    SECTION("for a speculative turn") {
        if (lacks(ability::speculative_turns)) {
            return;
        }
        const activity_work task = leased_activity();
        const finished_turn turn = speculative_turn(task);
        move();
        CHECK(there.commit_one(moved(turn)) == commit_outcome::committed);
    }
    SECTION("until it expires") {
        const orchestration_work work = leased();
        const activity_work task = leased_activity();
        move();
        there.advance(11 * moment);
        CHECK(there.lock({9, 9}).orchestrations.empty());
        const work_batch first = there.lock_suspects();
        const work_batch second = there.lock_suspects();
        CHECK(first.orchestrations.size() + second.orchestrations.size() == 1);
        CHECK(first.activities.size() + second.activities.size() == 1);
        CHECK(there.commit_one(moved(turn_of(work))) == commit_outcome::lease_lost);
        CHECK(there.complete(moved(completion_of(task))) == commit_outcome::lease_lost);
    }
    SECTION("and when its expiry was noticed, until somebody takes the item") {
        const orchestration_work work = leased();
        advance(11 * moment);
        REQUIRE(lock({9, 9}).suspects_waiting);
        move();
        CHECK(there.lock({9, 9}).suspects_waiting);
        CHECK(there.commit_one(moved(turn_of(work))) == commit_outcome::committed);
    }
}

TEST_CASE_METHOD(two_hubs, "deliveries count on in the other hub", "[IMAGE-1]") {
    if (lacks(ability::images)) {
        return;
    }
    const orchestration_work work = leased();
    REQUIRE(abandon(held(work), 2 * moment) == lease_outcome::done);
    SECTION("of what waits for the end of its delay") {
        move();
        CHECK_FALSE(there.is_ready(work.instance));
        there.advance(3 * moment);
        CHECK(there.lease(work.instance).deliveries == 2);
    }
    SECTION("of a suspect that was leased alone") {
        advance(3 * moment);
        REQUIRE(lease(work.instance).deliveries == 2);
        advance(11 * moment);
        REQUIRE(lock_suspects().orchestrations.size() == 1);
        advance(11 * moment);
        REQUIRE(lock({9, 9}).suspects_waiting);
        move();
        const work_batch suspect = there.lock_suspects();
        REQUIRE(suspect.orchestrations.size() == 1);
        CHECK(suspect.orchestrations.front().deliveries == 3);
        CHECK(suspect.orchestrations.front().suspect);
    }
}

TEST_CASE_METHOD(two_hubs, "messages and timers are what they were", "[IMAGE-1]") {
    if (lacks(ability::images)) {
        return;
    }
    const instance_id id = idle_instance();
    new_message message = a_message(id, "known");
    message.id = "m1";
    REQUIRE(send(message) == send_outcome::accepted);
    finished_turn turn = turn_of(lease(id));
    turn.timers = {a_timer(1, now() + 5 * moment), a_timer(2, now() + 5 * moment)};
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    raise(id, "unread");
    const instance_id nothing_to_do = idle_instance();
    move();
    CHECK_FALSE(there.is_ready(nothing_to_do));
    CHECK(there.send(message) == send_outcome::duplicate);
    there.raise(id, "later");
    const orchestration_work work = there.lease(id);
    REQUIRE(work.inbox.size() == 2);
    CHECK(events_of(work.inbox) == std::vector{an_event("unread"), an_event("later")});
    CHECK(work.inbox[0].sequence < work.inbox[1].sequence);
    finished_turn next = turn_of(work);
    next.cancelled_timers = {{2}};
    REQUIRE(there.commit_one(next) == commit_outcome::committed);
    CHECK_FALSE(there.is_ready(id));
    there.advance(6 * moment);
    CHECK(there.inbox(id) == std::vector{an_event("timer fired 1")});
}

TEST_CASE_METHOD(two_hubs, "what somebody waits for goes on in its order", "[IMAGE-1]") {
    if (lacks(ability::images)) {
        return;
    }
    const orchestration_work work = leased();
    finished_turn turn = turn_of(work);
    turn.activities = {an_activity(1), an_activity(2), an_activity(3)};
    turn.activities[2].priority = 7;
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    const instance_id first = pending_instance();
    const instance_id second = pending_instance();
    const instance_id parked = parked_instance();
    move();
    const work_batch handed_out = there.lock({9, 9});
    REQUIRE(handed_out.orchestrations.size() == 2);
    CHECK(handed_out.orchestrations[0].instance == first);
    CHECK(handed_out.orchestrations[1].instance == second);
    REQUIRE(handed_out.activities.size() == 3);
    CHECK(handed_out.activities[0].task == task_id{3});
    CHECK(handed_out.activities[1].task == task_id{1});
    CHECK(handed_out.activities[1].details == turn.activities[0].details);
    CHECK(there.get(parked).parked_reason == get(parked).parked_reason);
    CHECK(there.unpark(parked) == unpark_outcome::unparked);
    CHECK(there.is_ready(parked));
}

TEST_CASE_METHOD(two_hubs, "an instance is known by what it was", "[IMAGE-1]") {
    if (lacks(ability::images)) {
        return;
    }
    new_instance fresh = a_new_instance();
    fresh.level = 3;
    fresh.tags = {{"colour", "red"}};
    filter.level = there.filter.level = 3;
    create(fresh);
    finished_turn turn = next_execution_of(lease(fresh.instance));
    turn.custom_status = payload{"json", R"("half-way")"};
    REQUIRE(commit_one(turn) == commit_outcome::committed);
    const instance_id completed = completed_instance();
    move();
    CHECK(there.get(fresh.instance) == get(fresh.instance));
    CHECK(there.get(completed) == get(completed));
    CHECK(there.try_create(fresh).code == create_code::created);
    CHECK(there.try_create(a_new_instance()).code == create_code::created);
    CHECK(text_of(there.history(completed)) == text_of(history(completed)));
    CHECK(there.history_head(completed).last_committed == history_head(completed).last_committed);
    CHECK(there.purge(completed) == purge_outcome::purged);
}

TEST_CASE_METHOD(two_hubs,
                 "pages of images follow the creation, in parts if need be",
                 "[IMAGE-3]") {
    if (lacks(ability::images)) {
        return;
    }
    std::vector<instance_id> created;
    for (int n = 0; n < 7; ++n) {
        created.push_back(n % 2 == 0 ? idle_instance() : pending_instance());
    }
    const std::size_t limit = GENERATE(1U, 3U, 7U, 100U);
    const std::size_t bytes = GENERATE(std::size_t{1}, batch_bytes_max);
    std::vector<instance_id> seen;
    std::string after;
    do {
        const image_page page = images().read_images(after, limit, bytes);
        REQUIRE(page.images.size() <= limit);
        for (const instance_image& image : page.images) {
            seen.push_back(image.record.instance);
            REQUIRE_FALSE(image.history.empty());
            CHECK(image.history.front().first == 0);
            CHECK((has_end(image) || &image == &page.images.back()));
        }
        after = page.next;
    } while (!after.empty());
    CHECK(seen == created);

    move({limit, bytes});
    for (const instance_id& id : created) {
        CHECK(text_of(there.history(id)) == text_of(history(id)));
    }
}

TEST_CASE_METHOD(two_hubs, "a history in parts is not touched before it is complete", "[IMAGE-4]") {
    if (lacks(ability::images)) {
        return;
    }
    const instance_id id = idle_instance();
    raise(id, "once");
    REQUIRE(commit_one(turn_of(lease(id))) == commit_outcome::committed);
    raise(id, "twice");
    const instance_image whole = image(id);
    REQUIRE(whole.history.size() == 3);

    CHECK(write(part_of(whole, 0, 1)) == write_outcome::written);
    CHECK(there.get(id).parked_reason == incomplete_image);
    CHECK(there.history_version(id) == 0);
    CHECK_FALSE(there.is_ready(id));
    CHECK(there.unpark(id) == unpark_outcome::not_parked);
    CHECK(write(part_of(whole, 0, 1)) == write_outcome::refused);
    CHECK(write(part_of(whole, 2, 1)) == write_outcome::refused);
    instance_image other = part_of(whole, 1, 1);
    other.created_as = an_execution();
    CHECK(write(other) == write_outcome::refused);

    CHECK(write(part_of(whole, 1, 1)) == write_outcome::written);
    CHECK(there.get(id).parked_reason == incomplete_image);
    CHECK(write(part_of(whole, 2, 1)) == write_outcome::written);
    CHECK(there.get(id) == get(id));
    CHECK(there.inbox(id) == std::vector{an_event("twice")});
    CHECK(write(part_of(whole, 2, 1)) == write_outcome::refused);
}

TEST_CASE_METHOD(two_hubs, "an id that is taken is left alone by an image", "[IMAGE-5]") {
    if (lacks(ability::images)) {
        return;
    }
    const instance_id id = idle_instance();
    new_instance same_id = a_new_instance();
    same_id.instance = id;
    there.create(same_id);
    const instance_record before = there.get(id);
    const instance_id other = completed_instance();
    const std::vector both{image(id), image(other)};

    CHECK(images_there().write_images(both, last_sequence(), write_mode::keep) ==
          std::vector{write_outcome::refused, write_outcome::written});
    CHECK(there.get(id) == before);
    CHECK(there.find(other));
    CHECK(write(both[1]) == write_outcome::refused);
}

TEST_CASE_METHOD(two_hubs,
                 "an image that contradicts itself is rejected, all of its call",
                 "[IMAGE-6]") {
    if (lacks(ability::images)) {
        return;
    }
    const instance_id id = idle_instance();
    raise(id);
    raise(id);
    const instance_image right = image(id);
    instance_image wrong = image(completed_instance());
    SECTION("history") {
        wrong = right;
        wrong.history[1].first += 1;
    }
    SECTION("longer than it says") {
        wrong.record.history_length -= 1;
    }
    SECTION("no history") {
        wrong.history.clear();
    }
    SECTION("ended, and with a lease") {
        wrong.held.token = {7};
    }
    SECTION("ended, and never") {
        wrong.record.completed_at.reset();
    }
    SECTION("a lease without a token") {
        wrong = image(idle_instance());
        wrong.held.until = now();
    }
    SECTION("inbox") {
        wrong = image(idle_instance());
        wrong.inbox = right.inbox;
        std::swap(wrong.inbox[0], wrong.inbox[1]);
    }
    SECTION("a sequence that the hub has not given") {
        wrong = image(idle_instance());
        wrong.inbox = right.inbox;
        wrong.inbox[1].message.sequence = last_sequence() + 1;
    }
    SECTION("an activity that neither waits nor is leased") {
        wrong = image(leased_activity().instance);
        wrong.activities.front().held = {};
    }
    CHECK_THROWS_AS(images_there().write_images(
                        std::vector{right, wrong}, last_sequence(), write_mode::replace),
                    backend_error);
    CHECK_FALSE(there.find(id));
    CHECK_FALSE(there.find(wrong.record.instance));
    CHECK_THROWS_AS(images().read_images("no page", 1, 1), backend_error);
}

TEST_CASE_METHOD(two_hubs, "an image replaces what is there, and tells nobody", "[IMAGE-7]") {
    if (lacks(ability::images)) {
        return;
    }
    const instance_id parent = idle_instance();
    const instance_id id = pending_child(parent, 7);
    const instance_id younger = pending_instance();
    move();
    const std::string inbox_before = text_of(there.history(parent));
    const orchestration_work lost = there.lease(id);
    REQUIRE(commit_one(turn_of(lease(id))) == commit_outcome::committed);
    raise(id, "twice");

    SECTION("as a whole") {
        CHECK(write(image(id), write_mode::replace) == write_outcome::written);
    }
    SECTION("with the end of its history, to the beginning that is there") {
        const instance_image whole = image(id);
        REQUIRE(whole.history.size() == 2);
        CHECK(write(part_of(whole, 1, 1), write_mode::replace) == write_outcome::written);
    }
    SECTION("in parts") {
        const instance_image whole = image(id);
        CHECK(write(part_of(whole, 0, 1), write_mode::replace) == write_outcome::written);
        CHECK(there.get(id).parked_reason == incomplete_image);
        CHECK(write(part_of(whole, 1, 1), write_mode::replace) == write_outcome::written);
    }
    CHECK(there.get(id) == get(id));
    CHECK(text_of(there.history(id)) == text_of(history(id)));
    CHECK(there.commit_one(turn_of(lost)) == commit_outcome::lease_lost);
    CHECK(text_of(there.history(parent)) == inbox_before);
    CHECK(there.get(parent).inbox_length == 0);
    CHECK(images_there().read_images("", 9, 9'000).images.at(2).record.instance == younger);
}

TEST_CASE_METHOD(two_hubs, "a history is only added to where it fits", "[IMAGE-7]") {
    if (lacks(ability::images)) {
        return;
    }
    const instance_id id = idle_instance();
    const instance_image whole = image(id);
    CHECK(write(part_of(whole, 1, 1), write_mode::replace) == write_outcome::refused);
    REQUIRE(write(part_of(whole, 0, 1), write_mode::replace) == write_outcome::written);
    instance_image other = part_of(whole, 1, 1);
    other.record.execution = an_execution();
    CHECK(write(other, write_mode::replace) == write_outcome::refused);
    other = part_of(whole, 1, 1);
    other.history.front().first = 2;
    other.history.front().count = 1;
    CHECK(write(other, write_mode::replace) == write_outcome::refused);
    CHECK(there.get(id).parked_reason == incomplete_image);
}

TEST_CASE_METHOD(two_hubs, "what is removed has never been", "[IMAGE-8]") {
    if (lacks(ability::images)) {
        return;
    }
    const instance_id parent = idle_instance();
    const instance_id id = pending_child(parent, 7);
    const std::vector removed{id, an_id()};
    images().remove_images(removed);
    CHECK_FALSE(find(id));
    CHECK(get(parent).inbox_length == 0);
    CHECK(images().read_images("", 9, 9'000).images.size() == 1);
}

TEST_CASE_METHOD(two_hubs, "a closed hub says where its instances are", "[CLOSED-1]") {
    if (lacks(ability::images)) {
        return;
    }
    const instance_id id = idle_instance();
    raise(id);
    const orchestration_work work = lease(id);
    const std::string reason = "it has moved to \"elsewhere\"";
    images().set_closed(reason);
    CHECK(images().closed_reason() == reason);

    const auto is_refused = [&](auto call) {
        try {
            static_cast<void>(call());
            return false;
        } catch (const backend_error& fault) {
            return fault.code() == store_fault::moved &&
                   std::string(fault.what()).find(reason) != std::string::npos;
        }
    };
    CHECK(is_refused([&] { return try_create(a_new_instance()); }));
    CHECK(is_refused([&] { return send(id); }));
    CHECK(is_refused([&] { return terminate(id); }));
    CHECK(is_refused([&] { return find(id); }));
    CHECK(is_refused([&] { return store.query({}, 9, {}); }));
    CHECK(is_refused([&] { return store.wait(id, in(patience)); }));
    CHECK(is_refused([&] { return purge(id); }));
    CHECK(is_refused([&] { return unpark(id); }));
    CHECK(is_refused([&] { return lock({9, 9}); }));
    CHECK(is_refused([&] { return commit_one(turn_of(work)); }));
    CHECK(is_refused([&] { return renew(held(work), moment); }));
    CHECK(is_refused([&] { return give_back(held(work)); }));
    CHECK(is_refused([&] {
        store.take_over(a_request(), std::span(&worker, 1));
        return 0;
    }));
    CHECK(store.status().parked == 0);
    CHECK(store.read_history(id, 0, 9));
    CHECK(image(id).record.instance == id);

    images().set_closed("");
    CHECK(images().closed_reason().empty());
    CHECK(commit_one(turn_of(work)) == commit_outcome::committed);
    images().set_closed(reason);
    store.delete_hub();
    CHECK_FALSE(find(id));
}

TEST_CASE_METHOD(two_hubs, "an image is of one moment", "[IMAGE-2]") {
    if (lacks(ability::images)) {
        return;
    }
    const instance_id id = idle_instance();
    std::atomic<bool> stops = false;
    // Assertions are for the test's own thread.
    std::thread turns([&] {
        while (!stops) {
            static_cast<void>(store.send({a_request()}, std::vector{a_message(id)}));
            for (const auto& work : store.lock(request({1, 0})).orchestrations) {
                static_cast<void>(commit_to(store, {turn_of(work)}, {}, request({})));
            }
        }
    });
    const auto ends = std::shared_ptr<void>(nullptr, [&](void*) {
        stops = true;
        turns.join();
    });
    for (int n = 0; n < 200; ++n) {
        const instance_image seen = image(id);
        REQUIRE(has_end(seen));
        REQUIRE(seen.record.history_length == 1 + 2 * (seen.history_version - 1));
        REQUIRE(seen.inbox.size() == seen.record.inbox_length);
        REQUIRE((!seen.held.token || seen.inbox.size() == 1));
    }
}
