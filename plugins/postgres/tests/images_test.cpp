#include "backend.hpp"
#include "image_batches.hpp"
#include "private_server.hpp"
#include "random_hub.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace perdure::postgres_test {

namespace {

using namespace std::chrono_literals;
using postgres::postgres_backend;
using postgres::settings;

constexpr std::size_t plenty = std::size_t{1} << 30U;

settings settings_of(const settings& schema, const std::string& hub) {
    settings chosen = schema;
    chosen.task_hub = hub;
    chosen.test_clock = true;
    return chosen;
}

/// A hub of its own, and somebody who looks into its tables.
struct a_hub {
    explicit a_hub(const settings& schema, const std::string& hub = "source")
        : chosen(settings_of(schema, hub)), store(chosen) {
        store.create_hub();
    }
    std::int64_t count(const std::string& query) {
        test_connection looking(chosen);
        return number_of(*looking, "select count(*) from " + query);
    }

    const settings chosen;
    postgres_backend store;
};

settings fresh_schema() {
    return private_server::shared().settings_for();
}

/// All images, page by page. Who holds one depends on when it is asked, and is left out.
image_page all_of(postgres_backend& store, std::size_t limit = 7, std::size_t bytes = plenty) {
    image_page all;
    for (;;) {
        image_page page = store.read_images(all.next, limit, bytes);
        CHECK(page.images.size() <= limit);
        for (instance_image& image : page.images) {
            image.record.leased_by.clear();
            all.images.push_back(std::move(image));
        }
        all.last_sequence = page.last_sequence;
        all.next = page.next;
        if (all.next.empty()) {
            return all;
        }
    }
}

instance_image an_image(const std::string& id) {
    const execution_id execution{random_uuid()};
    return {.record = {.instance = instance_id(id),
                       .execution = execution,
                       .name = "Order",
                       .status = orchestration_status::running,
                       .created_at = timestamp(1s),
                       .updated_at = timestamp(2s),
                       .history_length = 3},
            .created_as = execution,
            .history_version = 2,
            .last_committed = {77},
            .needs_turn = false,
            .history = {{0, 1, R"([{"kind":"started"}])"}, {1, 2, R"([{},{}])"}}};
}

/// The parts of a long image, each with one chunk of one event.
std::vector<instance_image> parts_of(const instance_image& whole) {
    std::vector<instance_image> parts;
    for (const history_chunk& chunk : whole.history) {
        parts.push_back(whole);
        parts.back().history = {chunk};
    }
    return parts;
}

std::optional<instance_image> image_of(postgres_backend& store, const instance_id& id) {
    return store.read_images({&id, 1}, plenty).at(0);
}

write_outcome write(postgres_backend& store, const instance_image& image) {
    return store.write_images({&image, 1}, 1000, write_mode::keep).at(0);
}

template <class Holds>
void check_some(const std::vector<instance_image>& images, const char* what, const Holds& holds) {
    INFO(what);
    CHECK(std::any_of(images.begin(), images.end(), holds));
}

/// That what is compared has all that there is.
void check_variety(const std::vector<instance_image>& all) {
    using image = instance_image;
    const auto some_activity = [](const auto& holds) {
        return [holds](const image& i) {
            return std::any_of(i.activities.begin(), i.activities.end(), holds);
        };
    };
    const auto some_message = [](const auto& holds) {
        return
            [holds](const image& i) { return std::any_of(i.inbox.begin(), i.inbox.end(), holds); };
    };
    const auto has_noticed = [](const lease_image& l) { return l.token && !l.until; };
    for (const auto status : {orchestration_status::pending,
                              orchestration_status::running,
                              orchestration_status::suspended,
                              orchestration_status::completed,
                              orchestration_status::failed,
                              orchestration_status::terminated}) {
        check_some(all, "a status", [&](const image& i) { return i.record.status == status; });
    }
    check_some(all, "a lease", [](const image& i) { return i.held.until.has_value(); });
    check_some(all, "of a suspect", [](const image& i) { return i.held.until && i.held.suspect; });
    check_some(all, "noticed", [&](const image& i) { return has_noticed(i.held); });
    check_some(all, "again", [&](const image& i) { return has_noticed(i.held) && i.held.suspect; });
    check_some(all, "a suspect", [](const image& i) { return !i.held.token && i.held.suspect; });
    check_some(all, "deliveries", [](const image& i) { return i.held.deliveries > 1; });
    check_some(all, "ready", [](const image& i) { return !i.held.token && i.held.ready_at; });
    check_some(all, "parked", [](const image& i) { return !i.record.parked_reason.empty(); });
    check_some(all, "a delay", [](const image& i) { return i.not_before > timestamp{}; });
    check_some(all, "next", [](const image& i) { return i.created_as != i.record.execution; });
    check_some(all, "a parent", [](const image& i) { return i.record.parent.has_value(); });
    check_some(all, "tags", [](const image& i) { return !i.record.tags.empty(); });
    check_some(all, "a level", [](const image& i) { return i.record.level > 1; });
    check_some(all, "an entity", [](const image& i) { return i.record.kind != instance_kind{}; });
    check_some(all, "a failure", [](const image& i) { return !i.record.failure.empty(); });
    check_some(all, "an output", [](const image& i) { return !i.record.output.is_none(); });
    check_some(all, "status", [](const image& i) { return !i.record.custom_status.is_none(); });
    check_some(all, "a committer", [](const image& i) { return !i.last_committer.text.empty(); });
    check_some(all, "ids", [](const image& i) { return i.accepted.size() > 1; });
    check_some(all, "chunks", [](const image& i) { return i.history.size() > 3; });
    check_some(all, "a timer", some_message([](const auto& m) { return m.is_timer; }));
    check_some(all, "any", some_message([](const auto& m) { return !m.for_execution; }));
    check_some(all, "done", some_message([](const auto& m) { return bool(m.completed_by); }));
    check_some(all, "task", some_activity([](const auto& a) { return !a.held.token; }));
    check_some(all, "held", some_activity([](const auto& a) { return a.held.until.has_value(); }));
    check_some(all, "over", some_activity([&](const auto& a) { return has_noticed(a.held); }));
    check_some(all, "leftover", [&](const image& i) {
        return some_activity([&](const auto& a) { return a.execution != i.record.execution; })(i);
    });
}

/// What waits stands in Ready once, and nothing else; leases are found when they end.
void check_tables(a_hub& hub) {
    const std::string waiting =
        "(select case when suspect then -work_key else work_key end, ready_at, instance_key, "
        "0::bigint,"
        " null::uuid from Instances where ready_at is not null union all"
        " select case when suspect then -work_key else work_key end, ready_at, instance_key, task,"
        " execution_id from NewTasks where ready_at is not null)";
    const std::string queued =
        "(select work_key, due, instance_key, task, execution_id from Ready)";
    CHECK(hub.count("(" + waiting + " except all " + queued + ") x") == 0);
    CHECK(hub.count("(" + queued + " except all " + waiting + ") x") == 0);
    CHECK(hub.count("_UnreachableLeases(_Hub())") == 0);
}

/// Columns that images carry, and as what they are compared; the same for all others, and why they
/// need not be carried.
using column_list = std::map<std::string, std::string>;

const std::string lease_end = "case when t.ready_at is null then t.lease_until end";
const std::string key_name =
    "(select concat_ws('|', name, variant, priority, kind, feature_level) from WorkKeys k"
    " where k.work_key = t.work_key)";
const std::string holder_name = "(select worker_id from Workers w where w.worker = t.holder)";

const column_list carried = {
    {"instances.instance_id", "t.instance_id"},
    {"instances.work_key", key_name},
    {"instances.status", "t.status"},
    {"instances.execution_id", "t.execution_id"},
    {"instances.token", "t.token"},
    {"instances.lease_until", lease_end},
    {"instances.holder", holder_name},
    {"instances.ready_at", "t.ready_at"},
    {"instances.not_before", "greatest(t.not_before, 'epoch')"},
    {"instances.needs_turn", "t.needs_turn"},
    {"instances.suspect", "t.suspect"},
    {"instances.leased_alone", "t.leased_alone and t.token is not null"},
    {"instances.deliveries", "t.deliveries"},
    {"instances.history_length", "t.history_length"},
    {"instances.history_version", "t.history_version"},
    {"instances.last_committer",
     "(select worker_id from Workers w where w.worker = t.last_committer)"},
    {"instances.last_committed", "t.last_committed"},
    {"instances.updated_at", "t.updated_at"},
    {"instances.created_at", "t.created_at"},
    {"instances.start_at", "t.start_at"},
    {"instances.completed_at", "t.completed_at"},
    {"instances.created_as", "t.created_as"},
    {"instances.parent_instance", "t.parent_instance"},
    {"instances.parent_execution", "t.parent_execution"},
    {"instances.parent_task", "t.parent_task"},
    {"instances.parked_reason", "t.parked_reason"},
    {"instances.tags", "t.tags"},
    {"history.first", "t.first"},
    {"history.count", "t.count"},
    {"history.events", "t.events"},
    {"newevents.due", "t.due"},
    {"newevents.sequence", "t.sequence"},
    {"newevents.visible_at", "t.visible_at"},
    {"newevents.task", "t.task"},
    {"newevents.for_execution", "t.for_execution"},
    {"newevents.is_timer", "t.is_timer"},
    {"newevents.completed_by", "t.completed_by"},
    {"newevents.event", "t.event"},
    {"newtasks.task", "t.task"},
    {"newtasks.execution_id", "t.execution_id"},
    {"newtasks.work_key", key_name},
    {"newtasks.token", "t.token"},
    {"newtasks.lease_until", lease_end},
    {"newtasks.holder", holder_name},
    {"newtasks.ready_at", "t.ready_at"},
    {"newtasks.suspect", "t.suspect"},
    {"newtasks.leased_alone", "t.leased_alone and t.token is not null"},
    {"newtasks.deliveries", "t.deliveries"},
    {"newtasks.version", "t.version"},
    {"newtasks.input_codec", "t.input_codec"},
    {"newtasks.input", "t.input"},
    {"newtasks.details", "t.details"},
    {"messageids.message_id", "t.message_id"},
    {"messageids.accepted_at", "t.accepted_at"},
    {"messageids.sequence",
     "rank() over (partition by t.instance_key order by t.sequence)"},  // The order.
    {"payloads.kind", "t.kind"},
    {"payloads.codec", "t.codec"},
    {"payloads.bytes", "t.bytes"},
};

const column_list not_carried = {
    {"instances.instance_key", "counts creations; their order is that of the images"},
    {"instances.task_hub", "is the hub that they are written into"},
    {"history.instance_key", "is the instance"},
    {"newevents.instance_key", "is the instance"},
    {"newtasks.instance_key", "is the instance"},
    {"messageids.instance_key", "is the instance"},
    {"payloads.instance_key", "is the instance"},
};

/// What all of a table's columns are about. A change of such a table changes no image, so that it
/// need not feed.
const column_list not_carried_tables = {
    {"ready", "follows from ready_at and suspect of what waits; check_tables compares it"},
    {"requests", "answers stay where they were given; leases follow from the items"},
    {"changedinstances", "the feed itself"},
    {"workers", "live in a hub; the names of holders and committers are carried"},
    {"workkeys", "names, of which each hub has numbers"},
    {"taskhubs", "the hub itself"},
    {"versions", "the installation"},
    {"globalsettings", "the installation"},
};

std::string table_of(const std::string& column) {
    return column.substr(0, column.find('.'));
}

/// The rows of this table in that hub, by instance, with all that is carried.
std::string rows_of(const std::string& table, const std::string& hub) {
    std::string values;
    for (const auto& [column, as] : carried) {
        values += table_of(column) == table ? ", " + as : "";
    }
    return "select i.instance_id as id" + values + " from " + table +
           " t join Instances i on i.instance_key = t.instance_key"
           " join TaskHubs h on h.task_hub = i.task_hub and h.name = '" +
           hub + "'";
}

/// Makes a hub in which everything occurs.
void fill(a_hub& hub, duration& moved, std::uint64_t seed = 1) {
    random_hub random(hub.store, hub.store, seed);
    random.act(900);
    random.leave_leases();
    moved = random.moved();
}

void move(a_hub& from, a_hub& to, duration moved) {
    static_cast<void>(to.store.advance_clock(moved));
    const image_page all = all_of(from.store);
    const auto outcomes = to.store.write_images(all.images, all.last_sequence, write_mode::keep);
    CHECK(outcomes == std::vector(all.images.size(), write_outcome::written));
}

}  // namespace

