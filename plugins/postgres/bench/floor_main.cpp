#include "floor.hpp"

#include <perdure/failure.hpp>
#include <perdure/plugin.hpp>

#include <fmt/format.h>

#include <cstdlib>

// PERDURE_FLOOR_HUB=URI perdure-postgres-floor COUNT prints one line of JSON. The URI may hold a
// password, and everybody on the machine can read what stands on a command line.
int main(int argc, char** argv) {
    const char* const uri = std::getenv("PERDURE_FLOOR_HUB");  // NOLINT(concurrency-mt-unsafe)
    const std::uint64_t count = argc == 2 ? std::strtoull(argv[1], nullptr, 10) : 0;
    if (uri == nullptr || count == 0) {
        fmt::print(stderr, "usage: PERDURE_FLOOR_HUB=URI perdure-postgres-floor COUNT\n");
        return 2;
    }
    try {
        using namespace perdure::postgres;
        const auto found = measure_floor(read_settings(perdure::parse_uri(uri)), count);
        fmt::print(R"({{"orchestrations_per_second":{:.1f},"orchestrations":{},"seconds":{:.3f}}})"
                   "\n",
                   static_cast<double>(found.orchestrations) / found.seconds,
                   found.orchestrations,
                   found.seconds);
        return 0;
    } catch (const perdure::error& error) {
        fmt::print(stderr, "perdure-postgres-floor: {}\n", error.what());
        return 1;
    }
}
