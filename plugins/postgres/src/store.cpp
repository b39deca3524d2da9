#include "store.hpp"

#include "fields.hpp"
#include "installer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <string_view>
#include <thread>
#include <utility>

namespace perdure::postgres {

namespace {

constexpr statement find_ended{"any_ended", "select {schema}_AnyEnded($1)", effect::none};
constexpr statement make_hub{"create_hub", "select {schema}_CreateHub()", effect::mutating};
constexpr statement find_hub{"current_hub", "select {schema}CurrentTaskHub()", effect::none};
constexpr statement install_test_clock{
    "use_test_clock", "select {schema}_UseTestClock()", effect::mutating};
constexpr std::string_view sqlstate_insufficient_privilege = "42501";
constexpr auto expiry_interval = std::chrono::seconds(1);

// Only the owner may; for others it is enough that the owner has done so.
void use_test_clock(connection& server) {
    try {
        static_cast<void>(server.call(install_test_clock, {}));
    } catch (const backend_error& error) {
        if (error.sqlstate() != sqlstate_insufficient_privilege) {
            throw;
        }
    }
}

bell::terms bell_terms(const settings& chosen) {
    bell::terms terms;
    terms.poll_max = chosen.poll_interval;
    terms.poll_min = std::min(terms.poll_min, terms.poll_max);
    return terms;
}

}  // namespace

store::store(settings chosen)
    : settings_(std::move(chosen)),
      pool_(settings_, counts_),
      names_(
          [this](const statement& what, const parameters& values) { return call(what, values); }),
      bell_(bell_terms(settings_),
            [this](const std::vector<std::string>& awaited) { return ended_of(awaited); }),
      waiting_(bell_) {
    start_listening();
}

void store::start_listening() {
    listener::options options;
    options.connections = settings_.connection_strings();
    options.prefix = settings_.schema_prefix();
    options.listens = settings_.pooler == pooler::none;
    options.connect_timeout = settings_.connect_timeout;
    options.looks_from = [this] { return low_water_.lowest(); };
    listener_ = std::make_unique<listener>(bell_, std::move(options));
}

void store::create() {
    if (settings_.create_database) {
        create_database(settings_, counts_);
    }
    borrowed server = pool_.take();
    install_or_upgrade(*server, embedded_sql());
    if (settings_.test_clock) {
        use_test_clock(*server);
    }
    refuse_other_hub(*server);
    static_cast<void>(server->call(make_hub, {}));
    names_.forget();
}

void store::refuse_other_hub(connection& server) {
    if (!settings_.names_task_hub || is_hub_checked_) {
        return;
    }
    const std::string hub = server.call(find_hub, {}).only(0).string();
    if (hub != settings_.task_hub) {
        throw backend_error(
            store_fault::configuration,
            fmt::format(
                "option task_hub: it says \"{}\", but the hub of this connection is \"{}\", "
                "which is the login in TaskHubMode 1: leave the option out",
                settings_.task_hub,
                hub));
    }
    is_hub_checked_ = true;
}

answer store::call(const statement& what, const parameters& values) {
    constexpr int attempts_max = 8;
    constexpr std::uint32_t first_pause_us = 1000;
    for (int attempt = 1;; ++attempt) {
        try {
            borrowed server = pool_.take();
            refuse_other_hub(*server);
            return server->call(what, values);
        } catch (const backend_error& error) {
            if (error.code() != store_fault::conflict || attempt == attempts_max) {
                throw;
            }
            // Longer with each attempt, and not in step with whoever was in the way.
            std::random_device chance;
            std::uniform_int_distribution<std::uint32_t> pause(0, first_pause_us << attempt);
            std::this_thread::sleep_for(std::chrono::microseconds(pause(chance)));
        }
    }
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

std::vector<std::string> store::ended_of(const std::vector<std::string>& awaited) {
    parameters values;
    values.add_list<sql::text>(awaited);
    const answer found = call(find_ended, values);
    const array_reader ids(found.only(0));
    std::vector<std::string> ended;
    ended.reserve(ids.size());
    for (const field& id : ids) {
        ended.push_back(id.string());
    }
    return ended;
}

announcing_call::~announcing_call() {
    if (!is_finished_) {
        hub_.rings().forget_starts();
    }
}

void announcing_call::finish(const field& time, const field& left_ready, const field& next_due) {
    if (time.is_null()) {
        // A repeat: whoever made the change may have been cut off before it could tell.
        news.ready = true;
        news.any_may_have_ended = true;
    } else {
        hub_.rings().hear_time(begun_, time.time());
    }
    news.ready = news.ready || left_ready.flag_or_false();
    if (!next_due.is_null()) {
        news.next_due = next_due.time();
    }
    hub_.rings().announce(news);
    is_finished_ = true;
}

}  // namespace perdure::postgres
