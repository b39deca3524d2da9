#include "listener.hpp"

#include "session.hpp"

#include <perdure/backend_error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <libpq-fe.h>
#include <memory>
#include <new>
#include <poll.h>
#include <span>
#include <string_view>
#include <sys/eventfd.h>
#include <unistd.h>
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

/// The connection is of no use any more. Stays within the thread.
class line_lost : public std::exception {};

struct clear_result {
    void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using result_ptr = std::unique_ptr<PGresult, clear_result>;

struct close_connection {
    void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
};

// Instance ids have no control characters, so that lines keep them apart.

std::string lines_of(std::span<const std::string> ids) {
    std::string text;
    for (const std::string& id : ids) {
        if (!text.empty()) {
            text += '\n';
        }
        text += id;
    }
    return text;
}

std::vector<std::string> ids_of(std::string_view lines) {
    std::vector<std::string> ids;
    while (!lines.empty()) {
        const std::size_t end = std::min(lines.find('\n'), lines.size());
        ids.emplace_back(lines.substr(0, end));
        lines.remove_prefix(std::min(end + 1, lines.size()));
    }
    return ids;
}

std::string_view text_at(const PGresult* answer, int column) {
    return {PQgetvalue(answer, 0, column),
            static_cast<std::size_t>(PQgetlength(answer, 0, column))};
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

/// What ended a wait.
struct occurrence {
    bool on_socket = false;
    bool alarm = false;
};

/// Waits for events of a socket and for the alarm, which it silences; ends when the time has come
/// or a signal was caught, too.
occurrence wait_for(pollfd socket, const alarm& other, steady::time_point until) {
    timespec left{};
    if (until != steady::time_point::max()) {
        const auto wait = std::max(std::chrono::nanoseconds(until - steady::now()), 0ns);
        left.tv_sec = static_cast<time_t>(wait / 1s);
        left.tv_nsec = static_cast<long>((wait % 1s).count());
    }
    std::array watched{socket, pollfd{other.descriptor(), POLLIN, 0}};
    const timespec* limit = until == steady::time_point::max() ? nullptr : &left;
    if (ppoll(watched.data(), watched.size(), limit, nullptr) <= 0) {
        return {};
    }
    if (watched[1].revents != 0) {
        other.silence();
    }
    return {watched[0].revents != 0, watched[1].revents != 0};
}

/// No socket.
constexpr pollfd nothing{-1, 0, 0};

}  // namespace

alarm::alarm() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (descriptor_ < 0) {
        throw backend_error(store_fault::unavailable,
                            "the process cannot open a descriptor for waiting");
    }
}

alarm::~alarm() {
    close(descriptor_);
}

void alarm::signal() const noexcept {
    static_cast<void>(eventfd_write(descriptor_, 1));
}

void alarm::silence() const noexcept {
    eventfd_t rung = 0;
    static_cast<void>(eventfd_read(descriptor_, &rung));
}

/// One connection; every failure is `line_lost`. Waits only as long as its owner has patience.
class listener::line {
  public:
    explicit line(listener& owner) : owner_(owner) { connect(); }
    line(const line&) = delete;
    line& operator=(const line&) = delete;
    ~line() = default;

    /// Executes a statement and returns its only row.
    result_ptr execute(const std::string& text, std::span<const char* const> values);
    /// Waits for a notification, the alarm, or the time.
    void rest(steady::time_point until);
    /// What others have announced since the last time.
    std::vector<std::string> take_heard() { return std::exchange(heard_, {}); }

  private:
    void connect();
    void set_up(steady::time_point deadline);
    /// The only row of what was sent with so many statements of setup.
    result_ptr collect(std::size_t setup, steady::time_point deadline);
    /// Returns when the socket is ready for one of these events; throws when it takes too long.
    void await(short events, steady::time_point deadline);
    void receive();

    listener& owner_;
    std::unique_ptr<PGconn, close_connection> connection_;
    std::vector<std::string> heard_;
    /// By which its own announcements are known; a pooler gives libpq another number.
    int server_process_ = 0;
    /// The alarm rang during a statement.
    bool has_missed_alarm_ = false;
};

