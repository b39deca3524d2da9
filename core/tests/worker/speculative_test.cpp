#include "samples.hpp"

#include <perdure/client.hpp>
#include <perdure/kit/forwarding_backend.hpp>
#include <perdure/worker.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

// The turn that follows an activity is executed ahead of its lease, where nothing else can come
// first.

namespace perdure {
namespace {

using namespace testing;

/// Counts speculative turns, and can refuse to have any: by not offering to take them, or by
/// declining them all, as it may when something came between.
class speculation_counter final : public forwarding_backend {
  public:
    enum class manner { as_inner, does_not_offer, declines };

    speculation_counter(backend& inner, manner how) : forwarding_backend(inner), how_(how) {}

    capabilities abilities() const noexcept override {
        capabilities all = inner().abilities();
        all.speculative_turns = how_ != manner::does_not_offer;
        return all;
    }
    work_batch lock(const lock_request& request) override {
        std::unique_lock guard(mutex_);
        const bool may_lock =
            was_sent_.wait_for(guard, 20s, [this] { return !holds_ || sent_ > 0; });
        return may_lock ? inner().lock(request) : work_batch{};
    }
    commit_result commit(const commit_request& request) override {
        std::vector<finished_work> passed(request.finished.begin(), request.finished.end());
        for (finished_work& item : passed) {
            if (is_speculative(item)) {
                note_sent();
            }
            if (is_speculative(item) && how_ == manner::declines) {
                item.turn.reset();
            }
        }
        commit_result answer = inner().commit({passed, request.next});
        for (std::size_t n = 0; n < passed.size(); ++n) {
            commit_outcome& outcome = answer.outcomes[n];
            if (is_speculative(request.finished[n]) && outcome == commit_outcome::committed) {
                taken_ += passed[n].turn ? 1 : 0;
                outcome = passed[n].turn ? outcome : commit_outcome::turn_declined;
            }
        }
        return answer;
    }

    /// From now on nobody locks anything before a speculative turn is sent.
    void hold() {
        const std::lock_guard guard(mutex_);
        holds_ = true;
    }
    [[nodiscard]] int sent() const { return sent_; }
    [[nodiscard]] int taken() const { return taken_; }

  private:
    static bool is_speculative(const finished_work& item) { return item.turn && item.activity; }
    void note_sent() {
        const std::lock_guard guard(mutex_);
        ++sent_;
        was_sent_.notify_all();
    }

    const manner how_;
    std::mutex mutex_;
    std::condition_variable was_sent_;
    bool holds_ = false;
    std::atomic<int> sent_{0};
    std::atomic<int> taken_{0};
};

using manner = speculation_counter::manner;

/// A worker on such a store, and a client.
struct workplace {
    explicit workplace(manner how = manner::as_inner, registry known = a_registry())
        : store(std::make_shared<speculation_counter>(inner.store(), how)),
          where(store, "speculative:"),
          c(where),
          w(where, std::move(known), quick()) {
        w.start();
    }

