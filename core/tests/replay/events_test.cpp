#define CATCH_CONFIG_FAST_COMPILE
#include "replay/live_instance.hpp"

#include <perdure/codec_cereal.hpp>
#include <perdure/context.hpp>
#include <perdure/history_codec.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

// External events against a small model: orchestrations that wait at random, give up, race, take
// back and continue as new read every event once and in order, with live frames and with replays.

namespace perdure::test {
namespace {

using namespace replay;
using namespace std::chrono_literals;

using wait_handle = task_handle<std::optional<int>>;

inline constexpr activity<int, int> pause_activity{"Pause"};

struct named_wait {
    std::string name;
    wait_handle handle;
};

/// What the code awaits now, for the model: how many events of which name would let it go on, each
/// of them alone or only all of them.
struct awaited {
    std::map<std::string, std::size_t> events;
    bool all = false;
};
awaited now_awaited;  // NOLINT: the orchestration has no other way to say it without a decision.

std::vector<wait_handle> handles_of(const std::vector<named_wait>& waits) {
    std::vector<wait_handle> handles;
    for (const auto& wait : waits) {
        handles.push_back(wait.handle);
    }
    return handles;
}

void expect(const std::vector<named_wait>& waits, bool all) {
    now_awaited = {{}, all};
    for (const auto& wait : waits) {
        ++now_awaited.events[wait.name];
    }
}

void forget(std::vector<named_wait>& waits, const named_wait& gone) {
    std::erase_if(
        waits, [&](const named_wait& wait) { return &wait.handle.slot() == &gone.handle.slot(); });
}

/// Says what it has read by sending it.
void report(context& ctx, const std::string& name, const std::optional<int>& value) {
    if (value) {
        ctx.send_event(instance_id("model"), name, *value);
    }
}

orchestration<int> read_at_random(context& ctx, int seed) {
    std::minstd_rand dice(static_cast<unsigned>(seed) * 7919U + 1U);
    std::vector<named_wait> waits;
    for (int step = 0; step < 14; ++step) {
        const std::string name = dice() % 2 == 0 ? "a" : "b";
        const auto act = dice() % 10;
        std::vector<named_wait> some;
        std::sample(waits.begin(), waits.end(), std::back_inserter(some), 1 + dice() % 3, dice);
        if (waits.empty() || act < 2) {
            waits.push_back({name, ctx.wait_for_event<std::optional<int>>(name)});
        } else if (act == 2) {
            const auto patience = std::chrono::seconds(1 + dice() % 3);
            waits.push_back({name, ctx.wait_for_event<int>(name, patience)});
        } else if (act == 3) {
            const named_wait one = waits[dice() % waits.size()];
            expect({one}, false);
            const auto value = co_await one.handle;
            report(ctx, one.name, value);
            const auto again = co_await one.handle;
            CHECK(again == value);
            forget(waits, one);
        } else if (act < 6) {
            expect(some, false);
            const auto first = co_await when_any(handles_of(some));
            const named_wait winner = some[first.index()];
            if (dice() % 4 == 0) {
                ctx.cancel_losers(first);
                for (const auto& wait : some) {
                    forget(waits, wait);
                }
            }
            if (dice() % 2 == 0) {
                const auto value = co_await winner.handle;
                report(ctx, winner.name, value);
                forget(waits, winner);
            }
        } else if (act == 6) {
            std::vector<named_wait> both{{"a", ctx.wait_for_event<std::optional<int>>("a")},
                                         {name, ctx.wait_for_event<std::optional<int>>(name)}};
            expect(both, true);
            const auto values = co_await when_all(handles_of(both));
            report(ctx, both[0].name, values[0]);
            report(ctx, both[1].name, values[1]);
        } else if (act == 7) {
            const named_wait one = waits[dice() % waits.size()];
            ctx.cancel(one.handle);
            forget(waits, one);
        } else {
            now_awaited = {};
            const int paused = co_await ctx.call(pause_activity, step);
            static_cast<void>(paused);
        }
    }
    ctx.continue_as_new(seed + 1);
    co_return 0;
}

/// Plays one orchestration, knows what it was sent, and checks every turn.
class model {
  public:
    model(const orchestration_definition& definition, int seed)
        : definition_(definition), dice_(static_cast<unsigned>(seed) + 1U) {
        history_event start;
        start.kind = event_kind::execution_started;
        start.data = codec<int>::encode(seed);
        begin({start});
    }

    void turn() {
        now_ += 100ms;
        const auto inbox = messages();
        const auto result = run_turn(definition_, history_, inbox, now_, {});
        check_same(result, live_->advance(now_, inbox));
        check_same(result, rebuilt_in_parts(inbox));
        REQUIRE(!result.fault);
        history_.insert(history_.end(), result.events.begin(), result.events.end());
        for (const decision& made : result.decisions) {
            take_in(made);
        }
        if (result.end == turn_end::continued) {
            check_unread(result.kept_events);
            std::vector<history_event> next{result.next_start};
            next.insert(next.end(), result.kept_events.begin(), result.kept_events.end());
            begin(std::move(next));
        } else {
            REQUIRE(result.end == turn_end::open);
            check_waiting();
        }
    }
    [[nodiscard]] std::size_t events_read() { return read_["a"] + read_["b"]; }

