#include "definitions.hpp"
#include "replay/live_instance.hpp"
#include "workloads.hpp"

#include <perdure/history_codec.hpp>

// The one place outside of core that looks into the replay core, to measure it without a store.

namespace perdure::tool {
namespace {

constexpr std::size_t bytes_in_page = std::size_t{8} << 20U;
constexpr double seconds_each = 2.5;

std::vector<history_event> read_events(backend& store, const instance_id& id) {
    std::vector<history_event> events;
    std::uint64_t length = 1;
    while (events.size() < length) {
        const auto page = store.read_history(id, events.size(), bytes_in_page);
        if (!page || page->chunks.empty()) {
            throw error("bench: the history of " + id.text() + " is gone or ends too early");
        }
        length = page->history_length;
        for (const auto& chunk : page->chunks) {
            decode_chunk(chunk, events);
        }
    }
    return events;
}

// Everything before the last turn: what a worker rebuilds a frame from that goes on afterwards.
std::size_t before_last_turn(const std::vector<history_event>& events) {
    for (std::size_t n = events.size(); n > 1; --n) {
        if (events[n - 1].kind == event_kind::turn_started) {
            return n - 1;
        }
    }
    throw error("bench: a history without a turn");
}

class rebuilding {
  public:
    rebuilding(instance_id id, execution_id execution)
        : id_(std::move(id)), execution_(execution), definitions_(bench_definitions()) {}

    void rebuild(std::span<const history_event> history) {
        replay::live_instance frame(
            id_, execution_, *definitions_.find_orchestration(in_sequence.name, {}), {});
        frame.rebuild(history, replay::history_ends::after_a_turn);
        if (frame.history_length() != history.size()) {
            throw error("bench: the history was not replayed to its end");
        }
    }

    // A rebuild that went wrong shows at the next turn only.
    void check(std::span<const history_event> history) {
        replay::live_instance frame(
            id_, execution_, *definitions_.find_orchestration(in_sequence.name, {}), {});
        frame.rebuild(history, replay::history_ends::after_a_turn);
        const auto result = frame.advance(history.back().at, {});
        if (result.fault) {
            throw error("bench: the replay failed: " + result.fault->report);
        }
    }

  private:
    instance_id id_;
    execution_id execution_;
    registry definitions_;
};

template <class Once>
double per_second(std::size_t events, const Once& once) {
    const stopwatch time;
    std::size_t rounds = 0;
    while (time.seconds() < seconds_each) {
        once();
        ++rounds;
    }
    return static_cast<double>(rounds * events) / time.seconds();
}

}  // namespace

measurement measure_replay(laboratory& lab) {
    const auto count = lab.count_or(2000);
    const std::vector<std::uint32_t> inputs = {static_cast<std::uint32_t>(count)};
    lab.begin_work();
    const auto ids = lab.start_all(in_sequence, inputs);
    const auto ended = lab.wait_for_all(ids, count);

    auto& store = lab.where().store();
    auto events = read_events(store, ids[0]);
    const auto length = before_last_turn(events);
    events.resize(length);
    rebuilding frames(ids[0], ended.at(0).execution);
    frames.check(events);

    const stopwatch time;
    const double from_storage = per_second(length, [&] {
        auto read = read_events(store, ids[0]);
        read.resize(length);
        frames.rebuild(read);
    });
    const double decoded = per_second(length, [&] { frames.rebuild(events); });

    auto result = lab.measured(count, time.seconds());
    result.events_per_second = from_storage;
    result.extra.emplace_back("history_events", static_cast<double>(length));
    result.extra.emplace_back("events_per_second_from_storage", from_storage);
    result.extra.emplace_back("events_per_second_decoded", decoded);
    return result;
}

}  // namespace perdure::tool