TEST_CASE("images: what is written into another hub is what was read", "[IMAGE-1]") {
    const bool is_same_schema = GENERATE(true, false);
    const settings schema = fresh_schema();
    a_hub source(schema);
    settings other = is_same_schema ? schema : fresh_schema();
    // One transaction a call, whatever is between.
    other.pooler = is_same_schema ? postgres::pooler::none : postgres::pooler::transaction;
    a_hub target(other, "target");
    duration moved{};
    fill(source, moved);
    const image_page before = all_of(source.store);
    check_variety(before.images);

    move(source, target, moved);

    const image_page after = all_of(target.store, 1000);
    REQUIRE(after.images.size() == before.images.size());
    for (std::size_t n = 0; n < after.images.size(); ++n) {
        INFO(before.images[n].record.instance.text());
        CHECK((after.images[n] == before.images[n]));
    }
    check_tables(target);
    CHECK(target.store.status().live_workers.empty());
    const new_message message{.target = before.images.back().record.instance, .event = "{}"};
    static_cast<void>(target.store.send({.request = {random_uuid()}}, {&message, 1}));
    CHECK(image_of(target.store, message.target)->inbox.back().message.sequence >
          before.last_sequence);
    // And nothing of it twice.
    CHECK(target.store.write_images(before.images, before.last_sequence, write_mode::keep) ==
          std::vector(before.images.size(), write_outcome::refused));
    CHECK(all_of(target.store).images.size() == before.images.size());
}

