#include "backend.hpp"
#include "private_server.hpp"

#include <catch2/catch.hpp>

#include <future>
#include <optional>
#include <string>
#include <vector>

// What the roles of hubs rest on beneath the contract: the barrier, seen by two sessions, and the
// triggers that feed.

namespace perdure::postgres_test {

namespace {

using Catch::Contains;

hub_role a_role(move_role role, const std::string& reason = {}) {
    return {.role = role, .move = {1, 2}, .other = "other:place", .reason = reason};
}

struct moving_hub {
    moving_hub() { store.create_hub(); }

    void change(move_role role, const std::string& reason = {}) {
        REQUIRE(store.change_role(store.role().era, a_role(role, reason)));
    }
    std::int64_t triggers() {
        return number_of(*looking,
                         "select count(*) from pg_trigger t join pg_class c on c.oid = t.tgrelid"
                         " where c.relnamespace = current_schema::regnamespace"
                         " and t.tgname like 'feed%'");
    }
    std::string noted() {
        return text_of(*looking,
                       "select coalesce(string_agg(distinct instance_id, ' ' order by instance_id),"
                       " '') from ChangedInstances");
    }
    void forget_all() { looking->execute_script("delete from ChangedInstances"); }

    const postgres::settings chosen = private_server::shared().settings_for();
    postgres::postgres_backend store{chosen};
    test_connection looking{chosen};
};

// An instance of a user's own transaction.
std::string creation_of(const std::string& id) {
    return "select CreateInstance('Order', p_instance_id => '" + id + "');";
}

/// A transaction of somebody else, which lasts until it is ended.
class transaction {
  public:
    transaction(const postgres::settings& chosen, const std::string& begin) : session_(chosen) {
        session_->execute_script(begin);
    }
    void execute(const std::string& sql) { session_->execute_script(sql); }
    std::int64_t process() { return session_->server_process(); }

