#include "definitions.hpp"

#include <chrono>
#include <vector>

namespace perdure::tool {
namespace {

constexpr perdure::activity<void, void> nothing{"perdure.bench.Nothing"};
constexpr auto a_year = std::chrono::hours(24 * 365);

orchestration<> call_in_sequence(context& ctx, std::uint32_t calls) {
    for (std::uint32_t n = 0; n < calls; ++n) {
        co_await ctx.call(nothing);
    }
}

orchestration<> call_in_parallel(context& ctx, std::uint32_t calls) {
    std::vector<task_handle<void>> begun;
    for (std::uint32_t n = 0; n < calls; ++n) {
        begun.push_back(ctx.call(nothing));
    }
    co_await when_all(begun);
}

orchestration<> wait_for_a_year(context& ctx, std::uint32_t which) {
    const bool is_even = which % 2 == 0;
    if (is_even) {
        co_await ctx.wait_for_event<bool>("never", a_year);
    } else {
        co_await ctx.create_timer(a_year);
    }
}

}  // namespace

registry bench_definitions() {
    registry known;
    known.add(in_sequence, call_in_sequence)
        .add(in_parallel, call_in_parallel)
        .add(waiting, wait_for_a_year)
        .add(nothing, [] {});
    return known;
}

}  // namespace perdure::tool
