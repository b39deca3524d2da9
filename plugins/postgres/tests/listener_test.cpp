#include "listener.hpp"

#include "installer.hpp"
#include "notifier.hpp"
#include "private_server.hpp"
#include "session.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <signal.h>
#include <string>
#include <thread>
#include <vector>

namespace perdure::postgres_test {

namespace {

using namespace std::chrono_literals;
using postgres::changes;
using postgres::listener;
using postgres::never;
using postgres::notifier;
using postgres::store_poll;
using steady = std::chrono::steady_clock;

constexpr auto patience = 30s;

steady::time_point in(steady::duration time) {
    return steady::now() + time;
}

/// A hub of its own for each test, and a connection to look at it.
class hub {
  public:
    explicit hub(const private_server& server = private_server::shared())
        : chosen_(server.settings_for()), on_(std::make_unique<test_connection>(chosen_)) {
        postgres::install_or_upgrade(**on_, postgres::embedded_sql());
        enter();
    }
    /// Another hub of the same schema.
    hub(const hub& neighbour, const std::string& name) : chosen_(neighbour.chosen_) {
        chosen_.task_hub = name;
        on_ = std::make_unique<test_connection>(chosen_);
        enter();
    }

    [[nodiscard]] const postgres::settings& chosen() const { return chosen_; }
    std::string ask(const std::string& query) { return text_of(**on_, query); }
    void reconnect() { on_ = std::make_unique<test_connection>(chosen_); }

    /// How many sessions sleep for this, "work" or "ended".
    std::int64_t sleepers(const std::string& kind) { return number_of(**on_, count_of(kind)); }
    void await_sleepers(const std::string& kind, int count) {
        INFO(kind << ", " << count);
        REQUIRE(becomes_true(**on_, count_of(kind) + " = " + std::to_string(count)));
    }
    /// The process of the only session that sleeps for this.
    pid_t sleeper(const std::string& kind) {
        return static_cast<pid_t>(number_of(**on_, "select l.pid::bigint" + sleepers_of(kind)));
    }
    void await_end_of(pid_t process) {
        REQUIRE(becomes_true(**on_,
                             "select not exists (select from pg_stat_activity where pid = " +
                                 std::to_string(process) + ")"));
    }

  private:
    void enter() { (*on_)->execute_script("select _CreateHub()"); }
    static std::string count_of(const std::string& kind) {
        return "select (select count(*)" + sleepers_of(kind) + ")";
    }

    postgres::settings chosen_;
    std::unique_ptr<test_connection> on_;
};

/// What one process has of a hub. It never polls, so that what wakes it was told.
struct process {
    explicit process(const hub& place, listener::options more = {})
        : line(shared_notifier, options_for(place, std::move(more))) {}

    static listener::options options_for(const hub& place, listener::options more) {
        more.connections = {place.chosen().connection_string()};
        if (more.listens) {
            more.session_setup = [chosen = place.chosen()](int version) {
                return postgres::session_setup(chosen, version);
            };
        }
        return more;
    }
    bool wait_for_end(const std::string& id) {
        const std::vector<instance_id> awaited{instance_id(id)};
        return shared_notifier.wait(awaited, in(patience));
    }
    /// Waits as a worker does, in another thread.
    std::future<bool> waits_for_work() {
        return std::async(std::launch::async, [this, token = shared_notifier.begin_poll().token] {
            return shared_notifier.wait_for_work(token, in(patience)).value != token.value;
        });
    }
    /// The same, and it is the only one that others know to sleep.
    std::future<bool> sleeps_for_work(hub& place) {
        auto woken = waits_for_work();
        place.await_sleepers("work", 1);
        await_sleep_for_work();
        return woken;
    }
    std::future<bool> waits_for_end(const std::string& id) {
        return std::async(std::launch::async, [this, id] { return wait_for_end(id); });
    }
    void end(const std::vector<std::string>& ids) {
        changes news;
        news.ended = std::vector<instance_id>(ids.begin(), ids.end());
        shared_notifier.announce(news);
    }
    static void await(const std::function<bool()>& condition) {
        const auto deadline = in(patience);
        while (!condition() && steady::now() < deadline) {
            std::this_thread::yield();
        }
        REQUIRE(condition());
    }
    /// Until it has begun to sleep: the lock is seen a moment before notifications are heard.
    void await_sleep_for_work() {
        await([&] { return shared_notifier.listening().work; });
    }
    void await_sleep_for_ends() {
        await([&] { return shared_notifier.listening().ends; });
    }
    /// Until it has told what there is to tell.
    void await_announcements(std::uint64_t count) const {
        await([&] { return line.counted().announcements >= count; });
    }