TEST_CASE("images: the hub that they are written into goes on as the first one", "[IMAGE-1]") {
    const settings schema = fresh_schema();
    a_hub source(schema);
    a_hub target(schema, "target");
    duration moved{};
    fill(source, moved, 2);
    move(source, target, moved);

    for (const bool suspects : {false, true, true, false}) {
        for (const auto& step : {0s, 30s}) {
            lock_request wanted;
            wanted.request = {random_uuid()};
            wanted.worker = {"w1"};
            wanted.orchestrations = 5;
            wanted.activities = 5;
            wanted.suspects = suspects;
            std::vector<work_batch> given;
            for (a_hub* hub : {&source, &target}) {
                static_cast<void>(hub->store.advance_clock(step));
                given.push_back(hub->store.lock(wanted));
            }
            const auto& [here, there] = std::pair(given[0], given[1]);
            REQUIRE(there.orchestrations.size() == here.orchestrations.size());
            REQUIRE(there.activities.size() == here.activities.size());
            for (std::size_t n = 0; n < here.orchestrations.size(); ++n) {
                const orchestration_work& a = here.orchestrations[n];
                const orchestration_work& b = there.orchestrations[n];
                CHECK(a.instance == b.instance);
                CHECK(a.held.token == b.held.token);
                CHECK((a.history == b.history));
                CHECK((a.inbox == b.inbox));
                CHECK(a.deliveries == b.deliveries);
                CHECK(a.suspect == b.suspect);
            }
            for (std::size_t n = 0; n < here.activities.size(); ++n) {
                const activity_work& a = here.activities[n];
                const activity_work& b = there.activities[n];
                CHECK(a.instance == b.instance);
                CHECK(a.task == b.task);
                CHECK(a.deliveries == b.deliveries);
                CHECK(a.suspect == b.suspect);
            }
        }
    }
    check_tables(target);
}

