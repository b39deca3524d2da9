#include "awaited_ends.hpp"

#include <perdure/backend_error.hpp>

#include <catch2/catch.hpp>

namespace perdure::postgres {

using namespace std::chrono_literals;

namespace {

std::vector<instance_id> named(const std::vector<std::string>& names) {
    return {names.begin(), names.end()};
}

/// One thread: what others do, they do while it polls.
struct some_ends {
    explicit some_ends(const awaited_ends::pace& pace = {1h, 1h})
        : waiting(pace, [this](const std::vector<instance_id>& asked) {
              polls.push_back(asked);
              const std::unique_lock others(mutex);
              return at_poll();
          }) {}

    awaited_ends::answer wait(
        const std::vector<instance_id>& instances,
        std::optional<std::uint64_t> record_after = {},
        awaited_ends::steady::time_point until = awaited_ends::steady::now()) {
        const awaited_ends::answer heard = waiting.wait(held, {instances, until, record_after});
        CHECK(held.owns_lock());
        return heard;
    }

    /// What each poll has asked for.
    std::vector<std::vector<instance_id>> polls;
    /// What happens meanwhile, and which have ended.
    std::function<std::vector<instance_id>()> at_poll = [] { return std::vector<instance_id>(); };
    std::mutex mutex;
    std::unique_lock<std::mutex> held{mutex};
    awaited_ends waiting;
};

/// Not waited for: what ends such a wait happens in it.
constexpr auto long_time = 20s;

}  // namespace

TEST_CASE("awaited ends: a wait begins with a poll, and is over when one has ended") {
    some_ends ends;

    CHECK_FALSE(ends.wait(named({"order", "invoice"})).has_ended);
    REQUIRE(ends.polls.size() == 1);
    CHECK(ends.polls.front() == named({"order", "invoice"}));
    ends.at_poll = [] { return named({"invoice"}); };
    CHECK(ends.wait(named({"order", "invoice"})).has_ended);
    CHECK(ends.waiting.waiters() == 0);
    CHECK(ends.waiting.last_wait().has_value());
}

TEST_CASE("awaited ends: what is told during the poll ends the wait") {
    some_ends ends;
    const instance_record record{.instance = instance_id("order")};
    std::uint64_t number = 7;
    ends.at_poll = [&] {
        CHECK(ends.waiting.waiters() == 1);
        CHECK(ends.waiting.instances() == named({"order"}));
        ends.waiting.tell(instance_id("invoice"));
        ends.waiting.tell(instance_id("order"), record, number);
        return std::vector<instance_id>();
    };

    SECTION("with the record, for whoever wants it") {
        CHECK(ends.wait(named({"order"}), 6).record == record);
    }
    SECTION("without the record, when it is of a poll before the wait") {
        const awaited_ends::answer heard = ends.wait(named({"order"}), 7);
        CHECK(heard.has_ended);
        CHECK_FALSE(heard.record);
    }
    SECTION("without the record, for whoever does not want it") {
        const awaited_ends::answer heard = ends.wait(named({"order"}));
        CHECK(heard.has_ended);
        CHECK_FALSE(heard.record);
    }
}

TEST_CASE("awaited ends: it is known whether a record is wanted") {
    some_ends ends;
    bool is_wanted = false;
    ends.at_poll = [&] {
        is_wanted = ends.waiting.is_record_wanted(instance_id("order"));
        return std::vector<instance_id>();
    };

    static_cast<void>(ends.wait(named({"order"})));
    CHECK_FALSE(is_wanted);
    static_cast<void>(ends.wait(named({"order"}), 1));
    CHECK(is_wanted);
    CHECK_FALSE(ends.waiting.is_record_wanted(instance_id("order")));
}

TEST_CASE("awaited ends: what is suspected during a poll is polled for again") {
    some_ends ends;
    ends.waiting.set_told(true);
    ends.at_poll = [&] {
        ends.waiting.suspect_all();
        ends.at_poll = [] { return named({"order"}); };
        return std::vector<instance_id>();
    };

    CHECK(ends.wait(named({"order"}), {}, awaited_ends::steady::now() + long_time).has_ended);
    CHECK(ends.polls.size() == 2);
}

TEST_CASE("awaited ends: while nobody tells, it is polled again") {
    some_ends ends({0s, 0s});
    ends.at_poll = [&] {
        return ends.polls.size() < 3 ? std::vector<instance_id>() : named({"order"});
    };

    CHECK(ends.wait(named({"order"}), {}, awaited_ends::steady::now() + long_time).has_ended);
    CHECK(ends.polls.size() == 3);
}

TEST_CASE("awaited ends: that nobody tells any more makes waiters poll again") {
    some_ends ends;
    ends.waiting.set_told(true);
    ends.at_poll = [&] {
        ends.waiting.set_told(false);
        ends.at_poll = [] { return named({"order"}); };
        return std::vector<instance_id>();
    };

    CHECK(ends.wait(named({"order"}), {}, awaited_ends::steady::now() + long_time).has_ended);
}

TEST_CASE("awaited ends: an interruption ends this wait and all to come") {
    some_ends ends;
    ends.at_poll = [&] {
        ends.waiting.interrupt();
        return std::vector<instance_id>();
    };

    CHECK_FALSE(ends.wait(named({"order"}), {}, awaited_ends::steady::now() + long_time).has_ended);
    CHECK_FALSE(ends.wait(named({"order"}), {}, awaited_ends::steady::now() + long_time).has_ended);
    CHECK(ends.polls.size() == 1);
}

TEST_CASE("awaited ends: what the poll throws leaves the wait, and nobody waits") {
    some_ends ends;
    ends.at_poll = []() -> std::vector<instance_id> {
        throw backend_error(store_fault::unavailable, "the server is away");
    };

    CHECK_THROWS_AS(ends.wait(named({"order"})), backend_error);
    CHECK(ends.held.owns_lock());
    CHECK(ends.waiting.waiters() == 0);
    CHECK(ends.waiting.instances().empty());
}

TEST_CASE("awaited ends: no instances are not polled for") {
    some_ends ends;

    CHECK_FALSE(ends.wait({}).has_ended);
    CHECK(ends.polls.empty());
}

TEST_CASE("awaited ends: what has just been started is known to run") {
    some_ends ends;
    const std::vector<instance_id> order = named({"order"});
    ends.waiting.begin_starts(order);
    CHECK_FALSE(ends.wait(order).has_ended);
    // Nobody would have told of its end.
    CHECK(ends.polls.size() == 1);
    ends.waiting.set_told(true);
    ends.waiting.begin_starts(order);
    CHECK_FALSE(ends.wait(order).has_ended);
    REQUIRE(ends.polls.size() == 1);

    SECTION("until it may not have started") {
        ends.waiting.forget_start(order.front());
    }
    SECTION("until none may have started") {
        ends.waiting.forget_starts();
    }
    SECTION("until it ends") {
        ends.waiting.tell(instance_id("order"));
    }
    SECTION("until anything may have ended") {
        ends.waiting.suspect_all();
    }
    CHECK_FALSE(ends.wait(order).has_ended);
    CHECK(ends.polls.size() == 2);
}

}  // namespace perdure::postgres
