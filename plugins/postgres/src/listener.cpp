#include "listener.hpp"

#include "listener_line.hpp"

#include <perdure/failure.hpp>
#include <perdure/ids.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace perdure::postgres {

namespace {

using namespace std::chrono_literals;
using steady = notifier::steady;

/// So often news are told in vain before they are dropped.
constexpr int attempts_max = 2;

/// So much to tell at once shows that the system is busy, and that to tell it in larger pieces
/// harms nobody.
constexpr std::size_t crowd = 4;

// Instance ids have no control characters, so that lines keep them apart.

std::string lines_of(std::span<const instance_id> ids) {
    std::string text;
    for (const instance_id& id : ids) {
        if (!text.empty()) {
            text += '\n';
        }
        text += id.text();
    }
    return text;
}

std::vector<instance_id> ids_of(std::string_view lines) {
    std::vector<instance_id> ids;
    while (!lines.empty()) {
        const std::size_t end = std::min(lines.find('\n'), lines.size());
        try {
            ids.emplace_back(std::string(lines.substr(0, end)));
        } catch (const invalid_input&) {
            // Anybody may notify; who waits for what has no such id.
        }
        lines.remove_prefix(std::min(end + 1, lines.size()));
    }
    return ids;
}

/// A field of microseconds since 1970; never, when it is null.
timestamp time_at(const PGresult* answer, int column) {
    if (PQgetisnull(answer, 0, column) != 0) {
        return never;
    }
    const std::string_view text = text_at(answer, column);
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return timestamp(duration(value));
}

bool flag_at(const PGresult* answer, int column) {
    return text_at(answer, column) == "t";
}

const char* word(bool flag) {
    return flag ? "true" : "false";
}

}  // namespace

listener::listener(notifier& shared_notifier, options chosen)
    : notifier_(shared_notifier),
      options_(std::move(chosen)),
      gap_(options_.gap_min),
      backoff_(options_.backoff_min) {
    notifier_.attach(this);
}

listener::~listener() {
    notifier_.attach(nullptr);
    if (thread_.joinable()) {
        thread_.request_stop();
        alarm_.signal();
        thread_.join();
    }
}

void listener::stir() noexcept {
    try {
        const std::lock_guard guard(beginning_);
        if (!thread_.joinable()) {
            thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
        }
    } catch (const std::exception&) {
        // Without a thread callers poll, and the next one may have more luck.
    }
    alarm_.signal();
}

listener::counters listener::counted() const noexcept {
    return {count_.connections,
            count_.statements,
            count_.announcements,
            count_.notifications,
            count_.heard};
}

void listener::run(const std::stop_token& stop) {
    stop_ = stop;
    while (!is_over()) {
        if (!is_needed()) {
            static_cast<void>(wait_for(no_socket, alarm_, steady::time_point::max()));
            continue;
        }
        try {
            line connected(*this);
            serve(connected);
        } catch (const std::exception&) {
            // Whatever it was, nobody listens now; that is what counts.
            ++failures_;
        }
        notifier_.set_listening({});
        pause();
    }
}

bool listener::is_over() {
    if (!stop_.stop_requested()) {
        return false;
    }
    stopped_at_ = stopped_at_.value_or(steady::now());
    return !has_news() || steady::now() >= *stopped_at_ + options_.farewell_max;
}

bool listener::has_news() {
    return !news_.is_empty() || notifier_.has_news();
}

bool listener::is_needed() {
    const sleepers wanted = notifier_.wanted().wanted;
    return has_news() || (options_.listens && (wanted.work || wanted.ends));
}

listener::steady::time_point listener::patience(steady::time_point deadline) {
    if (is_over()) {
        return steady::now();
    }
    return stopped_at_ ? std::min(deadline, *stopped_at_ + options_.farewell_max) : deadline;
}

void listener::pause() {
    const auto end = steady::now() + backoff_;
    backoff_ = std::min(2 * backoff_, options_.backoff_max);
    while (!is_over() && steady::now() < end) {
        static_cast<void>(wait_for(no_socket, alarm_, patience(end)));
    }
}

void listener::serve(line& connected) {
    service state;
    while (!is_over()) {
        hear(connected);
        const notifier::wishes wishes = notifier_.wanted();
        auto until = wishes.until;
        if (options_.listens) {
            tend(connected, state, wishes.wanted);
        }
        if (steady::now() >= state.next_watch) {
            watch(connected, watch_reason::sleeps);
            state.next_watch = steady::now() + options_.watch_interval;
        }
        if (has_news()) {
            const auto due = last_announcement_ + gap_;
            if (steady::now() >= due) {
                announce(connected);
                continue;
            }
            until = std::min(until, due);
        }
        connected.rest(patience(std::min(until, state.next_watch)));
    }
}