TEST_CASE("images: every column of the schema is carried and feeds, or need not") {
    const settings schema = fresh_schema();
    a_hub source(schema);
    a_hub target(schema, "target");
    test_connection looking(schema);
    const std::string columns =
        text_of(*looking,
                "select string_agg(c.table_name || '.' || c.column_name, ' ' order by 1)"
                " from information_schema.columns c join information_schema.tables t"
                " using (table_schema, table_name)"
                " where c.table_schema = current_schema and t.table_type = 'BASE TABLE'");
    const std::string feeding =
        text_of(*looking, "select ' ' || lower(array_to_string(_FeedTables(), ' ')) || ' '");
    std::size_t found = 0;
    for (std::size_t at = 0; at < columns.size();) {
        const std::size_t end = std::min(columns.find(' ', at), columns.size());
        const std::string column = columns.substr(at, end - at);
        at = end + 1;
        ++found;
        INFO(column);
        CHECK(carried.count(column) + not_carried.count(column) +
                  not_carried_tables.count(table_of(column)) ==
              1);
        const bool feeds = feeding.find(" " + table_of(column) + " ") != std::string::npos;
        CHECK(feeds == (not_carried_tables.count(table_of(column)) == 0));
    }
    CHECK(found > 80);

    duration moved{};
    fill(source, moved, 3);
    move(source, target, moved);
    for (const char* table :
         {"instances", "history", "newevents", "newtasks", "messageids", "payloads"}) {
        INFO(table);
        const std::string here = rows_of(table, "source");
        const std::string there = rows_of(table, "target");
        CHECK(target.count("(" + here + ") x") > 0);
        CHECK(target.count("((" + here + ") except all (" + there + ")) x") == 0);
        CHECK(target.count("((" + there + ") except all (" + here + ")) x") == 0);
    }
}

