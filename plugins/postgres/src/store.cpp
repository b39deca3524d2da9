#include "store.hpp"

#include "fields.hpp"
#include "installer.hpp"
#include "session.hpp"
#include "session_check.hpp"
#include "soci_calls.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>

namespace perdure::postgres {

namespace {

constexpr statement find_ended{"any_ended", "select _AnyEnded($1)", effect::none};
constexpr statement make_hub{"create_hub", "select _CreateHub()", effect::mutating};
constexpr statement find_hub{"current_hub", "select CurrentTaskHub()", effect::none};
constexpr statement install_test_clock{
    "use_test_clock", "select from _UseTestClock()", effect::mutating};
constexpr std::string_view sqlstate_insufficient_privilege = "42501";
constexpr auto expiry_interval = std::chrono::seconds(1);
constexpr auto starting_pause = std::chrono::milliseconds(100);

// Only the owner may; for others it is enough that the owner has done so.
void use_test_clock(connection& server) {
    try {
        ask(server, install_test_clock);
    } catch (const backend_error& error) {
        if (error.sqlstate() != sqlstate_insufficient_privilege) {
            throw;
        }
    }
}

notifier::terms notifier_terms(const settings& chosen) {
    notifier::terms terms;
    terms.poll_max = chosen.poll_interval;
    terms.poll_min = std::min(terms.poll_min, terms.poll_max);
    return terms;
}

}  // namespace

store::store(settings chosen)
    : opener_(getpid()),
      settings_(std::move(chosen)),
      pool_(settings_, counts_),
      names_(*this),
      notifier_(notifier_terms(settings_),
                [this](const std::vector<instance_id>& awaited) { return ended_of(awaited); }) {
    start_listening();
}

void store::start_listening() {
    listener::options options;
    options.connections = settings_.connection_strings();
    options.listens = settings_.pooler == pooler::none;
    if (options.listens) {
        options.session_setup = [this](int version) {
            return session_setup(settings_, version, durability::soon);
        };
    } else {
        options.transaction_setup = transaction_setup(settings_);
    }
    options.connect_timeout = settings_.connect_timeout;
    options.polls_from = [this] { return low_water_.lowest(); };
    listener_ = std::make_unique<listener>(notifier_, std::move(options));
}

bool store::is_opener() const noexcept {
    return getpid() == opener_;
}

void store::require_opener() const {
    if (!is_opener()) {
        throw backend_error(
            store_fault::configuration,
            fmt::format(
                "postgres: process {} has opened this hub, and this process was made from it "
                "by fork(): open the hub again here",
                opener_));
    }
}

borrowed store::take_patiently() {
    const auto deadline = steady::now() + settings_.command_timeout;
    for (;;) {
        try {
            if (settings_.create_database) {
                create_database(settings_, counts_);
            }
            return pool_.take();
        } catch (const backend_error& error) {
            if (error.sqlstate() != sqlstate_cannot_connect_now || steady::now() >= deadline) {
                throw;
            }
        }
        std::this_thread::sleep_for(starting_pause);
    }
}

void store::create() {
    require_opener();
    borrowed server = take_patiently();
    check_session(*server, counts_);
    try {
        install_or_upgrade(*server, embedded_sql());
        if (settings_.test_clock) {
            use_test_clock(*server);
        }
        refuse_other_hub(*server);
        is_checked_ = true;
        ask(*server, make_hub);
    } catch (const backend_error& error) {
        throw with_missing_rights(*server, error);
    }
    names_.forget();
}

void store::check(connection& server) {
    if (!is_checked_) {
        check_session(server, counts_);
        check_schema(server, embedded_sql());
        refuse_other_hub(server);
        is_checked_ = true;
    }
}

void store::refuse_other_hub(connection& server) {
    if (!settings_.names_task_hub) {
        return;
    }
    const auto hub = ask_value<std::string>(server, find_hub);
    if (hub != settings_.task_hub) {
        throw backend_error(
            store_fault::configuration,
            fmt::format(
                "option task_hub: it says \"{}\", but the hub of this connection is \"{}\", "
                "which is the login in TaskHubMode 1: leave the option out",
                settings_.task_hub,
                hub));
    }
}

template <class Work>
auto store::act_once(const Work& what, durability kept) {
    borrowed server = pool_.take(kept);
    try {
        check(*server);
        return what(*server);
    } catch (const backend_error& error) {
        throw with_missing_rights(*server, error);
    }
}

template <class Work>
auto store::repeat(const Work& what, durability kept) {
    constexpr int attempts_max = 8;
    constexpr std::uint32_t first_pause_us = 1000;
    require_opener();
    for (int attempt = 1;; ++attempt) {
        try {
            return act_once(what, kept);
        } catch (const backend_error& error) {
            if (error.code() == store_fault::schema) {
                // Whoever installs it again begins with other numbers.
                names_.forget();
            }
            if (error.code() != store_fault::conflict || error.sqlstate() == sqlstate_old_number ||
                attempt == attempts_max) {
                throw;
            }
            // Longer with each attempt, and not in step with whoever was in the way.
            std::random_device chance;
            std::uniform_int_distribution<std::uint32_t> pause(0, first_pause_us << attempt);
            std::this_thread::sleep_for(std::chrono::microseconds(pause(chance)));
        }
    }
}

answer store::call(const statement& what, const parameters& values) {
    return repeat([&](connection& server) { return server.call(what, values); }, what.kept);
}

void store::with_session(const statement& what, const session_work& work) {
    repeat([&](connection& server) { server.with_session(what, work); }, what.kept);
}

backend_statistics store::statistics() const noexcept {
    return {counts_.commits, counts_.statements + listener_->counted().statements};
}

bool store::should_expire(bool asks_for_suspects) {
    if (asks_for_suspects || settings_.test_clock || held_.has_many_ended()) {
        return true;
    }
    const auto now = steady::now().time_since_epoch();
    steady::rep next = next_expiry_.load();
    return now.count() >= next &&
           next_expiry_.compare_exchange_strong(next, (now + expiry_interval).count());
}

std::vector<instance_id> store::ended_of(const std::vector<instance_id>& awaited) {
    parameters values;
    values.add_list<sql::text>(awaited, &instance_id::text);
    const answer found = call(find_ended, values);
    const array_reader ids(found.only(0));
    std::vector<instance_id> ended;
    ended.reserve(ids.size());
    for (const field& id : ids) {
        ended.emplace_back(id.string());
    }
    return ended;
}

announcing_call::~announcing_call() {
    if (!is_finished_) {
        hub_.shared_notifier().forget_starts();
    }
}

void announcing_call::finish(const field& time, const field& left_ready, const field& next_due) {
    finish(time.time_or_null(), left_ready.flag_or_false(), next_due.time_or_null());
}

void announcing_call::finish(std::optional<timestamp> time,
                             bool left_ready,
                             std::optional<timestamp> next_due) {
    if (time) {
        hub_.shared_notifier().hear_time(begun_, *time);
    } else {
        // A repeat: whoever made the change may have been cut off before it could tell.
        news.ready = true;
        news.any_may_have_ended = true;
    }
    news.ready = news.ready || left_ready;
    if (next_due) {
        news.next_due = *next_due;
    }
    hub_.shared_notifier().announce(news);
    is_finished_ = true;
}

}  // namespace perdure::postgres
