#include "worker/turn_executor.hpp"

#include "nouns/invariant.hpp"
#include "replay/checkpoint_builder.hpp"
#include "terminations.hpp"

#include <perdure/history_codec.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace perdure::dispatch {

namespace {

#ifdef NDEBUG
constexpr bool is_debug_build = false;
#else
constexpr bool is_debug_build = true;
#endif

replay::turn_limits limits_of(const worker_options& options) {
    replay::turn_limits limits;
    limits.decisions_max = options.turn_decisions_max;
    limits.bytes_max = options.turn_bytes_max;
    limits.payload_bytes_max = options.payload_bytes_max;
    limits.log_replay = options.log_replay;
    return limits;
}

frame_position position_of(const orchestration_work& work) {
    return {work.execution, work.history_version, work.last_committed, work.history_length};
}

/// The store's time now: as last heard, plus what has passed here since. No wall clock.
timestamp store_now(const leased_item& item) {
    const auto since = steady::now() - item.heard_at;
    return saturating_add(item.store_time, std::chrono::duration_cast<duration>(since));
}

std::string describe_difference(const replay::turn_result& live,
                                const replay::turn_result& replayed) {
    if (replayed.fault) {
        return "the replay ends with: " + replayed.fault->report;
    }
    const std::size_t common = std::min(live.events.size(), replayed.events.size());
    std::size_t first = 0;
    while (first < common && live.events[first] == replayed.events[first]) {
        ++first;
    }
    const auto text = [first](const replay::turn_result& result) {
        return first < result.events.size() ? encode_event(result.events[first])
                                            : std::string("nothing");
    };
    return fmt::format("event {} of the turn is {} in the live frame and {} in the replay",
                       first,
                       text(live),
                       text(replayed));
}

/// Whatever the author's function throws is the step's failure.
replay::ended_step call(const replay::wanted_step& step) {
    try {
        return {step.task, step.function()};
    } catch (...) {
        return {step.task, detail::describe_activity_exception(std::current_exception())};
    }
}

/// Lets a part of a turn's execution say what is to be done with the item when it cannot end.
template <class Part>
executed or_set_aside(Part&& part) {
    try {
        return part();
    } catch (const unknown_event_kind& problem) {
        return {executed::then::leave_to_newer, std::nullopt, problem.what()};
    } catch (const backend_error& trouble) {
        // What the store refuses stays refused; everything else has been repeated already.
        return executed::parked(std::string("the store cannot serve this turn: ") + trouble.what());
    } catch (const error& trouble) {
        return executed::parked(trouble.what());
    }
}

}  // namespace

turn_executor::turn_executor(backend& store,
                             const served_work& what,
                             const worker_options& options,
                             store_calls& calls,
                             const engine_log& log)
    : store_(store),
      served_(what),
      options_(options),
      calls_(calls),
      limits_(limits_of(options)),
      histories_(store, calls),
      reports_(options, log),
      frames_(options.cached_frames_max, options.cached_bytes_max) {}

executed turn_executor::execute(const item_ptr& item) {
    if (item->is_exhausted(options_.deliveries_max)) {
        return executed::parked(fmt::format(
            "delivered {} times without a committed turn; the limit is {} (deliveries_max)",
            item->delivery() - 1,
            options_.deliveries_max));
    }
    reports_.begins(*item);
    return or_set_aside([&] { return begin(item); });
}

executed turn_executor::resume(const item_ptr& item) {
    return or_set_aside([&] {
        auto machine = std::move(item->frame);
        auto stands = machine->resume(std::nullopt);
        return go_on(item, {std::move(machine)}, std::move(stands));
    });
}

executed turn_executor::begin(const item_ptr& item) {
    const orchestration_work& work = item->turn();
    const timestamp now = store_now(*item);
    if (auto live = frames_.take(work.instance, position_of(work))) {
        auto stands = live->begin(now, work.inbox);
        // One whose executor went away between two turns has nothing that a fresh one lacks.
        if (stands.what != replay::turn_state::kind::lost) {
            return go_on(item, {std::move(live), now, comparison::if_wanted}, std::move(stands));
        }
    }
    return begin_afresh(item);
}

executed turn_executor::begin_afresh(const item_ptr& item) {
    const orchestration_work& work = item->turn();
    auto machine = served_.make(work, limits_);
    if (!machine) {
        return {served_.can_change() ? executed::then::give_back : executed::then::abandon,
                std::nullopt,
                fmt::format("the store handed out orchestration \"{}\" version \"{}\", which this "
                            "worker has not",
                            work.name,
                            work.version)};
    }
    if (auto instead = histories_.rebuild(*item, *machine)) {
        return std::move(*instead);
    }
    ++totals.rebuilds;
    auto stands = machine->begin(store_now(*item), work.inbox);
    return go_on(item, {std::move(machine)}, std::move(stands));
}

executed turn_executor::go_on(const item_ptr& item, begun_turn turn, replay::turn_state stands) {
    using kind = replay::turn_state::kind;
    while (stands.what == kind::wants_step) {
        // What the steps of a turn have answered is in no history yet.
        turn.check = comparison::none;
        stands = turn.machine->resume(call(*stands.step));
    }
    switch (stands.what) {
        case kind::waits_elsewhere:
            item->frame = std::move(turn.machine);
            return {executed::then::wait, std::nullopt, {}};
        case kind::lost:
            return {executed::then::give_back, std::nullopt, std::move(stands.reason)};
        case kind::wants_step:
        case kind::ended:
            break;
    }
    return finish(item, std::move(turn));
}