TEST_CASE("images: pages are cut by weight, and the rest of a history is read", "[IMAGE-3]") {
    a_hub source(fresh_schema());
    duration moved{};
    fill(source, moved, 4);
    const std::vector<instance_image> whole = all_of(source.store).images;
    std::size_t cut = 0;
    std::size_t place = 0;
    for (std::string next;;) {
        image_page page = source.store.read_images(next, 10, 700);
        REQUIRE(!page.images.empty());
        for (instance_image& image : page.images) {
            if (!has_end(image)) {
                ++cut;
                CHECK(&image == &page.images.back());
                REQUIRE(!image.history.empty());
                const history_chunk& last = image.history.back();
                const auto rest = source.store.read_history(
                    image.record.instance, last.first + last.count, plenty);
                image.history.insert(image.history.end(), rest->chunks.begin(), rest->chunks.end());
            }
            image.record.leased_by.clear();
            CHECK((image == whole.at(place)));
            ++place;
        }
        next = page.next;
        if (next.empty()) {
            break;
        }
    }
    CHECK(place == whole.size());
    CHECK(cut > 3);

    const std::vector<instance_id> ids{
        whole[3].record.instance, instance_id("nobody"), whole[0].record.instance};
    const auto found = source.store.read_images(ids, 1);
    REQUIRE(found.size() == 3);
    CHECK(found[0]->record.instance == ids[0]);
    CHECK(found[0]->history.size() == 1);
    CHECK(!found[1]);
    CHECK(found[2]->created_as == whole[0].created_as);
    for (const char* after : {"x", "-1", "1 ", "99999999999999999999"}) {
        const auto refusal =
            failure_of([&] { static_cast<void>(source.store.read_images(after, 1, plenty)); });
        CHECK(refusal.code() == store_fault::rejected);
    }
    a_hub empty(source.chosen, "empty");
    CHECK(empty.store.read_images("", 1, 1).images.empty());
    CHECK(empty.store.read_images({}, 1).empty());
}