  private:
    test_connection session_;
};

}  // namespace

TEST_CASE("roles: a call that has waited for a change of the role sees it", "[ROLE-2]") {
    moving_hub hub;
    transaction mover(hub.chosen, "begin");
    mover.execute("select _ChangeRole(0, 2::smallint, null, 0, '', 'it moves')");
    transaction other(hub.chosen, "begin; select 1");
    auto call = std::async(std::launch::async,
                           [&] { return failure_of([&] { other.execute(creation_of("late")); }); });
    REQUIRE(becomes_true(*hub.looking,
                         "select exists (select from pg_locks where not granted and pid = " +
                             std::to_string(other.process()) + ")"));
    mover.execute("commit");

    const backend_error fault = call.get();
    CHECK(fault.code() == store_fault::moved);
    CHECK_THAT(fault.what(), Contains("it moves"));
    CHECK(number_of(*hub.looking, "select count(*) from Instances") == 0);
}

TEST_CASE("roles: calls that are under way are waited for, and then named", "[ROLE-2]") {
    moving_hub hub;
    transaction other(hub.chosen, "begin");
    other.execute(creation_of("early"));
    const hub_role before = hub.store.role();

    for (const bool by_reason : {false, true}) {
        const backend_error fault = failure_of([&] {
            if (by_reason) {
                hub.store.set_closed("it moves");
            } else {
                static_cast<void>(hub.store.change_role(before.era, a_role(move_role::tracked)));
            }
        });
        CHECK(fault.code() == store_fault::unavailable);
        CHECK_THAT(fault.what(), Contains("process " + std::to_string(other.process())));
        CHECK_THAT(fault.what(), Contains(" ms"));
    }
    CHECK(hub.store.role() == before);
    CHECK(hub.triggers() == 0);

    other.execute("commit");
    hub.change(move_role::tracked);
    CHECK(hub.triggers() == 18);
}

TEST_CASE("roles: nobody holds up the others where logins keep hubs apart", "[ROLE-2]") {
    moving_hub hub;
    hub.looking->execute_script("select SetGlobalSetting('TaskHubMode', '1')");
    postgres::settings chosen = hub.chosen;
    chosen.task_hub.clear();
    postgres::postgres_backend store(chosen);
    store.create_hub();
    transaction other(chosen, "begin");
    other.execute(creation_of("early"));
    CHECK(failure_of([&] {
              static_cast<void>(store.change_role(store.role().era, a_role(move_role::tracked)));
          }).code() == store_fault::rejected);
    CHECK(store.change_role(store.role().era, a_role(move_role::standby, "it fills up")));
    store.set_closed("");
    store.set_closed("it moves");
    CHECK(store.role().role == move_role::standby);
}

TEST_CASE("roles: a mover that is under way is waited for by the next one", "[ROLE-5]") {
    moving_hub hub;
    hub.change(move_role::standby, "it fills up");
    transaction mover(hub.chosen, "begin; select _RemoveImages('{none}', 1)");
    const hub_role before = hub.store.role();
    const backend_error fault = failure_of([&] {
        static_cast<void>(hub.store.change_role(before.era, a_role(move_role::standby, "again")));
    });
    CHECK(fault.code() == store_fault::unavailable);
    CHECK_THAT(fault.what(), Contains("process " + std::to_string(mover.process())));
    mover.execute("commit");
    hub.change(move_role::standby, "again");
    CHECK_THAT(failure_of([&] { mover.execute("select _RemoveImages('{none}', 1)"); }).what(),
               Contains("another mover has taken over"));
}

TEST_CASE("roles: a table that is in use is named when its changes are to be noted", "[ROLE-4]") {
    moving_hub hub;
    transaction other(hub.chosen, "begin; lock table History in row exclusive mode");
    const hub_role before = hub.store.role();
    const backend_error fault = failure_of(
        [&] { static_cast<void>(hub.store.change_role(before.era, a_role(move_role::tracked))); });
    CHECK(fault.code() == store_fault::unavailable);
    CHECK_THAT(fault.what(), Contains("process " + std::to_string(other.process())));
    CHECK(hub.store.role() == before);
    CHECK(hub.triggers() == 0);
}

TEST_CASE("roles: a transaction with a snapshot from before a change fails", "[ROLE-2]") {
    const std::string isolation = GENERATE("repeatable read", "serializable");
    moving_hub hub;
    transaction old(hub.chosen, "begin isolation level " + isolation + "; select from Versions");
    SECTION("when the hub was closed since") {
        hub.change(move_role::closing, "it moves");
        CHECK(failure_of([&] { old.execute(creation_of("late")); }).sqlstate() == "40001");
    }
    SECTION("when it is tracked since") {
        hub.change(move_role::tracked);
        CHECK(failure_of([&] { old.execute(creation_of("late")); }).sqlstate() == "40001");
    }
    SECTION("and not otherwise") {
        old.execute(creation_of("in time") + "commit");
        CHECK(number_of(*hub.looking, "select count(*) from Instances") == 1);
    }
}

TEST_CASE("roles: what somebody writes by himself is noted, whatever he sees", "[ROLE-4]") {
    moving_hub hub;
    hub.looking->execute_script(creation_of("order") + creation_of("other"));
    transaction old(hub.chosen, "begin isolation level repeatable read; select from Versions");
    hub.change(move_role::tracked);
    CHECK(hub.noted().empty());

    hub.looking->execute_script(
        "update Instances set updated_at = updated_at where instance_id = 'order'");
    CHECK(hub.noted() == "order");
    hub.forget_all();
    hub.looking->execute_script("select TerminateInstance('order')");
    hub.forget_all();
    hub.looking->execute_script("delete from durable_state where instance_id = 'order'");
    CHECK(hub.noted() == "order");
    hub.forget_all();
    old.execute(
        "update History set count = count from Instances i"
        " where i.instance_key = History.instance_key and i.instance_id = 'other'; commit");
    CHECK(hub.noted() == "other");
}

TEST_CASE("roles: nothing is paid for a feed that nobody needs", "[ROLE-4]") {
    moving_hub hub;
    CHECK(hub.triggers() == 0);
    postgres::settings chosen = hub.chosen;
    chosen.task_hub = "second";
    postgres::postgres_backend second(chosen);
    second.create_hub();
    hub.change(move_role::tracked);
    REQUIRE(second.change_role(second.role().era, a_role(move_role::tracked)));
    CHECK(hub.triggers() == 18);
    hub.change(move_role::plain);
    CHECK(hub.triggers() == 18);
    hub.looking->execute_script(creation_of("order"));
    CHECK(hub.noted().empty());
    second.delete_hub();
    CHECK(hub.triggers() == 0);
}

TEST_CASE("roles: who reads a table does not keep a hub from moving", "[ROLE-4]") {
    moving_hub hub;
    hub.change(move_role::tracked);
    hub.change(move_role::closing, "it moves");
    transaction reader(hub.chosen, "begin; lock table History in access share mode");
    hub.change(move_role::moved, "it has moved");
    CHECK(hub.triggers() == 18);
    reader.execute("commit");
    hub.change(move_role::plain);
    CHECK(hub.triggers() == 0);
}

TEST_CASE("roles: an installation that is made anew while a hub is tracked goes on", "[ROLE-4]") {
    moving_hub hub;
    hub.change(move_role::tracked);
    hub.looking->execute_script("update Versions set upgrade_time = upgrade_time");
    hub.store.create_hub();
    hub.looking->execute_script(creation_of("order"));
    CHECK(hub.noted() == "order");
}

}  // namespace perdure::postgres_test