    hub inner = a_hub();
    std::shared_ptr<speculation_counter> store;
    hub where;
    client c;
    worker w;
};

std::vector<event_kind> kinds_of(client& c, const instance_id& id) {
    std::vector<event_kind> kinds;
    for (const history_event& event : c.history(id)) {
        kinds.push_back(event.kind);
    }
    return kinds;
}

TEST_CASE("each turn that follows an activity goes ahead, and the history is the same",
          "[worker][speculative]") {
    workplace with;
    workplace without(manner::does_not_offer);

    const auto id = with.c.start(chain, 5);
    const auto same = without.c.start(chain, 5);
    CHECK(with.c.wait<int>(id, 20s) == 5);
    CHECK(without.c.wait<int>(same, 20s) == 5);

    CHECK(without.store->sent() == 0);
    CHECK(kinds_of(with.c, id) == kinds_of(without.c, same));
    // The end is heard of before the commit that brought it is counted.
    with.w.stop();
    CHECK(with.store->taken() == 5);
    const worker_statistics numbers = with.w.statistics();
    CHECK(numbers.turns == 6);
    CHECK(numbers.activities == 5);
    CHECK(numbers.rebuilds == 1);
}

TEST_CASE("of parallel activities at most the last one's turn goes ahead",
          "[worker][speculative]") {
    workplace here;

    CHECK(here.c.wait<int>(here.c.start(fan, 20), 20s) == 210);

    CHECK(here.store->sent() <= 1);
}

TEST_CASE("a turn that was declined is executed again, and its activity is not",
          "[worker][speculative]") {
    const auto calls = std::make_shared<std::atomic<int>>(0);
    registry known;
    known.add(chain, step_by_step).add(count_up, [calls](const int& value) {
        ++*calls;
        return value + 1;
    });
    workplace here(manner::declines, known);

    CHECK(here.c.wait<int>(here.c.start(chain, 5), 20s) == 5);

    CHECK(here.store->sent() == 5);
    CHECK(*calls == 5);
    here.w.stop();
    CHECK(here.w.statistics().activities == 5);
    CHECK(here.w.statistics().turns == 6);
}

constexpr orchestrator<void, std::string> interrupted{"Interrupted"};
constexpr activity<void, void> send_word{"SendWord"};

orchestration<std::string> ask_and_listen(context& ctx) {
    co_await ctx.call(send_word);
    auto word = co_await ctx.wait_for_event<std::string>("word");
    co_return word;
}

TEST_CASE("a message that came during the activity goes first, and both arrive",
          "[worker][speculative]") {
    const hub inner = a_hub();
    client beside(inner);
    const instance_id id("interrupted");
    const auto store = std::make_shared<speculation_counter>(inner.store(), manner::as_inner);
    registry known;
    known.add(interrupted, ask_and_listen).add(send_word, [&] {
        // Another thread could have the message's turn before the activity has ended.
        store->hold();
        beside.raise_event(id, "word", std::string("hello"));
    });
    const hub where(store, "speculative:");
    client c(where);
    worker w(where, known, quick());
    w.start();
    start_options named;
    named.id = id;

    c.start(interrupted, named);

    CHECK(c.wait<std::string>(id, 20s) == "hello");
    CHECK(store->sent() == 1);
    CHECK(store->taken() == 0);
}

constexpr orchestrator<void, int> guarded{"Guarded"};

orchestration<int> with_a_timer(context& ctx) {
    auto limit = ctx.create_timer(1h);
    auto value = co_await ctx.call(count_up, 1);
    ctx.cancel_timer(limit);
    co_return value;
}

TEST_CASE("beside an open timer no turn goes ahead", "[worker][speculative]") {
    registry known = a_registry();
    known.add(guarded, with_a_timer);
    workplace here(manner::as_inner, known);

    CHECK(here.c.wait<int>(here.c.start(guarded), 20s) == 2);

    CHECK(here.store->sent() == 0);
}

/// What the next turn does that is told the end of an activity.
std::function<void()> on_count;

constexpr orchestrator<int, int> busy_and_told{"BusyAndTold"};
constexpr orchestrator<void, void> sink{"Sink"};

/// A turn for an activity adds as many events to the history as one for a message.
orchestration<int> count_and_answer(context& ctx, int steps) {
    int seen = 0;
    int value = 0;
    auto told = ctx.wait_for_event<int>("tell");
    auto counted = ctx.call(count_up, value);
    while (seen < steps || value < steps) {
        auto first = co_await when_any(told, counted);
        if (first.is(told)) {
            co_await told;
            ctx.send_event(instance_id("sink"), "heard", seen++);
            told = ctx.wait_for_event<int>("tell");
        } else {
            value = co_await counted;
            if (const auto act = std::exchange(on_count, nullptr)) {
                act();
            }
            counted = ctx.call(count_up, value);
        }
    }
    co_return seen;
}

orchestration<void> swallow(context& ctx) {
    co_await ctx.wait_for_event<int>("never");
}

TEST_CASE("messages and activities that race lead to what a replay says", "[worker][speculative]") {
    constexpr int steps = 300;
    registry known = a_registry();
    known.add(busy_and_told, count_and_answer).add(sink, swallow);
    workplace here(manner::as_inner, known);
    start_options named;
    named.id = instance_id("sink");
    here.c.start(sink, named);
    const auto id = here.c.start(busy_and_told, steps);

    client beside(here.inner);
    for (int i = 0; i < steps; ++i) {
        beside.raise_event(id, "tell", i);
    }

    CHECK(here.c.wait<int>(id, 60s) == steps);
    CHECK(here.store->taken() > 0);
}

/// Takes two commits at once, and lets three turns of one instance meet: the second is committed
/// while a speculative turn is executed, its answer comes when that one is to be committed, and
/// that one's commit waits for the third.
class meeting final : public forwarding_backend {
  public:
    using forwarding_backend::forwarding_backend;

