#include "client/call_combiner.hpp"
#include "fake_backend.hpp"

#include <perdure/client.hpp>

#include <catch2/catch.hpp>

#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <thread>

namespace perdure::calling {
namespace {

using combiner = call_combiner<std::string, std::size_t>;

TEST_CASE("a call that comes alone leaves alone, on its own thread", "[client]") {
    std::thread::id caller;
    combiner calls([&](std::span<const std::string> items) {
        caller = std::this_thread::get_id();
        return std::vector<std::size_t>(items.size(), items.front().size());
    });

    CHECK(calls.submit("four", 4) == 4);
    CHECK(caller == std::this_thread::get_id());
}

TEST_CASE("calls that meet share one call, and each gets its own outcome", "[client]") {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t submitted = 0;
    std::vector<std::size_t> sizes;
    constexpr std::size_t others = 6;
    combiner calls([&](std::span<const std::string> items) {
        std::unique_lock guard(mutex);
        sizes.push_back(items.size());
        // The first call lasts until all the others have announced themselves.
        changed.wait(guard, [&] { return submitted == others; });
        std::vector<std::size_t> outcomes;
        for (const std::string& item : items) {
            outcomes.push_back(item.size());
        }
        return outcomes;
    });
    std::atomic<int> wrong{0};
    {
        std::vector<std::jthread> threads;
        threads.emplace_back([&] { wrong += calls.submit("x", 1) == 1 ? 0 : 1; });
        {
            std::unique_lock guard(mutex);
            while (sizes.empty()) {
                guard.unlock();
                std::this_thread::yield();
                guard.lock();
            }
        }
        for (std::size_t i = 0; i < others; ++i) {
            threads.emplace_back([&, i] {
                {
                    const std::lock_guard guard(mutex);
                    ++submitted;
                }
                changed.notify_all();
                wrong += calls.submit(std::string(i + 2, 'y'), 1) == i + 2 ? 0 : 1;
            });
        }
    }

    CHECK(wrong == 0);
    std::size_t total = 0;
    for (const std::size_t size : sizes) {
        total += size;
    }
    CHECK(total == others + 1);
}

TEST_CASE("a refused item fails alone", "[client]") {
    std::atomic<bool> is_open{false};
    combiner calls([&](std::span<const std::string> items) {
        while (!is_open) {
            std::this_thread::yield();
        }
        for (const std::string& item : items) {
            if (item == "bad") {
                throw backend_error(store_fault::rejected, "no");
            }
        }
        return std::vector<std::size_t>(items.size(), 1);
    });
    std::atomic<int> good{0};
    std::atomic<int> bad{0};
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 9; ++i) {
            threads.emplace_back([&, i] {
                try {
                    calls.submit(i == 4 ? "bad" : "good", 1);
                    ++good;
                } catch (const backend_error&) {
                    ++bad;
                }
            });
        }
        is_open = true;
    }

    CHECK(good == 8);
    CHECK(bad == 1);
}

// ------------------------------------------------------------------------- the client, on a fake

struct client_fixture {
    std::shared_ptr<testing::fake_backend> store = std::make_shared<testing::fake_backend>();
    client c{hub(store, "fake:")};
};

TEST_CASE("a start whose answer was lost is repeated with the same request id", "[client]") {
    client_fixture f;
    std::set<request_id> requests;
    std::set<execution_id> executions;
    int calls = 0;
    f.store->on_create = [&](const lock_request& next, std::span<const new_instance> instances) {
        requests.insert(next.request);
        executions.insert(instances.front().execution);
        if (++calls == 1) {
            throw backend_error(store_fault::outcome_unknown, "the connection broke");
        }
        return create_result{std::vector<create_outcome>(instances.size()), {}};
    };

    const auto id = f.c.start_encoded({"hello", {}, {}});

    CHECK_FALSE(id.text().empty());
    CHECK(calls == 2);
    CHECK(requests.size() == 1);
    CHECK(executions.size() == 1);
}

