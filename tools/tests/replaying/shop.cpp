#include "shop.hpp"

#include <perdure/codec_cereal.hpp>
#include <perdure/flows.hpp>

#include <chrono>
#include <stdexcept>
#include <string_view>

#ifndef SHOP_CHANGE
#define SHOP_CHANGE "none"
#endif

namespace {

using namespace std::chrono_literals;

constexpr std::string_view change = SHOP_CHANGE;

constexpr perdure::activity<std::string, std::string> reserve{"reserve"};
constexpr perdure::activity<std::string, std::string> charge{change == "renamed" ? "bill"
                                                                                 : "charge"};
constexpr perdure::activity<std::string, std::string> inspect{"inspect"};
constexpr perdure::activity<std::string, std::string> ship{"ship"};

// No compiler may take it that this ends.
[[maybe_unused]] volatile bool goes_on = true;

[[maybe_unused]] perdure::orchestration<std::string> sell_it(perdure::context& ctx,
                                                             std::string article) {
    co_await ctx.call(reserve, article);
    if constexpr (change == "endless") {
        while (goes_on) {
        }
    }
    if constexpr (change != "without_timer") {
        co_await ctx.create_timer(1ms);
    }
    if constexpr (change == "one_more") {
        co_await ctx.call(inspect, article);
    }
    if constexpr (change == "throws") {
        throw std::runtime_error("sold out: \x1b[2J");
    }
    if constexpr (change == "other_order") {
        co_await ctx.call(ship, article);
    }
    const std::string paid = (change == "other_input" ? "the " : "") + article;
    co_await ctx.call(charge, paid);
    if constexpr (change != "other_order" && change != "one_fewer") {
        co_await ctx.call(ship, article);
    }
    co_return article + " is sold";
}

// The input is a number now.
[[maybe_unused]] perdure::orchestration<std::string> sell_number(perdure::context& ctx,
                                                                 int number) {
    const std::string article = std::to_string(number);
    co_await ctx.call(reserve, article);
    co_return article;
}
constexpr perdure::orchestrator<int, std::string> sell_by_number{"Sell"};

perdure::orchestration<std::string> approve_it(perdure::context& ctx, std::string article) {
    if constexpr (change == "impatient") {
        co_await ctx.call(inspect, article);
    }
    auto answer = ctx.wait_for_event<std::string>("Answer");
    const std::string text = co_await answer;
    co_await ctx.call(charge, article);
    co_return text;
}

}  // namespace

void add_shop(perdure::registry& known) {
    const auto done = [](const std::string& article) { return article + ": done"; };
    known.add(reserve, done).add(charge, done).add(inspect, done).add(ship, done);
    known.add(approve, approve_it);
    if constexpr (change == "unreadable") {
        known.add(sell_by_number, sell_number);
    } else {
        known.add(sell, sell_it, change == "new_version" ? "2" : "");
    }
    if constexpr (change == "refuses") {
        throw std::runtime_error("the shop is closed");
    }
}

PERDURE_FLOWS(add_shop)