/// Registers for what is wanted and no longer for what is not.
void listener::tend(line& connected, service& state, sleepers wanted) {
    const sleepers begin{wanted.work && !state.registered.work,
                         wanted.ends && !state.registered.ends};
    const sleepers end{state.registered.work && !wanted.work,
                       state.registered.ends && !wanted.ends};
    if (end.work || end.ends) {
        // First nobody relies on it any more.
        state.registered = {state.registered.work && wanted.work,
                            state.registered.ends && wanted.ends};
        notifier_.set_listening(state.registered);
        const std::array values{word(end.work), word(end.ends)};
        connected.execute("select _EndSleep($1, $2)", values);
    }
    if (begin.work || begin.ends) {
        const std::array values{word(begin.work), word(begin.ends)};
        connected.execute("select _BeginSleep($1, $2)", values);
        backoff_ = options_.backoff_min;
        // What happened since the sleeper's last poll nobody told us.
        watch(connected,
              begin.work ? watch_reason::begins_to_sleep_for_work : watch_reason::sleeps);
        hear(connected);
        state.registered = wanted;
        notifier_.set_listening(state.registered);
    }
    if (state.registered == sleepers{}) {
        state.next_watch = steady::time_point::max();
    } else if (begin.work || begin.ends) {
        state.next_watch = steady::now() + options_.watch_interval;
    }
}

/// Looks at the store, by which it also learns whether the connection is alive.
void listener::watch(line& connected, watch_reason why) {
    const bool polls_for_work = why == watch_reason::begins_to_sleep_for_work;
    const store_poll begun = notifier_.begin_poll();
    const std::string awaited = lines_of(notifier_.awaited());
    const timestamp since = polls_for_work ? options_.polls_from() : timestamp::min();
    const std::string since_us = std::to_string(since.time_since_epoch().count());
    const std::array values{word(polls_for_work),
                            since == timestamp::min() ? nullptr : since_us.c_str(),
                            awaited.c_str()};
    const result_ptr answer = connected.execute(
        "select (extract(epoch from w.store_time) * 1000000)::bigint, w.is_ready,"
        // The server's last years have more microseconds than a bigint holds.
        " (extract(epoch from case when w.next_due < '200000-01-01' then w.next_due end)"
        " * 1000000)::bigint, "
        "array_to_string(w.ended, E'\\n')"
        " from _Watch($1, coalesce(timestamptz 'epoch' + $2 * interval '1 microsecond', "
        "'-infinity'),"
        " string_to_array($3, E'\\n')) w",
        values);
    notifier_.hear_time(begun, time_at(answer.get(), 0));
    notifier_.hear_of_ends(ids_of(text_at(answer.get(), 3)));
    if (polls_for_work) {
        notifier_.hear_of_due(time_at(answer.get(), 2));
        if (flag_at(answer.get(), 1)) {
            notifier_.hear_of_work();
        }
    }
}

void listener::announce(line& connected) {
    news_.add(notifier_.take_news());
    if (++attempts_ > attempts_max) {
        // Not the connection's fault, then. Sleepers find by polling what is not announced.
        attempts_ = 0;
        news_ = {};
        return;
    }
    last_announcement_ = steady::now();
    const std::string ended = lines_of(news_.ended);
    const std::array values{word(news_.work), ended.c_str(), word(news_.others_ended)};
    const result_ptr answer =
        connected.execute("select _Announce($1, string_to_array($2, E'\\n'), $3)", values);
    ++count_.announcements;
    const bool was_heard = flag_at(answer.get(), 0);
    count_.notifications += was_heard ? 1 : 0;
    set_pace(was_heard);
    attempts_ = 0;
    news_ = {};
    backoff_ = options_.backoff_min;
}

/// Chooses the gap before the next announcement.
void listener::set_pace(bool was_heard) {
    const std::size_t weight = std::max(news_.calls, news_.ended.size());
    if (!was_heard) {
        // All are busy, and whoever goes to sleep now looks first.
        gap_ = options_.gap_max;
    } else if (weight >= crowd) {
        gap_ = std::min(2 * gap_, options_.gap_max);
    } else if (weight <= 1) {
        gap_ = options_.gap_min;
    }
}

void listener::hear(line& connected) {
    for (const std::string& said : connected.take_heard()) {
        if (said == "work") {
            notifier_.hear_of_work();
        } else if (const std::vector<instance_id> ended = ids_of(said); ended.size() > 1) {
            // The first line is the word itself.
            notifier_.hear_of_ends(std::span(ended).subspan(1));
        } else {
            notifier_.hear_of_some_ends();
        }
    }
}

}  // namespace perdure::postgres