TEST_CASE("a taken id is an exception unless the policy keeps what exists", "[client]") {
    client_fixture f;
    f.store->on_create = [&](const lock_request&, std::span<const new_instance> instances) {
        const create_outcome taken{create_code::already_exists, orchestration_status::running};
        return create_result{std::vector<create_outcome>(instances.size(), taken), {}};
    };
    start_options options;
    options.id = instance_id("taken");

    CHECK_THROWS_AS(f.c.start_encoded({"hello", {}, options}), already_exists);
    options.reuse = reuse_policy::keep_existing;
    CHECK(f.c.start_encoded({"hello", {}, options}).text() == "taken");
}

TEST_CASE("the reuse policy says which statuses are replaceable", "[client]") {
    client_fixture f;
    std::vector<std::size_t> sizes;
    f.store->on_create = [&](const lock_request&, std::span<const new_instance> instances) {
        sizes.push_back(instances.front().replaceable.size());
        return create_result{std::vector<create_outcome>(instances.size()), {}};
    };
    for (const auto policy : {reuse_policy::never,
                              reuse_policy::replace_ended,
                              reuse_policy::replace_any,
                              reuse_policy::keep_existing}) {
        start_options options;
        options.reuse = policy;
        static_cast<void>(f.c.start_encoded({"hello", {}, options}));
    }

    CHECK(sizes == std::vector<std::size_t>{0, 4, 7, 0});
}

TEST_CASE("many starts leave in batches of 500", "[client]") {
    client_fixture f;
    std::vector<std::size_t> sizes;
    f.store->on_create = [&](const lock_request&, std::span<const new_instance> instances) {
        sizes.push_back(instances.size());
        return create_result{std::vector<create_outcome>(instances.size()), {}};
    };
    const std::vector<start_request> requests(1201, start_request{"hello", {}, {}});

    const auto ids = f.c.start_many_encoded(requests);

    CHECK(sizes == std::vector<std::size_t>{500, 500, 201});
    CHECK(std::set<instance_id>(ids.begin(), ids.end()).size() == 1201);
}

TEST_CASE("what no store may refuse is refused before the call", "[client]") {
    client_fixture f;
    start_options options;
    options.tags = {{"key", "\xFF"}};
    CHECK_THROWS_AS(f.c.start_encoded({"hello", {}, options}), invalid_input);
    CHECK_THROWS_AS(f.c.start_encoded({"", {}, {}}), invalid_input);
    CHECK_THROWS_AS(f.c.start_encoded({"hello", payload("json", std::string(17U << 20U, 'x')), {}}),
                    invalid_input);
    CHECK_THROWS_AS(f.c.raise_encoded(instance_id("a"), "bad\nname", {}), invalid_input);
    CHECK_THROWS_AS(f.c.suspend(instance_id("a"), "\xC0"), invalid_input);
}

TEST_CASE("an event to nobody or to one that has ended is an exception, a repeated one is not",
          "[client]") {
    client_fixture f;
    send_outcome outcome{};
    std::string id;
    f.store->on_send = [&](const lock_request&, std::span<const new_message> messages) {
        id = messages.front().id;
        return send_result{std::vector<send_outcome>(messages.size(), outcome), {}};
    };

    outcome = send_outcome::no_such_instance;
    CHECK_THROWS_AS(f.c.raise_encoded(instance_id("a"), "go", {}), no_such_instance);
    outcome = send_outcome::instance_is_terminal;
    CHECK_THROWS_AS(f.c.raise_encoded(instance_id("a"), "go", {}), invalid_input);
    outcome = send_outcome::duplicate;
    CHECK_NOTHROW(f.c.raise_encoded(instance_id("a"), "go", {}, {"my-id"}));
    CHECK(id == "my-id");
    outcome = send_outcome::accepted;
    f.c.raise_encoded(instance_id("a"), "go", {});
    CHECK(id.size() == 36);
}

}  // namespace
}  // namespace perdure::calling