TEST_CASE("images: one without its end is kept, and completed by what follows",
          "[IMAGE-4][IMAGE-5]") {
    a_hub hub(fresh_schema());
    instance_image whole = an_image("order-1");
    whole.history.push_back({3, 1, "[{}]"});
    whole.record.history_length = 4;
    whole.record.custom_status = payload("json", "1");
    whole.inbox = {{.message = {5, timestamp(3s), {}, "{}"}, .due = timestamp(3s)}};
    whole.accepted = {{"m1", timestamp(3s)}};
    whole.activities = {{.scheduled = {.task = {1}, .name = "charge"},
                         .execution = whole.record.execution,
                         .held = {.ready_at = timestamp(3s)}}};
    whole.held.ready_at = timestamp(3s);
    whole.record.inbox_length = 1;
    const std::vector<instance_image> parts = parts_of(whole);
    const instance_id& id = whole.record.instance;

    SECTION("call by call") {
        REQUIRE(write(hub.store, parts[0]) == write_outcome::written);
        const instance_image kept = image_of(hub.store, id).value();
        CHECK(kept.record.parked_reason == incomplete_image);
        CHECK(kept.record.history_length == 1);
        CHECK(kept.history_version == 0);
        CHECK(kept.inbox.empty());
        CHECK(kept.accepted.empty());
        CHECK(kept.activities.empty());
        CHECK((kept.held == lease_image{}));
        CHECK(hub.count("Ready") == 0);
        CHECK(hub.store.unpark({random_uuid()}, {&id, 1}).front() == unpark_outcome::not_parked);
        // Nothing but what follows.
        CHECK(write(hub.store, parts[0]) == write_outcome::refused);
        CHECK(write(hub.store, parts[2]) == write_outcome::refused);
        instance_image other = parts[1];
        other.created_as = {random_uuid()};
        CHECK(write(hub.store, other) == write_outcome::refused);
        other = parts[1];
        other.record.execution = {random_uuid()};
        CHECK(write(hub.store, other) == write_outcome::refused);
        REQUIRE(write(hub.store, parts[1]) == write_outcome::written);
        CHECK(image_of(hub.store, id)->record.history_length == 3);
        REQUIRE(write(hub.store, parts[2]) == write_outcome::written);
    }
    SECTION("in one call") {
        const std::vector images{parts[2], parts[0], parts[0], parts[1], parts[2], whole};
        CHECK(hub.store.write_images(images, 1000, write_mode::keep) ==
              std::vector{write_outcome::refused,
                          write_outcome::written,
                          write_outcome::refused,
                          write_outcome::written,
                          write_outcome::written,
                          write_outcome::refused});
    }
    SECTION("in two calls") {
        REQUIRE(write(hub.store, parts[0]) == write_outcome::written);
        CHECK(hub.store.write_images({&parts[1], 2}, 1000, write_mode::keep) ==
              std::vector{write_outcome::written, write_outcome::written});
    }
    CHECK((image_of(hub.store, id) == whole));
    CHECK(write(hub.store, parts[2]) == write_outcome::refused);
    check_tables(hub);
}

TEST_CASE("images: an incomplete one is an instance that can be ended, and keeps what it gets",
          "[IMAGE-4][SEND-3]") {
    a_hub hub(fresh_schema());
    const instance_image whole = an_image("order-1");
    const std::vector<instance_image> parts = parts_of(whole);
    const instance_id& id = whole.record.instance;
    REQUIRE(write(hub.store, parts[0]) == write_outcome::written);
    const new_message message{.target = id, .event = "{}", .id = "m1"};
    REQUIRE(hub.store.send({.request = {random_uuid()}}, {&message, 1}).outcomes.front() ==
            send_outcome::accepted);
    SECTION("completed") {
        REQUIRE(write(hub.store, parts[1]) == write_outcome::written);
        CHECK(hub.store.send({.request = {random_uuid()}}, {&message, 1}).outcomes.front() ==
              send_outcome::duplicate);
        const instance_image found = image_of(hub.store, id).value();
        CHECK(found.inbox.size() == 1);
        CHECK(found.held.ready_at.has_value());
    }
    SECTION("terminated") {
        const termination wish{
            .target = id, .event = "{}", .final_event = "{}", .output = payload("json", "1")};
        REQUIRE(hub.store.terminate({random_uuid()}, {&wish, 1}).front() ==
                terminate_outcome::terminated);
        CHECK(write(hub.store, parts[1]) == write_outcome::refused);
    }
    SECTION("purged") {
        REQUIRE(hub.store.purge({.request = {random_uuid()}, .instances = {id}, .force = true})
                    .purged == 1);
        CHECK(write(hub.store, whole) == write_outcome::written);
    }
    check_tables(hub);
}

