#include <perdure/kit/filters.hpp>

#include <catch2/catch.hpp>

#include <functional>

using namespace perdure;
using namespace std::chrono_literals;

static instance_record an_order() {
    instance_record record{.instance = instance_id("order-17")};
    record.name = "Order";
    record.version = "2";
    record.status = orchestration_status::running;
    record.created_at = timestamp(100s);
    record.tags = {{"customer", "ada"}};
    record.parent = parent_link{instance_id("shop"), {}, {3}};
    return record;
}

// Whether the order is meant by a filter with this much set.
static bool means(const std::function<void(instance_filter&)>& set,
                  const instance_record& record = an_order()) {
    instance_filter filter;
    set(filter);
    return matches(filter, record);
}

TEST_CASE("a filter without members means every instance") {
    CHECK(means([](auto&) {}));
}

TEST_CASE("each member of a filter must fit") {
    CHECK(means([](auto& f) { f.name = "Order"; }));
    CHECK_FALSE(means([](auto& f) { f.name = "order"; }));
    CHECK_FALSE(means([](auto& f) { f.version = ""; }));
    CHECK(means([](auto& f) { f.statuses = {orchestration_status::running}; }));
    CHECK_FALSE(means([](auto& f) { f.statuses = {orchestration_status::pending}; }));
    CHECK(means([](auto& f) { f.tag = {"customer", "ada"}; }));
    CHECK_FALSE(means([](auto& f) { f.tag = {"customer", "bob"}; }));
    CHECK_FALSE(means([](auto& f) { f.tag = {"city", "ada"}; }));
    CHECK(means([](auto& f) { f.parent = instance_id("shop"); }));
    CHECK_FALSE(means([](auto& f) { f.parent = instance_id("order-17"); }));
    CHECK(means([](auto& f) { f.id_prefix = "order-"; }));
    CHECK_FALSE(means([](auto& f) { f.id_prefix = "rder"; }));
    CHECK_FALSE(means([](auto& f) { f.kind = instance_kind::entity; }));
    CHECK_FALSE(means([](auto& f) {
        f.name = "Order";
        f.version = "1";
    }));
}

TEST_CASE("the bounds of a time range are within it, and an instance without the time is not") {
    CHECK(means([](auto& f) { f.created_from = f.created_to = timestamp(100s); }));
    CHECK_FALSE(means([](auto& f) { f.created_from = timestamp(101s); }));
    CHECK_FALSE(means([](auto& f) { f.created_to = timestamp(99s); }));
    CHECK_FALSE(means([](auto& f) { f.completed_from = timestamp(0s); }));
}

TEST_CASE("what is parked has a reason") {
    instance_record parked = an_order();
    parked.parked_reason = "diverged";
    CHECK(means([](auto& f) { f.parked = true; }, parked));
    CHECK_FALSE(means([](auto& f) { f.parked = false; }, parked));
    CHECK(means([](auto& f) { f.parked = false; }));
}

TEST_CASE("a worker serves exact definitions, of its level and of those below") {
    work_filter filter{.orchestrations = {{"Order", "2"}}, .level = 2};
    instance_record order = an_order();
    CHECK(serves(&filter, order));
    order.level = 2;
    CHECK(serves(&filter, order));
    order.level = 3;
    CHECK_FALSE(serves(&filter, order));
    CHECK(serves(nullptr, order));
    CHECK_FALSE(serves(&filter, {"Order", "1"}, 1));
    CHECK_FALSE(serves(&filter, {"Order", "2", instance_kind::entity}, 1));
}

TEST_CASE("a worker serves activities by name, on its queues") {
    work_filter filter{.activities = {"Charge"}};
    CHECK(serves(&filter, {.name = "Charge"}));
    CHECK_FALSE(serves(&filter, {.name = "Charge", .queue = "gpu"}));
    filter.queues = {"gpu"};
    CHECK(serves(&filter, {.name = "Charge", .queue = "gpu"}));
    CHECK_FALSE(serves(&filter, {.name = "Refund", .queue = "gpu"}));
    CHECK(serves(nullptr, {.name = "Refund"}));
}

TEST_CASE("work has the name by which a status lists it") {
    CHECK(work_name(an_order()) == "orchestration Order 2");
    CHECK(work_name({"Order"}, 1) == "orchestration Order");
    CHECK(work_name({"Order", "", instance_kind::entity}, 3) == "entity Order (feature level 3)");
    CHECK(work_name({.name = "Charge", .queue = "gpu"}) == "activity Charge");
}
