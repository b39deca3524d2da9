#define CATCH_CONFIG_FAST_COMPILE
#include "engine/engine.hpp"
#include "engine/orchestrations.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace perdure;
using namespace perdure::conformance;

// Executions whose results weigh more than a worker keeps, or than one answer of the store carries.

namespace {

inline constexpr activity<int, std::string> fetch{"Fetch"};
inline constexpr orchestrator<int, std::string> fetching{"Fetching"};

/// The first letter of each result, in order.
orchestration<std::string> fetch_in_turn(context& ctx, int count) {
    std::string letters;
    for (int n = 0; n < count; ++n) {
        const auto result = co_await ctx.call(fetch, n);
        letters += result.at(0);
    }
    co_return letters;
}

registry fetchers(std::size_t bytes) {
    registry known;
    known.add(fetching, fetch_in_turn);
    known.add(fetch,
              [bytes](const int& n) { return std::string(bytes, static_cast<char>('a' + n)); });
    return known;
}

}  // namespace

TEST_CASE("an execution that weighs more than the frame cache is repeated once, not at every turn",
          "[engine][large]") {
    worker_options options;
    options.cached_bytes_max = 100'000;
    engine shop(fetchers(100'000), options);

    const auto id = shop.clients().start(fetching, 12);

    CHECK(shop.clients().wait<std::string>(id, patience) == "abcdefghijkl");
    shop.stop();
    CHECK(shop.workers().statistics().rebuilds == 1);
}

TEST_CASE("a history of several pages is repeated page by page", "[engine][large]") {
    worker_options options;
    options.cached_frames_max = 0;
    engine shop(fetchers(std::size_t{3} << 20U), options);

    const auto id = shop.clients().start(fetching, 7);

    CHECK(shop.clients().wait<std::string>(id, patience) == "abcdefg");
}