TEST_CASE("images: a lease ends in the hub that it was written into, or is used there",
          "[IMAGE-1][SUSPECT-1][LOCK-9]") {
    a_hub hub(fresh_schema());
    const timestamp now = hub.store.status().store_time;
    instance_image image = an_image("order-1");
    image.held = {.token = {11}, .holder = {"elsewhere"}, .until = now + 1h};
    image.activities = {{.scheduled = {.task = {1}, .name = "charge"},
                         .execution = image.record.execution,
                         .held = {.token = {12}, .holder = {"elsewhere"}, .until = now + 2h}}};
    image.last_committer = {"elsewhere"};
    REQUIRE(write(hub.store, image) == write_outcome::written);
    check_tables(hub);
    CHECK(hub.store.get({&image.record.instance, 1}).front()->leased_by == "elsewhere");
    CHECK(hub.store.status().live_workers.empty());
    lock_request wanted;
    wanted.request = {random_uuid()};
    wanted.worker = {"elsewhere"};
    wanted.orchestrations = 1;
    wanted.activities = 1;
    wanted.suspects = true;
    CHECK(hub.store.lock(wanted).orchestrations.empty());

    SECTION("used") {
        const finished_work turn{.instance = image.record.instance,
                                 .execution = image.record.execution,
                                 .held = {{11}, 0},
                                 .activity = {},
                                 .turn = checkpoint{.history_version = 2, .last_committed = {77}}};
        const finished_work task{.instance = image.record.instance,
                                 .execution = image.record.execution,
                                 .held = {{12}, 0},
                                 .activity = ended_activity{{1}, "{}"},
                                 .turn = {}};
        wanted.request = {random_uuid()};
        wanted.suspects = false;
        CHECK(hub.store.commit({{&turn, 1}, wanted}).outcomes.front() == commit_outcome::committed);
        wanted.request = {random_uuid()};
        const commit_result done = hub.store.commit({{&task, 1}, wanted});
        CHECK(done.outcomes.front() == commit_outcome::committed);
        REQUIRE(done.work.orchestrations.size() == 1);
        // It has the frame.
        CHECK(done.work.orchestrations.front().history.empty());
    }
    SECTION("ended") {
        static_cast<void>(hub.store.advance_clock(3h));
        wanted.request = {random_uuid()};
        const work_batch turns = hub.store.lock(wanted);
        wanted.request = {random_uuid()};
        const work_batch tasks = hub.store.lock(wanted);
        REQUIRE(turns.orchestrations.size() == 1);
        CHECK(turns.orchestrations.front().suspect);
        REQUIRE(tasks.activities.size() == 1);
        CHECK(tasks.activities.front().suspect);
    }
    SECTION("taken over") {
        const worker_id dead{"elsewhere"};
        hub.store.take_over({random_uuid()}, {&dead, 1});
        CHECK(image_of(hub.store, image.record.instance)->held.ready_at.has_value());
    }
    check_tables(hub);
}

TEST_CASE("images: the store says when one is ready, the image may say later", "[IMAGE-1]") {
    a_hub hub(fresh_schema());
    const timestamp now = hub.store.status().store_time;
    const auto ready_at = [&](instance_image image) {
        REQUIRE(write(hub.store, image) == write_outcome::written);
        return image_of(hub.store, image.record.instance)->held.ready_at;
    };
    instance_image waits = an_image("with a message");
    waits.inbox = {{.message = {5, now - 9s, {}, "{}"}, .due = now - 8s}};
    CHECK(ready_at(waits) >= now);
    waits.record.instance = instance_id("earlier");
    waits.held.ready_at = now - 10s;
    CHECK(ready_at(waits) == now - 8s);
    waits.record.instance = instance_id("later");
    waits.held.ready_at = now - 5s;
    CHECK(ready_at(waits) == now - 5s);
    waits.record.instance = instance_id("delayed");
    waits.not_before = now + 1h;
    CHECK(ready_at(waits) == now + 1h);
    waits.record.instance = instance_id("parked");
    waits.record.parked_reason = "broken";
    CHECK(!ready_at(waits));
    instance_image idle = an_image("with nothing to do");
    idle.held.ready_at = now - 5s;
    CHECK(!ready_at(idle));
    instance_image over = an_image("over since nobody knows when");
    over.held = {.token = {11}, .holder = {"w1"}, .suspect = true, .deliveries = 2};
    CHECK(ready_at(over) >= now);
    CHECK(image_of(hub.store, over.record.instance)->held.deliveries == 2);
    check_tables(hub);
}

