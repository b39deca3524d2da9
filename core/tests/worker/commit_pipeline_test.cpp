#include "worker/commit_pipeline.hpp"

#include "fake_backend.hpp"

#include <catch2/catch.hpp>

#include <condition_variable>
#include <set>
#include <string>
#include <thread>

namespace perdure::dispatch {
namespace {

using testing::all_committed;
using testing::fake_backend;

/// Writes down what it is told.
class recording_listener final : public commit_listener {
  public:
    lock_terms next_terms(const expected_work&) override {
        lock_terms next;
        next.request = request_id{random_uuid()};
        next.orchestrations = 7;
        next.activities = 7;
        return next;
    }
    void committed(const item_ptr& item) override { note(committed_ids, item); }
    void lost(const item_ptr& item, commit_outcome) override { note(lost_ids, item); }
    void refused_speculative(const item_ptr& item) override { item->speculative.reset(); }
    void refused(const item_ptr& item, const backend_error&) override { note(refused_ids, item); }
    void given_up(const item_ptr& item) override { note(given_up_ids, item); }
    void handed_out(commit_result, const lock_request&, const expected_work&) override {
        ++hand_outs;
    }

    std::vector<std::string> committed_ids;
    std::vector<std::string> lost_ids;
    std::vector<std::string> refused_ids;
    std::vector<std::string> given_up_ids;
    std::atomic<int> hand_outs{0};

