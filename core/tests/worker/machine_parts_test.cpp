#include "nouns/invariant.hpp"
#include "replay/live_instance.hpp"
#include "worker/executed.hpp"
#include "worker/fake_backend.hpp"
#include "worker/late_turns.hpp"
#include "worker/samples.hpp"
#include "worker/served_work.hpp"
#include "worker/text_executor.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

// Turns that end late, and where turn machines come from.

namespace perdure {
namespace {

using namespace testing;

dispatch::item_ptr a_turn(const std::string& id) {
    return std::make_shared<dispatch::leased_item>(a_leased_turn(id));
}

TEST_CASE("a late turn is ready once it was left and woken, in either order", "[machine]") {
    dispatch::late_turns late;
    const auto left_first = a_turn("a");
    const auto woken_first = a_turn("b");

    late.leave(left_first);
    CHECK(late.take() == nullptr);
    CHECK(late.wake(left_first));
    CHECK_FALSE(late.wake(woken_first));
    CHECK(late.take() == left_first);
    CHECK(late.take() == nullptr);
    late.leave(woken_first);
    CHECK(late.take() == woken_first);
}

TEST_CASE("of late turns those that are chosen are woken, and what is left can be taken",
          "[machine]") {
    dispatch::late_turns late;
    const auto chosen = a_turn("a");
    const auto other = a_turn("b");
    late.leave(chosen);
    late.leave(other);

    CHECK(late.wake_if([&](const auto& item) { return item == chosen; }) == 1);
    CHECK(late.take() == chosen);
    CHECK(late.take_all() == std::vector<dispatch::item_ptr>{other});
    CHECK(late.take_all().empty());
}

TEST_CASE("what is served is the same object until a definition comes or goes", "[machine]") {
    const registry known = a_registry();
    const auto source = std::make_shared<text_source>();
    dispatch::served_work served(known, source, {""});
    const auto before = served.filter();
    const work_filter::definition text{"TextChain", ""};

    CHECK(served.filter() == before);
    CHECK(std::ranges::count(before->orchestrations, text) == 0);
    const text_source texts_alone(texts());
    auto work = a_leased_turn("a");
    work.name = "TextChain";
    CHECK(served.make(work, {}) == nullptr);
    CHECK(texts_alone.make(work, {}) != nullptr);

    source->connect(texts());
    CHECK(std::ranges::count(served.filter()->orchestrations, text) == 1);
    CHECK(served.make(work, {}) != nullptr);
    source->end();
    CHECK(served.filter()->orchestrations == before->orchestrations);
}

TEST_CASE("a definition that the registry has too is asked for once, and is the registry's",
          "[machine]") {
    text_code twice;
    twice["Hello"] = texts()["TextChain"];
    const registry known = a_registry();
    dispatch::served_work served(known, std::make_shared<text_source>(twice), {""});
    auto work = a_leased_turn("a");
    work.name = "Hello";

    CHECK(std::ranges::count(served.filter()->orchestrations,
                             work_filter::definition{"Hello", ""}) == 1);
    const auto machine = served.make(work, {});
    CHECK(dynamic_cast<replay::live_instance*>(machine.get()) != nullptr);
}

TEST_CASE("a turn is parked with a reason, also when its machine gives none", "[machine]") {
    CHECK(dispatch::executed::parked("why").reason == "why");
    CHECK_FALSE(dispatch::executed::parked({}).reason.empty());
}

TEST_CASE("a coroutine's turn waits for nothing", "[machine]") {
    const registry known = a_registry();
    auto work = a_leased_turn("a");
    work.name = "Hello";
    const auto machine = replay::coroutines_of(known)->make(work, {});

    CHECK_FALSE(machine->ends_late());
    CHECK_THROWS_AS(machine->resume(std::nullopt), broken_invariant);
    CHECK_THROWS_AS(machine->when_ready([] {}), broken_invariant);
}

}  // namespace
}  // namespace perdure