TEST_CASE("images: whatever the types can say travels", "[IMAGE-1][LIMIT-1]") {
    a_hub hub(fresh_schema());
    const std::string longest(255, 'x');
    const std::string hostile = R"('"\ {a,b}, größer, $$; drop table Instances; --)";
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    instance_image image = an_image(longest);
    image.record.name = hostile;
    image.record.version = longest;
    image.record.level = 32767;
    image.record.created_at = timestamp::min();
    image.record.updated_at = timestamp::max();
    image.record.custom_status = payload(longest, std::string("\0'\xff", 3));
    image.record.tags = {{hostile, hostile}, {longest, ""}};
    image.record.parent = parent_link{instance_id(hostile), {random_uuid()}, {most}};
    image.history = {{0, 3, R"([{"a":"'\"\\ größer"}])"}};
    image.last_committed = {most};
    image.last_committer = {hostile};
    image.held = {.token = {most},
                  .holder = {longest},
                  .until = timestamp::max() - duration(1),
                  .deliveries = 2'000'000'000};
    image.inbox = {{.message = {1000, timestamp::min(), {most}, hostile},
                    .due = timestamp::min(),
                    .completed_by = {most}}};
    image.record.inbox_length = 1;
    image.accepted = {{hostile, timestamp::min()}, {longest, timestamp::max()}};
    for (const std::uint64_t task : {std::uint64_t{1}, most}) {
        image.activities.push_back({.scheduled = {.task = {task},
                                                  .name = longest,
                                                  .version = hostile,
                                                  .queue = hostile,
                                                  .priority = std::numeric_limits<int>::min(),
                                                  .input = payload("raw", std::string(2, '\0')),
                                                  .details = hostile},
                                    .execution = image.record.execution,
                                    .held = {.ready_at = timestamp::max()}});
    }
    REQUIRE(write(hub.store, image) == write_outcome::written);

    instance_image found = image_of(hub.store, image.record.instance).value();
    CHECK(found.record.leased_by == longest);
    found.record.leased_by.clear();
    CHECK((found == image));
}

TEST_CASE("images: one that is refused takes the whole call with it", "[IMAGE-6]") {
    a_hub hub(fresh_schema());
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    std::vector<instance_image> images{an_image("good"), an_image("bad")};
    instance_image& bad = images.back();
    std::uint64_t last_sequence = 1000;
    switch (GENERATE(range(0, 8))) {
        case 0:
            bad.record.completed_at = timestamp(1s);
            break;
        case 1:
            bad.history = {{0, 3, std::string("[\0]", 3)}};
            break;
        case 2:
            bad.history = {{0, 3'000'000'000, "[]"}};
            bad.record.history_length = 3'000'000'000;
            break;
        case 3:
            bad.history_version = most;
            break;
        case 4:
            bad.held.deliveries = std::numeric_limits<std::uint32_t>::max();
            break;
        case 5:
            bad.record.level = 40'000;
            break;
        case 6:
            bad.record.parked_reason = "broken";
            bad.held = {.token = {1}, .holder = {}, .until = timestamp(1s)};
            break;
        default:
            last_sequence = most;
    }

    const auto refusal = failure_of([&] {
        static_cast<void>(hub.store.write_images(images, last_sequence, write_mode::keep));
    });

    CHECK(refusal.code() == store_fault::rejected);
    CHECK(!image_of(hub.store, images.front().record.instance));
    CHECK(hub.store.read_images("", 10, plenty).last_sequence < 1'000'000'000);
}

TEST_CASE("images: without images, only the sequence is raised", "[SEND-5]") {
    a_hub hub(fresh_schema());
    CHECK(hub.store.read_images("", 10, plenty).last_sequence == 0);

    CHECK(hub.store.write_images({}, 5'000'000, write_mode::keep).empty());

    const std::uint64_t raised = hub.store.read_images("", 10, plenty).last_sequence;
    CHECK(raised >= 5'000'000);
    CHECK(hub.store.write_images({}, 5'000'000, write_mode::keep).empty());
    CHECK(hub.store.read_images("", 10, plenty).last_sequence == raised);
}

}  // namespace perdure::postgres_test
