#include "idle_workers.hpp"

#include "fake_backend.hpp"

#include <catch2/catch.hpp>

#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

// Where clients and workers of a hub's handle meet.

namespace perdure {
namespace {

using namespace testing;
using detail::idle_workers;

/// Has room for as many turns as a test says, and one definition.
class some_worker final : public idle_workers::member {
  public:
    some_worker(std::string name, std::size_t room) : room_for(room) {
        auto served = std::make_shared<work_filter>();
        served->orchestrations = {{std::move(name), "1"}};
        filter_ = std::move(served);
    }

    std::optional<idle_workers::room> offer() override {
        if (room_for == 0) {
            return std::nullopt;
        }
        idle_workers::room space{.filter = filter_};
        space.next.filter = filter_.get();
        space.next.orchestrations = room_for;
        return space;
    }
    bool has_frame(const instance_id& instance) const override { return frames.contains(instance); }
    void take(work_batch work) override { taken.push_back(std::move(work)); }
    void ask_again(idle_workers::room brought) override { doubtful.push_back(std::move(brought)); }

    std::size_t room_for;
    std::set<instance_id> frames;
    std::vector<work_batch> taken;
    std::vector<idle_workers::room> doubtful;

  private:
    std::shared_ptr<const work_filter> filter_;
};

struct meeting_place {
    idle_workers here;
    request_id request{random_uuid()};
    lock_request brought{};
    bool leases = true;

    std::shared_ptr<some_worker> a_worker(const std::string& name, std::size_t room = 1) {
        auto joined = std::make_shared<some_worker>(name, room);
        here.join(joined);
        return joined;
    }
    std::vector<create_outcome> start(const std::vector<new_instance>& fresh) {
        return here.hand_out(
            request, std::span<const new_instance>(fresh), [&](const lock_request& next) {
                brought = next;
                create_result result{std::vector<create_outcome>(fresh.size()), {}};
                if (leases && next.orchestrations != 0) {
                    result.work.orchestrations.push_back(a_leased_turn("order"));
                }
                return result;
            });
    }
    std::vector<send_outcome> raise(const std::vector<std::string>& targets) {
        std::vector<new_message> messages;
        for (const std::string& target : targets) {
            messages.push_back({.target = instance_id(target)});
        }
        return here.hand_out(
            request, std::span<const new_message>(messages), [&](const lock_request& next) {
                brought = next;
                send_result result{std::vector<send_outcome>(targets.size()), {}};
                if (next.orchestrations != 0) {
                    result.work.orchestrations.push_back(a_leased_turn("order"));
                }
                return result;
            });
    }
};

new_instance an(const std::string& name) {
    return {.instance = instance_id(name), .name = name, .version = "1"};
}

TEST_CASE("a client's call goes without room when nobody has any", "[idle][HANDOFF-3]") {
    meeting_place hub;
    const auto busy = hub.a_worker("Order", 0);

    CHECK(hub.start({an("Order")}).size() == 1);

    CHECK(hub.brought.orchestrations == 0);
    CHECK(hub.brought.request == hub.request);
    CHECK(busy->taken.empty());
}

TEST_CASE("what a start leases goes to a worker that has the definition", "[idle][HANDOFF-3]") {
    meeting_place hub;
    const auto other = hub.a_worker("Refund");
    const auto wanted = hub.a_worker("Order");

    hub.start({an("Order")});

    CHECK(hub.brought.filter != nullptr);
    CHECK(hub.brought.request == hub.request);
    CHECK(wanted->taken.size() == 1);
    CHECK(other->taken.empty());
}

TEST_CASE("nobody's room is brought for what nobody has", "[idle][HANDOFF-3]") {
    meeting_place hub;
    const auto other = hub.a_worker("Refund");

    hub.start({an("Order")});
    CHECK(hub.brought.orchestrations == 0);

    new_instance newer = an("Refund");
    newer.level = 2;
    hub.start({newer});
    CHECK(hub.brought.orchestrations == 0);

    new_instance later = an("Refund");
    later.start_at = timestamp::max();
    hub.start({later});
    CHECK(hub.brought.orchestrations == 0);
    CHECK(other->taken.empty());
}

TEST_CASE("of several starts as many are asked for as the worker has", "[idle][HANDOFF-3]") {
    meeting_place hub;
    const auto one = hub.a_worker("Refund", 10);
    const auto two = hub.a_worker("Order", 10);

    hub.start({an("Order"), an("Refund"), an("Order"), an("Unknown")});

    CHECK(hub.brought.orchestrations == 2);
    CHECK(two->taken.size() == 1);
    CHECK(one->taken.empty());
    two->room_for = 1;
    hub.start({an("Order"), an("Order")});
    CHECK(hub.brought.orchestrations == 1);
}

TEST_CASE("an event goes to the worker that has the frame", "[idle][HANDOFF-3]") {
    meeting_place hub;
    const auto first = hub.a_worker("Order", 5);
    const auto second = hub.a_worker("Order", 5);

    hub.raise({"a"});
    CHECK(first->taken.size() == 1);

    second->frames = {instance_id("a")};
    hub.raise({"a", "b"});
    CHECK(second->taken.size() == 1);
    CHECK(hub.brought.orchestrations == 2);

    second->room_for = 0;
    hub.raise({"a"});
    CHECK(first->taken.size() == 2);
}

TEST_CASE("a worker is told of a call that failed, and of no other", "[idle][HANDOFF-3]") {
    meeting_place hub;
    const auto wanted = hub.a_worker("Order");
    const std::vector<new_instance> fresh{an("Order")};
    const auto fail = [](const lock_request&) -> create_result {
        throw backend_error(store_fault::outcome_unknown, "the answer was lost");
    };

    hub.leases = false;
    hub.start(fresh);
    CHECK(wanted->doubtful.empty());
    CHECK_THROWS_AS(hub.here.hand_out(hub.request, std::span<const new_instance>(fresh), fail),
                    backend_error);

    REQUIRE(wanted->doubtful.size() == 1);
    const idle_workers::room& doubtful = wanted->doubtful.front();
    CHECK(doubtful.next.request == hub.request);
    CHECK(doubtful.next.orchestrations == 1);
    CHECK(doubtful.next.filter == doubtful.filter.get());
    CHECK(wanted->taken.empty());
}

TEST_CASE("who is gone is not asked", "[idle]") {
    meeting_place hub;
    hub.a_worker("Order");

    hub.start({an("Order")});

    CHECK(hub.brought.orchestrations == 0);
}

}  // namespace
}  // namespace perdure
