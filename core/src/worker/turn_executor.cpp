#include "worker/turn_executor.hpp"

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

log_event event_of(replay::remark::kind what) noexcept {
    switch (what) {
        case replay::remark::kind::drift:
            return log_event::input_drifted;
        case replay::remark::kind::large_turn:
            return log_event::turn_is_large;
        case replay::remark::kind::ignored:
            break;
    }
    return log_event::message_dropped;
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

}  // namespace

turn_executor::turn_executor(backend& store,
                             const registry& what,
                             const worker_options& options,
                             store_calls& calls,
                             const engine_log& log)
    : store_(store),
      registry_(what),
      options_(options),
      calls_(calls),
      log_(log),
      limits_(limits_of(options)),
      frames_(options.cached_frames_max, options.cached_bytes_max) {}

executed turn_executor::execute(const item_ptr& item) {
    const orchestration_work& work = item->turn();
    if (item->is_exhausted(options_.deliveries_max)) {
        return executed::parked(fmt::format(
            "delivered {} times without a committed turn; the limit is {} (deliveries_max)",
            item->delivery() - 1,
            options_.deliveries_max));
    }
    const auto* definition = registry_.find_orchestration(work.name, work.version);
    if (definition == nullptr) {
        return {executed::then::abandon,
                std::nullopt,
                fmt::format("the store handed out orchestration \"{}\" version \"{}\", which this "
                            "worker has not",
                            work.name,
                            work.version)};
    }
    log_begin(*item);
    try {
        return advance(item, *definition);
    } catch (const unknown_event_kind& problem) {
        return {executed::then::leave_to_newer, std::nullopt, problem.what()};
    } catch (const backend_error& trouble) {
        // What the store refuses stays refused; everything else has been repeated already.
        return executed::parked(std::string("the store cannot serve this turn: ") + trouble.what());
    } catch (const error& trouble) {
        return executed::parked(trouble.what());
    }
}

void turn_executor::log_begin(const leased_item& item) const {
    if (log_.is_on()) {
        const auto& work = std::get<orchestration_work>(item.work);
        log_.write(log_event::turn_started,
                   log_level::debug,
                   work.instance.text(),
                   "a turn begins",
                   {{"name", work.name},
                    {"messages", std::to_string(work.inbox.size())},
                    {"history_length", std::to_string(work.history_length)},
                    {"delivery", std::to_string(item.delivery())}});
    }
}

executed turn_executor::advance(const item_ptr& item, const orchestration_definition& definition) {
    const orchestration_work& work = item->turn();
    auto frame = frames_.take(work.instance, position_of(work));
    const bool is_live = frame != nullptr;
    if (!is_live) {
        frame = std::make_unique<replay::live_instance>(
            work.instance, work.execution, definition, limits_);
        if (auto instead = rebuild(*item, *frame)) {
            return std::move(*instead);
        }
        ++totals.rebuilds;
    }
    return advance_frame(item, definition, std::move(frame), is_live);
}

