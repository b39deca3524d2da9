#include "image_batches.hpp"
#include "records.hpp"
#include "work.hpp"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

// What _ReadImages answers.

namespace perdure::postgres {

namespace {

// The attributes of image_state, in their order.
struct state_column {
    enum : std::size_t {
        created_as,
        history_version,
        last_committed,
        last_committer,
        needs_turn,
        not_before,
        // The first one of the lease, which has as many as that of an activity.
        token
    };
};

/// The attributes of a lease, from one on; `at` finds the attribute.
template <class At>
stored_lease read_lease(std::size_t first, const At& at) {
    const lease_token token = read_token(at(first));
    return {.token = token ? std::optional(token.value) : std::nullopt,
            .until = at(first + 1).time_or_null(),
            .holder = at(first + 2).text_or_null(),
            .ready_at = at(first + 3).time_or_null(),
            .suspect = at(first + 4).flag(),
            .leased_alone = at(first + 5).flag(),
            .deliveries = static_cast<std::uint32_t>(at(first + 6).number())};
}

void read_state(const field& source, instance_image& to) {
    const record_reader state(source);
    to.created_as = {state.at(state_column::created_as).id()};
    to.history_version = static_cast<std::uint64_t>(state.at(state_column::history_version).number());
    to.last_committed = read_token(state.at(state_column::last_committed));
    to.last_committer = {
        std::string(state.at(state_column::last_committer).text_or_null().value_or(""))};
    to.needs_turn = state.at(state_column::needs_turn).flag();
    // An image knows no earlier time.
    to.not_before = std::max(state.at(state_column::not_before).time(), timestamp{});
    to.held = image_of(read_lease(
        state_column::token, [&](std::size_t n) -> const field& { return state.at(n); }));
}

void read_chunks(const field& source, std::vector<history_chunk>& to) {
    const record_reader batch(source);
    const array_reader firsts = batch.list(1);
    const array_reader counts = batch.list(2);
    const array_reader events = batch.list(3);
    to.reserve(firsts.size());
    for (std::size_t n = 0; n < common_size(firsts, counts, events); ++n) {
        to.push_back({static_cast<std::uint64_t>(firsts.number(n)),
                      static_cast<std::uint32_t>(counts.number(n)),
                      events.string(n)});
    }
}

void read_inbox(const field& source, std::vector<message_image>& to) {
    const record_reader batch(source);
    const array_reader sequences = batch.list(1);
    const array_reader dues = batch.list(2);
    const array_reader times = batch.list(3);
    const array_reader tasks = batch.list(4);
    const array_reader for_execution = batch.list(5);
    const array_reader timers = batch.list(6);
    const array_reader completed_by = batch.list(7);
    const array_reader events = batch.list(8);
    const std::size_t size = common_size(
        sequences, dues, times, tasks, for_execution, timers, completed_by, events);
    to.reserve(size);
    for (std::size_t n = 0; n < size; ++n) {
        to.push_back({.message = {static_cast<std::uint64_t>(sequences.number(n)),
                                  times.time(n),
                                  {static_cast<std::uint64_t>(tasks.number(n))},
                                  events.string(n)},
                      .due = dues.time(n),
                      .for_execution = for_execution.flag(n),
                      .is_timer = timers.flag(n),
                      .completed_by = read_token(completed_by.at(n))});
    }
}

void read_accepted(const field& source, std::vector<accepted_message>& to) {
    const record_reader batch(source);
    const array_reader ids = batch.list(1);
    const array_reader times = batch.list(2);
    to.reserve(ids.size());
    for (std::size_t n = 0; n < common_size(ids, times); ++n) {
        to.push_back({ids.string(n), times.time(n)});
    }
}

// The attributes of image_task_batch, in their order.
struct task_column {
    enum : std::size_t {
        task = 1,
        execution,
        token = 4,
        version = 11,
        input_codec,
        input,
        details,
        name,
        queue,
        priority
    };
};

void read_activities(const field& source, std::vector<activity_image>& to) {
    const record_reader batch(source);
    std::vector<array_reader> c;
    for (std::size_t n = 0; n < batch.size(); ++n) {
        c.push_back(batch.list(n));
    }
    const std::size_t size = c.at(task_column::task).size();
    to.reserve(size);
    for (std::size_t n = 0; n < size; ++n) {
        const auto at = [&](std::size_t column) -> const field& { return c.at(column).at(n); };
        to.push_back(
            {.scheduled = {.task = {static_cast<std::uint64_t>(at(task_column::task).number())},
                           .name = at(task_column::name).string(),
                           .version = at(task_column::version).string(),
                           .queue = at(task_column::queue).string(),
                           .priority = static_cast<std::int32_t>(at(task_column::priority).number()),
                           .input = read_payload(at(task_column::input_codec), at(task_column::input)),
                           .details = at(task_column::details).string()},
             .execution = {at(task_column::execution).id()},
             .held = image_of(read_lease(task_column::token, at))});
    }
    // The server has no unsigned numbers, and so another order.
    std::sort(to.begin(), to.end(), [](const activity_image& a, const activity_image& b) {
        return std::tie(a.execution, a.scheduled.task) < std::tie(b.execution, b.scheduled.task);
    });
}

}  // namespace

std::optional<instance_image> read_image(const image_columns& row) {
    std::optional<instance_record> record = read_record(row.record);
    if (!record) {
        return std::nullopt;
    }
    instance_image image{.record = std::move(*record)};
    read_state(row.state, image);
    read_chunks(row.chunks, image.history);
    read_inbox(row.inbox, image.inbox);
    read_accepted(row.accepted, image.accepted);
    read_activities(row.tasks, image.activities);
    return image;
}

}  // namespace perdure::postgres