executed turn_executor::finish(const item_ptr& item, begun_turn turn) {
    const orchestration_work& work = item->turn();
    const bool ends_late = turn.machine->ends_late();
    const replay::turn_result result = turn.machine->collect();
    reports_.write_lines(work, result);
    item->frame = std::move(turn.machine);
    if (result.fault) {
        if (result.fault->what == replay::turn_fault::kind::unimplemented) {
            return {executed::then::leave_to_newer, std::nullopt, result.fault->report};
        }
        return executed::parked(result.fault->report);
    }
    if (turn.check == comparison::if_wanted && !ends_late &&
        (options_.verify_replay || is_debug_build)) {
        if (auto instead = verify(*item, turn.now, result)) {
            return std::move(*instead);
        }
    }
    if (result.recursive) {
        if (auto instead = terminate_children(*item, result)) {
            return std::move(*instead);
        }
    }
    return commit_of(item, result);
}

executed turn_executor::commit_of(const item_ptr& item, const replay::turn_result& result) {
    const orchestration_work& work = item->turn();
    execution_id next{};
    if (result.end == replay::turn_end::continued) {
        next = execution_id{random_uuid()};
    }
    checkpoint made = replay::build_checkpoint(work, result, next);
    if (const std::size_t bytes = replay::stored_bytes(made); bytes > limits_.bytes_max) {
        return executed::parked(fmt::format(
            "the turn has {} bytes to store; {} are allowed (turn_bytes_max); spread its work over "
            "several turns",
            bytes,
            limits_.bytes_max));
    }
    finished_item finished{{.instance = work.instance,
                            .execution = work.execution,
                            .held = work.held,
                            .turn = std::move(made)},
                           item,
                           result.bytes + 512};
    item->end = result.end;
    item->events = result.events.size();
    if (result.end != replay::turn_end::open && result.end != replay::turn_end::suspended) {
        item->frame.reset();
    }
    reports_.warn_of_length(work, result.events.size());
    return {executed::then::commit, std::move(finished), {}};
}

void turn_executor::execute_speculatively(finished_item& ended) {
    const leased_item& item = *ended.item;
    finished_work& done = ended.what;
    auto found = frames_.take_awaiting(done.instance, done.execution, done.activity->task);
    if (!found) {
        return;
    }
    auto& [position, frame] = *found;
    orchestration_work work{.instance = done.instance,
                            .execution = done.execution,
                            .held = done.held,
                            .name = frame->name(),
                            .version = frame->version(),
                            .status = orchestration_status::running,
                            .history_version = position.history_version,
                            .last_committed = position.last_committed,
                            .history_length = position.history_length,
                            .inbox = {{.visible_at = store_now(item),
                                       .task = done.activity->task,
                                       .event = done.activity->event}}};
    const auto turn = std::make_shared<leased_item>(std::move(work));
    turn->heard_at = item.heard_at;
    turn->store_time = item.store_time;
    turn->lease_end = item.lease_end.load();
    reports_.begins(*turn);
    try {
        const timestamp now = store_now(*turn);
        const auto stands = frame->begin(now, turn->turn().inbox);
        if (stands.what != replay::turn_state::kind::ended) {
            // Without a lease nothing is called that has effects.
            return;
        }
        executed result = finish(turn, {std::move(frame), now, comparison::if_wanted});
        if (result.what == executed::then::park) {
            // Only who has the lease can park it.
            turn->frame->condemn(result.reason);
            frames_.put(done.instance, position, std::move(turn->frame));
        }
        if (result.what != executed::then::commit) {
            return;
        }
        done.turn = std::move(result.finished->what.turn);
        done.turn->consumed.clear();
        ended.bytes += result.finished->bytes;
        ended.item->speculative = turn;
    } catch (...) {
        // The activity has ended, whatever becomes of the turn: that comes again under a lease.
        return;
    }
}

std::optional<executed> turn_executor::terminate_children(const leased_item& item,
                                                          const replay::turn_result& result) {
    const bool are_all_told = calls::terminate_descendants(
        store_,
        item.instance(),
        codec<std::string>::decode(result.output),
        calls::descendants::next,
        [&](const std::function<void()>& call) {
            return calls_.repeat(call, [&] { return item.lease_end.load() > steady::now(); });
        });
    if (are_all_told) {
        return std::nullopt;
    }
    return executed::dropped();
}

std::optional<executed> turn_executor::verify(const leased_item& item,
                                              timestamp now,
                                              const replay::turn_result& live) {
    const auto& work = std::get<orchestration_work>(item.work);
    const auto fresh = served_.make(work, limits_);
    if (!fresh) {
        return std::nullopt;
    }
    if (auto instead = histories_.rebuild(item, *fresh)) {
        return instead;
    }
    const auto stands = fresh->begin(now, work.inbox);
    require(stands.what == replay::turn_state::kind::ended,
            "a replay waits where the live frame did not");
    const auto replayed = fresh->collect();
    if (!replayed.fault && replayed.end == live.end && replayed.events == live.events) {
        return std::nullopt;
    }
    return executed::parked(
        "the live frame and a replay of the history differ: the orchestration "
        "depends on something outside of its history; " +
        describe_difference(live, replayed));
}

void turn_executor::keep_frame(const item_ptr& item) {
    if (!item->frame) {
        return;
    }
    const orchestration_work& work = item->turn();
    // [COMMIT-9] says by how much a checkpoint raises the version.
    const frame_position position{
        work.execution, work.history_version + 1, work.held.token, item->frame->history_length()};
    frames_.put(work.instance, position, std::move(item->frame));
}

void turn_executor::drop_frame(const item_ptr& item) {
    item->frame.reset();
    frames_.drop(item->instance());
}

}  // namespace perdure::dispatch