  private:
    void note(std::vector<std::string>& list, const item_ptr& item) {
        const std::lock_guard guard(mutex_);
        list.push_back(item->instance().text());
    }
    std::mutex mutex_;
};

item_ptr an_item(const std::string& id, item_kind kind) {
    item_ptr item;
    if (kind == item_kind::turn) {
        item = std::make_shared<leased_item>(testing::a_leased_turn(id));
    } else {
        item = std::make_shared<leased_item>(testing::a_leased_activity(id));
    }
    item->lease_end = steady::now() + std::chrono::hours(1);
    return item;
}

finished_item a_turn(const std::string& id, std::size_t bytes = 100) {
    return {testing::a_finished_turn(id), an_item(id, item_kind::turn), bytes};
}

finished_item an_activity(const std::string& id, std::size_t bytes = 100) {
    return {testing::a_finished_activity(id), an_item(id, item_kind::activity), bytes};
}

struct pipeline_fixture {
    fake_backend store;
    engine_log log{nullptr};
    store_calls calls{log};
    recording_listener listener;
    commit_pipeline pipeline{store, calls, listener, log};
};

TEST_CASE("an item that comes alone is committed alone and at once", "[pipeline]") {
    pipeline_fixture f;
    f.store.on_commit = all_committed;
    f.pipeline.add(a_turn("a"));

    CHECK(f.pipeline.lead());

    CHECK(f.listener.committed_ids == std::vector<std::string>{"a"});
    CHECK(f.listener.hand_outs == 1);
    CHECK_FALSE(f.pipeline.lead());
}

TEST_CASE("turns and activities that are pending leave in one call", "[pipeline]") {
    pipeline_fixture f;
    std::vector<std::size_t> calls;
    f.store.on_commit = [&](const commit_request& request) {
        calls.push_back(request.finished.size());
        return all_committed(request);
    };
    f.pipeline.add(an_activity("x"));
    f.pipeline.add(a_turn("a"));
    f.pipeline.add(an_activity("y"));

    CHECK(f.pipeline.lead());

    CHECK(calls == std::vector<std::size_t>{3});
    CHECK(f.listener.committed_ids == std::vector<std::string>{"x", "a", "y"});
}

TEST_CASE("a batch is bounded in items and in bytes", "[pipeline]") {
    pipeline_fixture f;
    std::vector<std::size_t> sizes;
    f.store.on_commit = [&](const commit_request& request) {
        sizes.push_back(request.finished.size());
        return all_committed(request);
    };

    for (int i = 0; i < 501; ++i) {
        f.pipeline.add(an_activity("i" + std::to_string(i)));
    }
    f.pipeline.add(an_activity("large", batch_bytes_max));
    f.pipeline.add(an_activity("after"));
    while (f.pipeline.lead()) {
    }

    CHECK(sizes == std::vector<std::size_t>{500, 1, 1, 1});
}

TEST_CASE("a batch tells how much work it makes possible", "[pipeline]") {
    checkpoint first;
    first.activities.resize(2);
    checkpoint later;
    later.consumed = {1};
    checkpoint last = later;
    last.status = orchestration_status::completed;
    checkpoint renewed = later;
    renewed.next.emplace();

    const auto expected = [](const checkpoint& turn) {
        return expected_of({{testing::a_finished_turn("one", turn)}, {}});
    };

    CHECK(expected(first).turns == 0);
    CHECK(expected(first).activities == 2);
    // Only what has read messages is likely to find more.
    CHECK(expected(first).again == 0);
    CHECK(expected(later).again == 1);
    CHECK(expected(last).again == 0);
    CHECK(expected(renewed).turns == 1);
    CHECK(expected(renewed).again == 0);
    CHECK(expected_of({{testing::a_finished_activity("done")}, {}}).turns == 1);
}

TEST_CASE("a lost answer is asked for again with the same request id", "[pipeline]") {
    pipeline_fixture f;
    std::set<request_id> seen;
    int calls = 0;
    f.store.on_commit = [&](const commit_request& request) {
        seen.insert(request.next.request);
        if (++calls < 4) {
            throw backend_error(store_fault::outcome_unknown, "the connection broke");
        }
        return all_committed(request);
    };
    f.pipeline.add(a_turn("a"));

    CHECK(f.pipeline.lead());

    CHECK(calls == 4);
    CHECK(seen.size() == 1);
    CHECK(f.listener.committed_ids == std::vector<std::string>{"a"});
}

TEST_CASE("items are given up when no answer comes while their leases last", "[pipeline]") {
    pipeline_fixture f;
    f.store.on_commit = [&](const commit_request&) -> commit_result {
        throw backend_error(store_fault::unavailable, "no route to host");
    };
    auto finished = a_turn("a");
    finished.item->lease_end = steady::now() - std::chrono::seconds(1);
    f.pipeline.add(std::move(finished));

    CHECK(f.pipeline.lead());

    CHECK(f.listener.given_up_ids == std::vector<std::string>{"a"});
    CHECK(f.listener.hand_outs == 0);
}

TEST_CASE("a closed worker does not wait for a store that is away", "[pipeline]") {
    pipeline_fixture f;
    f.store.on_commit = [&](const commit_request&) -> commit_result {
        f.calls.close();
        throw backend_error(store_fault::unavailable, "no route to host");
    };
    f.pipeline.add(a_turn("a"));

    CHECK(f.pipeline.lead());

    CHECK(f.listener.given_up_ids == std::vector<std::string>{"a"});
}

TEST_CASE("a refused batch is halved until the culprit stands alone", "[pipeline]") {
    pipeline_fixture f;
    std::set<std::uint64_t> requests;
    std::size_t rooms_after_refusal = 0;
    int calls = 0;
    f.store.on_commit = [&](const commit_request& request) {
        ++calls;
        requests.insert(request.next.request.value.low);
        if (calls > 1) {
            rooms_after_refusal += request.next.orchestrations + request.next.activities;
        }
        for (const finished_work& each : request.finished) {
            if (each.instance.text() == "bad") {
                throw backend_error(store_fault::rejected, "invalid byte sequence");
            }
        }
        return all_committed(request);
    };
    for (int i = 0; i < 20; ++i) {
        f.pipeline.add(a_turn("t" + std::to_string(i)));
        f.pipeline.add(an_activity(i == 7 ? "bad" : "a" + std::to_string(i)));
    }

    CHECK(f.pipeline.lead());

    CHECK(f.listener.refused_ids == std::vector<std::string>{"bad"});
    CHECK(f.listener.committed_ids.size() == 39);
    CHECK(calls < 20);
    CHECK(requests.size() == static_cast<std::size_t>(calls));
    CHECK(rooms_after_refusal == 0);
}

TEST_CASE("a refusal of the hand-off is nobody's fault", "[pipeline]") {
    pipeline_fixture f;
    f.store.on_commit = [&](const commit_request& request) {
        if (request.next.orchestrations > 0) {
            throw backend_error(store_fault::corrupt, "a row that should be handed out is damaged");
        }
        return all_committed(request);
    };
    f.pipeline.add(a_turn("a"));

    CHECK(f.pipeline.lead());

    CHECK(f.listener.refused_ids.empty());
    CHECK(f.listener.committed_ids == std::vector<std::string>{"a"});
}

TEST_CASE("an item whose lease is lost does not touch its neighbours", "[pipeline]") {
    pipeline_fixture f;
    f.store.on_commit = [&](const commit_request& request) {
        auto answer = all_committed(request);
        answer.outcomes.at(1) = commit_outcome::lease_lost;
        return answer;
    };
    f.pipeline.add(a_turn("a"));
    f.pipeline.add(a_turn("b"));
    f.pipeline.add(a_turn("c"));

    CHECK(f.pipeline.lead());

    CHECK(f.listener.committed_ids == std::vector<std::string>{"a", "c"});
    CHECK(f.listener.lost_ids == std::vector<std::string>{"b"});
}

TEST_CASE("what is finished during a commit leaves together in the next", "[pipeline]") {
    pipeline_fixture f;
    std::vector<std::size_t> sizes;
    f.store.on_commit = [&](const commit_request& request) {
        sizes.push_back(request.finished.size());
        if (sizes.size() == 1) {
            // The only lane is taken: the others add and go on.
            for (int i = 0; i < 10; ++i) {
                f.pipeline.add(a_turn("late" + std::to_string(i)));
                CHECK_FALSE(f.pipeline.lead());
            }
        }
        return all_committed(request);
    };
    f.pipeline.add(a_turn("first"));

    CHECK(f.pipeline.lead());
    CHECK(f.pipeline.lead());

    CHECK(sizes == std::vector<std::size_t>{1, 10});
}

TEST_CASE("many threads commit every item once, one lane at a time", "[pipeline]") {
    pipeline_fixture f;
    std::atomic<int> inside{0};
    std::atomic<bool> met{false};
    f.store.on_commit = [&](const commit_request& request) {
        if (++inside > 1) {
            met = true;
        }
        auto answer = all_committed(request);
        --inside;
        return answer;
    };
    constexpr int threads = 8;
    constexpr int each = 500;
    {
        std::vector<std::jthread> all;
        for (int t = 0; t < threads; ++t) {
            all.emplace_back([&f, t] {
                for (int i = 0; i < each; ++i) {
                    f.pipeline.add(a_turn(std::to_string(t) + "-" + std::to_string(i)));
                    f.pipeline.lead();
                }
            });
        }
    }
    while (f.pipeline.lead()) {
    }

    CHECK_FALSE(met);
    CHECK(f.listener.committed_ids.size() == threads * each);
    const std::set<std::string> distinct(f.listener.committed_ids.begin(),
                                         f.listener.committed_ids.end());
    CHECK(distinct.size() == threads * each);
}

TEST_CASE("an unexpected exception of a plugin costs the round and no more", "[pipeline]") {
    pipeline_fixture f;
    f.store.on_commit = [&](const commit_request&) -> commit_result {
        throw std::logic_error("a plugin's bug");
    };
    f.pipeline.add(a_turn("a"));

    CHECK(f.pipeline.lead());

    CHECK(f.listener.given_up_ids == std::vector<std::string>{"a"});
    CHECK(f.pipeline.has_free_lane());
}

}  // namespace
}  // namespace perdure::dispatch