void listener::line::connect() {
    const auto deadline = steady::now() + owner_.options_.connect_timeout;
    const auto& ways = owner_.options_.connections;
    connection_.reset(PQconnectStart(ways.at(owner_.failures_ % ways.size()).c_str()));
    if (connection_ == nullptr) {
        throw std::bad_alloc();
    }
    // The library's own way is to print notices.
    PQsetNoticeReceiver(
        connection_.get(), [](void*, const PGresult*) {}, nullptr);
    auto next = PQstatus(connection_.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED
                                                              : PGRES_POLLING_WRITING;
    while (next != PGRES_POLLING_OK) {
        if (next == PGRES_POLLING_FAILED) {
            throw line_lost();
        }
        await(next == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline);
        next = PQconnectPoll(connection_.get());
    }
    if (PQsetnonblocking(connection_.get(), 1) != 0) {
        throw line_lost();
    }
    set_up(deadline);
    ++owner_.count_.connections;
}

void listener::line::await(short events, steady::time_point deadline) {
    while (true) {
        const auto until = owner_.patience(deadline);
        const auto what = wait_for({PQsocket(connection_.get()), events, 0}, owner_.alarm_, until);
        has_missed_alarm_ |= what.alarm;
        if (what.on_socket) {
            return;
        }
        if (steady::now() >= until) {
            throw line_lost();
        }
    }
}

result_ptr listener::line::execute(const std::string& text, std::span<const char* const> values) {
    PGconn* connection = connection_.get();
    const auto deadline = steady::now() + owner_.options_.answer_timeout;
    // Never prepared: it is seldom enough, and a pooler cannot.
    const auto& setup = owner_.options_.transaction_setup;
    if (!send_with_setup(connection,
                         setup,
                         text,
                         {static_cast<int>(values.size()), values.data(), nullptr, nullptr},
                         0)) {
        throw line_lost();
    }
    ++owner_.count_.statements;
    result_ptr answer = collect(setup.size(), deadline);
    if (!setup.empty() && PQexitPipelineMode(connection) != 1) {
        throw line_lost();
    }
    return answer;
}

void listener::line::set_up(steady::time_point deadline) {
    if (!owner_.options_.session_setup) {
        return;
    }
    const std::string script = owner_.options_.session_setup(PQserverVersion(connection_.get()));
    if (PQsendQuery(connection_.get(), script.c_str()) == 0) {
        throw line_lost();
    }
    const result_ptr answer = collect(0, deadline);
    const std::string_view process = text_at(answer.get(), 0);
    std::from_chars(process.data(), process.data() + process.size(), server_process_);
}

result_ptr listener::line::collect(std::size_t setup, steady::time_point deadline) {
    PGconn* connection = connection_.get();
    int left = PQflush(connection);
    while (left == 1) {
        await(POLLIN | POLLOUT, deadline);
        receive();
        left = PQflush(connection);
    }
    if (left != 0) {
        throw line_lost();
    }
    reply whole(setup);
    do {
        while (PQisBusy(connection) != 0) {
            await(POLLIN, deadline);
            receive();
        }
    } while (!whole.add(PQgetResult(connection)));
    receive();
    result_ptr answer(whole.release());
    if (PQresultStatus(answer.get()) != PGRES_TUPLES_OK || PQntuples(answer.get()) != 1) {
        throw line_lost();
    }
    return answer;
}

void listener::line::rest(steady::time_point until) {
    if (std::exchange(has_missed_alarm_, false)) {
        return;
    }
    if (wait_for({PQsocket(connection_.get()), POLLIN, 0}, owner_.alarm_, until).on_socket) {
        receive();
    }
}

void listener::line::receive() {
    if (PQconsumeInput(connection_.get()) == 0) {
        throw line_lost();
    }
    while (true) {
        const std::unique_ptr<PGnotify, decltype(&PQfreemem)> next(PQnotifies(connection_.get()),
                                                                   &PQfreemem);
        if (next == nullptr) {
            return;
        }
        if (next->be_pid != server_process_) {
            ++owner_.count_.heard;
            heard_.emplace_back(next->extra);
        }
    }
}

listener::listener(notifier& signals, options chosen)
    : notifier_(signals),
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
            static_cast<void>(wait_for(nothing, alarm_, steady::time_point::max()));
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
        static_cast<void>(wait_for(nothing, alarm_, patience(end)));
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
        } else if (const std::vector<std::string> ended = ids_of(said); ended.size() > 1) {
            // The first line is the word itself.
            notifier_.hear_of_ends(std::span(ended).subspan(1));
        } else {
            notifier_.hear_of_some_ends();
        }
    }
}

}  // namespace perdure::postgres