executed turn_executor::advance_frame(const item_ptr& item,
                                      const orchestration_definition& definition,
                                      frame_cache::frame frame,
                                      bool is_live) {
    const orchestration_work& work = item->turn();
    const timestamp now = store_now(*item);
    const replay::turn_result result = frame->advance(now, work.inbox);
    write_lines(work, result);
    if (result.fault) {
        item->frame = std::move(frame);
        if (result.fault->what == replay::turn_fault::kind::unimplemented) {
            return {executed::then::leave_to_newer, std::nullopt, result.fault->report};
        }
        return executed::parked(result.fault->report);
    }
    if (is_live && (options_.verify_replay || is_debug_build)) {
        if (auto instead = verify(*item, definition, now, result)) {
            item->frame = std::move(frame);
            return std::move(*instead);
        }
    }
    if (result.recursive) {
        if (auto instead = terminate_children(*item, result)) {
            return std::move(*instead);
        }
    }
    execution_id next{};
    if (result.end == replay::turn_end::continued) {
        next = execution_id{random_uuid()};
    }
    checkpoint made = replay::build_checkpoint(work, result, next);
    if (const std::size_t bytes = replay::stored_bytes(made); bytes > limits_.bytes_max) {
        item->frame = std::move(frame);
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
    if (result.end == replay::turn_end::open || result.end == replay::turn_end::suspended) {
        item->frame = std::move(frame);
    }
    warn_of_length(work, result.events.size());
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
    const orchestration_definition& definition = frame->definition();
    orchestration_work work{.instance = done.instance,
                            .execution = done.execution,
                            .held = done.held,
                            .name = definition.name,
                            .version = definition.version,
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
    log_begin(*turn);
    try {
        executed result = advance_frame(turn, definition, std::move(frame), true);
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

std::optional<executed> turn_executor::rebuild(const leased_item& item,
                                               replay::live_instance& frame) {
    const auto& work = std::get<orchestration_work>(item.work);
    std::vector<history_event> events;
    for (const history_chunk& chunk : work.history) {
        decode_chunk(chunk, events);
    }
    // Page by page, because the frame keeps what it needs, and all of it twice may be too much.
    for (std::uint64_t known = events.size();; known += events.size()) {
        const bool is_all = known >= work.history_length;
        frame.rebuild(events,
                      is_all ? replay::history_ends::after_a_turn : replay::history_ends::anywhere);
        if (is_all) {
            return std::nullopt;
        }
        events.clear();
        if (auto instead = read_page(item, known, events)) {
            return instead;
        }
    }
}

std::optional<executed> turn_executor::read_page(const leased_item& item,
                                                 std::uint64_t from,
                                                 std::vector<history_event>& events) {
    const auto& work = std::get<orchestration_work>(item.work);
    std::optional<history_page> page;
    const bool is_answered =
        calls_.repeat([&] { page = store_.read_history(work.instance, from, batch_bytes_max); },
                      [&] { return item.lease_end.load() > steady::now(); });
    if (!is_answered || !page || page->execution != work.execution ||
        page->history_version != work.history_version ||
        page->last_committed != work.last_committed) {
        // Whoever changed the history under the lease has taken the lease away.
        return executed{executed::then::drop, std::nullopt, "the lease is lost or over"};
    }
    for (const history_chunk& chunk : page->chunks) {
        const std::uint64_t next = from + events.size();
        if (chunk.first > next) {
            break;
        }
        if (chunk.first + chunk.count > next) {
            const std::size_t known = next - chunk.first;
            std::vector<history_event> decoded;
            decode_chunk(chunk, decoded);
            events.insert(
                events.end(),
                std::make_move_iterator(decoded.begin() + static_cast<std::ptrdiff_t>(known)),
                std::make_move_iterator(decoded.end()));
        }
    }
    if (events.empty()) {
        return executed::parked(
            fmt::format("the history ends after {} events, but {} are said to be there",
                        from,
                        work.history_length));
    }
    return std::nullopt;
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
    return executed{executed::then::drop, std::nullopt, "the lease is lost or over"};
}

std::optional<executed> turn_executor::verify(const leased_item& item,
                                              const orchestration_definition& definition,
                                              timestamp now,
                                              const replay::turn_result& live) {
    const auto& work = std::get<orchestration_work>(item.work);
    replay::live_instance fresh(work.instance, work.execution, definition, limits_);
    if (auto instead = rebuild(item, fresh)) {
        return instead;
    }
    const auto replayed = fresh.advance(now, work.inbox);
    if (!replayed.fault && replayed.end == live.end && replayed.events == live.events) {
        return std::nullopt;
    }
    return executed::parked(
        "the live frame and a replay of the history differ: the orchestration "
        "depends on something outside of its history; " +
        describe_difference(live, replayed));
}

void turn_executor::write_lines(const orchestration_work& work, const replay::turn_result& result) {
    if (!log_.is_on()) {
        return;
    }
    for (const auto& line : result.author_log) {
        log_.write(log_event::author_message,
                   line.level,
                   work.instance.text(),
                   line.text,
                   {{"name", work.name}});
    }
    const auto is_drift = [](const replay::remark& each) {
        return each.what == replay::remark::kind::drift;
    };
    const bool is_drift_news =
        std::ranges::any_of(result.remarks, is_drift) && drifts_.is_news(work.execution);
    for (const replay::remark& each : result.remarks) {
        if (is_drift_news || !is_drift(each)) {
            log_.write(event_of(each.what),
                       log_level::warning,
                       work.instance.text(),
                       each.text,
                       {{"name", work.name}});
        }
    }
}

bool reported_drifts::is_news(const execution_id& execution) {
    constexpr std::size_t kept_max = 10'000;
    const std::lock_guard guard(mutex_);
    if (!known_.insert(execution).second) {
        return false;
    }
    order_.push_back(execution);
    if (order_.size() > kept_max) {
        known_.erase(order_.front());
        order_.pop_front();
    }
    return true;
}

void turn_executor::warn_of_length(const orchestration_work& work, std::size_t added) const {
    const std::uint64_t length = work.history_length + added;
    if (log_.is_on() && work.history_length < options_.history_warning &&
        length >= options_.history_warning) {
        log_.write(log_event::history_is_long,
                   log_level::warning,
                   work.instance.text(),
                   fmt::format("the history has {} events; continue-as-new keeps it short", length),
                   {{"name", work.name}, {"history_length", std::to_string(length)}});
    }
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
