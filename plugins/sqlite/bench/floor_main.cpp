#include "floor.hpp"

#include <perdure/failure.hpp>

#include <fmt/format.h>

#include <cstdlib>

// perdure-sqlite-floor FILE COUNT prints one line of JSON.
int main(int argc, char** argv) {
    const std::uint64_t count = argc == 3 ? std::strtoull(argv[2], nullptr, 10) : 0;
    if (count == 0) {
        fmt::print(stderr, "usage: perdure-sqlite-floor FILE COUNT\n");
        return 2;
    }
    try {
        const auto found = perdure::sqlite::measure_floor(argv[1], count);
        fmt::print(R"({{"orchestrations_per_second":{:.1f},"orchestrations":{},"seconds":{:.3f}}})"
                   "\n",
                   static_cast<double>(found.orchestrations) / found.seconds,
                   found.orchestrations,
                   found.seconds);
        return 0;
    } catch (const perdure::error& error) {
        fmt::print(stderr, "perdure-sqlite-floor: {}\n", error.what());
        return 1;
    }
}