    std::atomic<int> looks = 0;
    notifier shared_notifier{{1h, 1h, 1h, linger}, [this](const std::vector<instance_id>&) {
                                 ++looks;
                                 return std::vector<instance_id>();
                             }};
    static constexpr duration linger = 1h;
    listener line;
};

void put_down_work(hub& place, const std::string& when) {
    place.ask(
        "with work_key as (insert into WorkKeys (task_hub, is_activity, name, variant)"
        "              select _Hub(), false, 'Order', '' returning work_key)"
        " insert into Ready (work_key, due, instance_key, task)"
        " select work_key, _Now() + '" +
        when + "', 1, 0 from work_key returning '1'");
}

}  // namespace

TEST_CASE("listener: work in one process wakes a sleeper in another", "[WAKE-3]") {
    hub place;
    process sleeping(place);
    process working(place);
    auto woken = sleeping.sleeps_for_work(place);

    working.shared_notifier.announce({true});

    CHECK(woken.get());
    working.await_announcements(1);
    CHECK(working.line.counted().notifications == 1);
    CHECK(sleeping.line.counted().heard == 1);
    CHECK(sleeping.line.counted().notifications == 0);
}

TEST_CASE("listener: a sleeper is woken within milliseconds", "[WAKE-3]") {
    hub place;
    process sleeping(place);
    process working(place);
    auto quickest = steady::duration::max();
    for (int n = 0; n < 5; ++n) {
        auto woken = sleeping.sleeps_for_work(place);
        const auto begun = steady::now();
        working.shared_notifier.announce({true});
        REQUIRE(woken.get());
        quickest = std::min(quickest, steady::now() - begun);
        working.await_announcements(static_cast<std::uint64_t>(n) + 1);
    }
    CHECK(quickest < 50ms);
}

TEST_CASE("listener: the end of an instance in one process is known in another", "[WAKE-3]") {
    hub place;
    process sleeping(place);
    process working(place);
    place.ask(
        "with added as (insert into Instances"
        "    (task_hub, work_key, status, execution_id, needs_turn, history_length, "
        "history_version,"
        "     updated_at, created_at, instance_id)"
        "    select _Hub(), 1, 0, gen_random_uuid(), false, 1, 1, _Now(), _Now(), id"
        "      from unnest(array['order', 'a \"quoted\" {order}, größer']) id returning 1)"
        " select count(*)::text from added");
    auto one = sleeping.waits_for_end("order");
    auto other = sleeping.waits_for_end("a \"quoted\" {order}, größer");
    place.await_sleepers("ended", 1);
    sleeping.await_sleep_for_ends();
    sleeping.await([&] { return sleeping.shared_notifier.awaited().size() == 2; });
    std::vector<std::string> many;
    for (int n = 0; n < 900; ++n) {
        many.push_back("an instance with a rather long id, number " + std::to_string(n));
    }
    many.push_back("order");
    working.end(many);
    CHECK(one.get());
    SECTION("by its name") {
        working.end({"a \"quoted\" {order}, größer"});
    }
    SECTION("by a poll, when too many ended to be named") {
        const int looks = sleeping.looks;
        many.insert(many.end(), 200, "invoice");
        working.end(many);
        // The store of this test's notifier knows of no end, but it is asked.
        sleeping.await([&] { return sleeping.looks > looks; });
        working.end({"a \"quoted\" {order}, größer"});
    }
    CHECK(other.get());
}

TEST_CASE("listener: what happened before it listened is found by a poll", "[WAKE-3]") {
    hub place;
    process sleeping(place);
    SECTION("work that is ready") {
        put_down_work(place, "0");
        CHECK(sleeping.waits_for_work().get());
    }
    SECTION("work that falls due") {
        put_down_work(place, "100 milliseconds");
        CHECK(sleeping.waits_for_work().get());
    }
    SECTION("an instance that is gone") {
        CHECK(sleeping.waits_for_end("order").get());
    }
}

TEST_CASE("listener: while nothing is ready, to begin to listen wakes nobody", "[WAKE-1]") {
    hub place;
    process sleeping(place);
    put_down_work(place, "1 hour");
    const store_poll begun = sleeping.shared_notifier.begin_poll(1);
    sleeping.shared_notifier.end_poll(begun, {timestamp(1h), never, true});
    auto woken = sleeping.sleeps_for_work(place);
    sleeping.await([&] { return sleeping.shared_notifier.cached_empty_poll(1).has_value(); });

    CHECK(sleeping.shared_notifier.cached_empty_poll(1)->token.value == begun.token.value);
    sleeping.shared_notifier.interrupt();
    static_cast<void>(woken.get());
}

TEST_CASE("listener: while nobody sleeps nothing is notified") {
    hub place;
    process working(place);
    process other(place);
    for (std::uint64_t n = 1; n <= 20; ++n) {
        working.shared_notifier.announce({true});
        working.end({"order"});
        working.await_announcements(n);
    }
    CHECK(working.line.counted().notifications == 0);
    CHECK(other.line.counted().connections == 0);
}

TEST_CASE("listener: many announcements are told together") {
    hub place;
    process sleeping(place);
    process working(place);
    auto woken = sleeping.waits_for_end("order");
    CHECK(woken.get());
    place.await_sleepers("ended", 1);
    sleeping.await_sleep_for_ends();
    const auto begun = steady::now();
    std::uint64_t count = 0;
    const auto has_announced = [&] { return working.line.counted().announcements > 0; };
    while (count < 2000 || steady::now() - begun < 200ms ||
           (!has_announced() && steady::now() - begun < patience)) {
        working.end({"invoice " + std::to_string(++count)});
    }
    const auto gaps = static_cast<std::uint64_t>((steady::now() - begun) / 2ms);

    CHECK(has_announced());
    CHECK(working.line.counted().announcements <= gaps / 4);
}

TEST_CASE("listener: a sleeping process does not notify itself") {
    hub place;
    process both(place);
    auto woken = both.sleeps_for_work(place);
    both.shared_notifier.announce({true});
    CHECK(woken.get());
    both.await_announcements(1);

    CHECK(both.line.counted().notifications == 0);
    CHECK(both.line.counted().heard == 0);
}

TEST_CASE("listener: a sleeper that lies still costs one statement now and then") {
    hub place;
    process sleeping(place);
    auto woken = sleeping.waits_for_work();
    auto ended = std::async(std::launch::async, [&] {
        return sleeping.shared_notifier.wait(std::vector<instance_id>{}, in(patience));
    });
    place.await_sleepers("work", 1);
    sleeping.await_sleep_for_work();
    place.await_sleepers("ended", 1);
    sleeping.await_sleep_for_ends();
    const auto before = sleeping.line.counted().statements;
    const std::vector<instance_id> none;
    // Time passes.
    static_cast<void>(sleeping.shared_notifier.wait(none, in(500ms)));

    CHECK(sleeping.line.counted().statements - before <= 2);
    sleeping.shared_notifier.interrupt();
    static_cast<void>(woken.get());
    static_cast<void>(ended.get());
}

TEST_CASE("listener: who no longer sleeps is not notified after a while") {
    hub place;
    notifier shared_notifier({1h, 1h, 1h, 10ms}, [](const std::vector<instance_id>&) {
        return std::vector<instance_id>();
    });
    listener line(shared_notifier, process::options_for(place, {}));
    auto woken = std::async(std::launch::async, [&] {
        return shared_notifier.wait_for_work(shared_notifier.begin_poll().token, in(patience));
    });
    place.await_sleepers("work", 1);
    process::await([&] { return shared_notifier.listening().work; });
    shared_notifier.announce({true});
    static_cast<void>(woken.get());

    place.await_sleepers("work", 0);
    process working(place);
    working.shared_notifier.announce({true});
    working.await_announcements(1);
    CHECK(working.line.counted().notifications == 0);
    // And again, when it sleeps again.
    auto again = std::async(std::launch::async, [&] {
        const wake_token token = shared_notifier.begin_poll().token;
        return shared_notifier.wait_for_work(token, in(patience)).value != token.value;
    });
    place.await_sleepers("work", 1);
    process::await([&] { return shared_notifier.listening().work; });
    working.shared_notifier.announce({true});
    CHECK(again.get());
}

TEST_CASE("listener: a connection that was killed is made anew", "[WAKE-3]") {
    hub place;
    process sleeping(place);
    process working(place);
    auto woken = sleeping.sleeps_for_work(place);
    const pid_t victim = place.sleeper("work");
    place.ask("select pg_terminate_backend(" + std::to_string(victim) + ")::text");
    place.await_end_of(victim);

    place.await_sleepers("work", 1);
    sleeping.await_sleep_for_work();
    working.shared_notifier.announce({true});

    CHECK(woken.get());
    CHECK(sleeping.line.counted().connections == 2);
}

TEST_CASE("listener: a restart of the server loses nothing", "[WAKE-3]") {
    private_server server;
    hub place(server);
    process sleeping(place);
    process working(place);
    auto woken = sleeping.sleeps_for_work(place);
    working.shared_notifier.announce({true});
    CHECK(woken.get());
    auto again = sleeping.waits_for_work();

    server.restart("immediate");
    place.reconnect();

    place.await_sleepers("work", 1);
    sleeping.await_sleep_for_work();
    working.shared_notifier.announce({true});
    CHECK(again.get());
    CHECK(sleeping.line.counted().connections == 2);
}

TEST_CASE("listener: a connection that says nothing any more is noticed", "[WAKE-3]") {
    hub place;
    listener::options hasty;
    hasty.watch_interval = 50ms;
    // Longer than a server that lives needs on a busy machine: that one is not to be given up.
    hasty.answer_timeout = 2s;
    process sleeping(place, hasty);
    auto woken = sleeping.sleeps_for_work(place);
    const pid_t silent = place.sleeper("work");
    REQUIRE(kill(silent, SIGSTOP) == 0);

    // Besides the silent one.
    place.await_sleepers("work", 2);
    sleeping.await_sleep_for_work();
    process working(place);
    working.shared_notifier.announce({true});
    CHECK(woken.get());
    REQUIRE(kill(silent, SIGCONT) == 0);
    CHECK(sleeping.line.counted().connections == 2);
}

TEST_CASE("listener: behind a pooler it announces and does not listen") {
    hub place;
    listener::options pooled;
    pooled.listens = false;
    pooled.transaction_setup = postgres::transaction_setup(place.chosen());
    process behind(place, pooled);
    process sleeping(place);
    auto woken = sleeping.waits_for_work();
    auto polling = behind.waits_for_work();
    place.await_sleepers("work", 1);
    sleeping.await_sleep_for_work();

    behind.shared_notifier.announce({true});

    CHECK(woken.get());
    CHECK(polling.get());
    CHECK(place.sleepers("work") == 1);
}

TEST_CASE("listener: what a process has to tell at its end is told") {
    hub place;
    process sleeping(place);
    auto woken = sleeping.sleeps_for_work(place);
    {
        process brief(place);
        brief.shared_notifier.announce({true});
    }
    CHECK(woken.get());
}

TEST_CASE("listener: hubs hear nothing of each other") {
    hub place;
    hub other(place, "other");
    process sleeping(place);
    process working(other);
    auto woken = sleeping.sleeps_for_work(place);
    working.shared_notifier.announce({true});
    working.await_announcements(1);
    CHECK(working.line.counted().notifications == 0);
    sleeping.shared_notifier.interrupt();
    static_cast<void>(woken.get());
    CHECK(sleeping.line.counted().heard == 0);
}

TEST_CASE("listener: without a server callers poll, and the end comes at once") {
    const auto begun = steady::now();
    {
        notifier shared_notifier({10ms, 10ms, 1h, 1h}, [](const std::vector<instance_id>&) {
            return std::vector<instance_id>();
        });
        listener::options nowhere;
        nowhere.connections = {"postgres:///nothing?host=/nonexistent"};
        listener line(shared_notifier, nowhere);
        const wake_token token = shared_notifier.begin_poll().token;
        shared_notifier.announce({false, never, false});
        CHECK(shared_notifier.wait_for_work(token, in(patience)).value != token.value);
        CHECK_FALSE(shared_notifier.wait(std::vector<instance_id>{instance_id("order")}, in(20ms)));
        shared_notifier.announce({true});
    }
    CHECK(steady::now() - begun < 5s);
}

}  // namespace perdure::postgres_test