    capabilities abilities() const noexcept override {
        capabilities all = inner().abilities();
        all.commit_lanes = 2;
        return all;
    }
    commit_result commit(const commit_request& request) override {
        const auto first_turn = std::find_if(
            request.finished.begin(), request.finished.end(), [](const finished_work& item) {
                return item.turn.has_value();
            });
        if (first_turn == request.finished.end()) {
            return inner().commit(request);
        }
        if (first_turn->activity) {
            std::unique_lock guard(mutex_);
            has_speculative_come_ = true;
            changed_.notify_all();
            has_third_come = changed_.wait_for(guard, 10s, [&] { return turns_ >= 3; });
            guard.unlock();
            return inner().commit(request);
        }
        if (turns_ == 1) {
            before_second();
        }
        commit_result answer = inner().commit(request);
        std::unique_lock guard(mutex_);
        ++turns_;
        changed_.notify_all();
        if (turns_ == 2) {
            changed_.wait_for(guard, 10s, [&] { return has_speculative_come_; });
        }
        return answer;
    }
    /// Waits until so many turns with a lease are committed.
    bool wait_for(int turns) {
        std::unique_lock guard(mutex_);
        return changed_.wait_for(guard, 10s, [&] { return turns_ >= turns; });
    }

    std::function<void()> before_second;
    std::atomic<bool> has_third_come{false};

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool has_speculative_come_ = false;
    int turns_ = 0;
};

TEST_CASE("the frame of a speculative turn serves nobody before the turn is committed",
          "[worker][speculative]") {
    const hub inner = a_hub();
    const auto store = std::make_shared<meeting>(inner.store());
    const hub where(store, "meeting:");
    registry known = a_registry();
    known.add(busy_and_told, count_and_answer);
    client beside(inner);
    const instance_id id("told");
    bool has_second_come = false;
    store->before_second = [&] { beside.raise_event(id, "tell", 2); };
    on_count = [&] {
        beside.raise_event(id, "tell", 1);
        has_second_come = store->wait_for(2);
    };
    start_options named;
    named.id = id;
    client c(where);
    // A check of every turn would find that the history has changed.
    worker w(where, known);
    w.start();

    c.start(busy_and_told, 2, named);

    CHECK(c.wait<int>(id, 20s) == 2);
    CHECK(has_second_come);
    CHECK(store->has_third_come);
    std::vector<std::string> sent;
    for (const history_event& event : c.history(id)) {
        if (event.kind == event_kind::event_sent) {
            sent.push_back(event.data.bytes);
        }
    }
    CHECK(sent == std::vector<std::string>{"0", "1"});
}

TEST_CASE("work of others is found while one instance follows itself", "[worker][speculative]") {
    workplace here;
    const auto busy = here.c.start(chain, 3000);

    // From another process, so to say: the worker is told of nothing.
    client beside(here.inner);
    for (int i = 0; i < 20; ++i) {
        CHECK(beside.wait<int>(beside.start(chain, 2), 20s) == 2);
    }

    CHECK(here.c.get(busy)->status == orchestration_status::running);
    here.c.terminate(busy, "enough");
}

}  // namespace
}  // namespace perdure