  private:
    void begin(std::vector<history_event> history) {
        history_ = std::move(history);
        history_.front().execution = {{1, ++executions_}};
        open_.clear();
        live_ = std::make_unique<live_instance>(
            instance_id("replay"), history_.front().execution, definition_, turn_limits{});
        live_->rebuild(history_, history_ends::after_a_turn);
    }

    std::vector<inbox_message> messages() {
        std::vector<inbox_message> inbox;
        for (auto n = dice_() % 4; n > 0; --n) {
            history_event event;
            inbox_message message{inbox.size() + 1, {}, {}, {}};
            if (!open_.empty() && dice_() % 2 == 0) {
                const auto chosen =
                    std::next(open_.begin(), static_cast<std::ptrdiff_t>(dice_() % open_.size()));
                message.task = chosen->first;
                message.visible_at = chosen->second.fire_at;
                event.kind = chosen->second.kind == event_kind::timer_created
                                 ? event_kind::timer_fired
                                 : event_kind::task_completed;
                event.data = codec<int>::encode(0);
                open_.erase(chosen);
            } else {
                event.kind = event_kind::event_raised;
                event.name.assign(1, dice_() % 2 == 0 ? 'a' : 'b');
                event.data = codec<int>::encode(static_cast<int>(++sent_[event.name]));
                arrivals_.emplace_back(event.name, sent_[event.name]);
            }
            message.event = encode_event(event);
            inbox.push_back(std::move(message));
        }
        return inbox;
    }

    /// The answer of a frame that got the history in two parts, cut anywhere.
    turn_result rebuilt_in_parts(const std::vector<inbox_message>& inbox) {
        const auto cut = static_cast<std::ptrdiff_t>(dice_() % (history_.size() + 1));
        const std::span all(history_);
        live_instance frame(
            instance_id("replay"), history_.front().execution, definition_, turn_limits{});
        frame.rebuild(all.first(static_cast<std::size_t>(cut)), history_ends::anywhere);
        frame.rebuild(all.subspan(static_cast<std::size_t>(cut)), history_ends::after_a_turn);
        return frame.advance(now_, inbox);
    }

    static void check_same(const turn_result& expected, const turn_result& found) {
        if (found.fault) {
            FAIL(found.fault->report);
        }
        CHECK(found.end == expected.end);
        CHECK(found.events == expected.events);
        CHECK(found.kept_events == expected.kept_events);
    }

    void take_in(const decision& made) {
        switch (made.event.kind) {
            case event_kind::event_sent:
                CHECK(codec<std::size_t>::decode(made.event.data) == ++read_[made.event.name]);
                break;
            case event_kind::timer_created:
            case event_kind::task_scheduled:
                open_[made.event.task] = made.event;
                break;
            case event_kind::task_cancelled:
                open_.erase(made.event.task);
                break;
            default:
                break;
        }
    }

    void check_unread(const std::vector<history_event>& kept) {
        std::vector<std::pair<std::string, std::size_t>> expected;
        std::copy_if(
            arrivals_.begin(), arrivals_.end(), std::back_inserter(expected), [&](const auto& one) {
                return one.second > read_[one.first];
            });
        std::vector<std::pair<std::string, std::size_t>> found;
        for (const auto& event : kept) {
            found.emplace_back(event.name, codec<std::size_t>::decode(event.data));
        }
        CHECK(found == expected);
    }

    /// The code must not wait while what it waits for is there.
    void check_waiting() {
        const auto is_there = [&](const auto& wanted) {
            return sent_[wanted.first] - read_[wanted.first] >= wanted.second;
        };
        const auto& wanted = now_awaited.events;
        if (now_awaited.all) {
            CHECK(!std::all_of(wanted.begin(), wanted.end(), is_there));
        } else {
            for (const auto& [name, count] : wanted) {
                CHECK(sent_[name] == read_[name]);
            }
        }
    }

    const orchestration_definition& definition_;
    std::minstd_rand dice_;
    timestamp now_{};
    std::uint64_t executions_ = 0;
    std::vector<history_event> history_;
    std::unique_ptr<live_instance> live_;
    std::map<task_id, history_event> open_;
    std::map<std::string, std::size_t> sent_;
    std::map<std::string, std::size_t> read_;
    std::vector<std::pair<std::string, std::size_t>> arrivals_;
};

TEST_CASE("whatever waits do, every event is read once and in order", "[replay][events]") {
    registry known;
    known.add(orchestrator<int, int>("reader"), read_at_random);
    const auto* definition = known.find_orchestration("reader", "");
    REQUIRE(definition != nullptr);
    std::size_t read = 0;

    for (int seed = 0; seed < 300; ++seed) {
        INFO("seed " << seed);
        model one(*definition, seed * 1000);
        for (int turn = 0; turn < 60; ++turn) {
            one.turn();
        }
        read += one.events_read();
    }

    CHECK(read > 3000);
}

}  // namespace
}  // namespace perdure::test
