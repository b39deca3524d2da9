// 03 saga: when a step fails for good, undo the steps before it, in reverse. C++ allows no
// `co_await` in a `catch` block, so the failure is remembered there and made up for after it.
//
//     03_saga [HUB]

#include <perdure/client.hpp>
#include <perdure/codec_cereal.hpp>
#include <perdure/worker.hpp>

#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>

#include <array>
#include <chrono>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;

struct trip_report {
    std::string problem;
    std::vector<std::string> cancelled;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(CEREAL_NVP(problem), CEREAL_NVP(cancelled));
    }
};

inline constexpr perdure::activity<std::string, void> book{"Book"};
inline constexpr perdure::activity<std::string, void> cancel{"Cancel"};
inline constexpr perdure::orchestrator<std::string, trip_report> plan_trip{"PlanTrip"};

constexpr std::array parts = {"flight", "hotel", "car"};

void book_part(const std::string& what) {
    if (what == "car to Atlantis") {
        throw std::runtime_error("no road leads there");
    }
    std::cout << "booked " << what << '\n';
}

void cancel_part(const std::string& what) {
    std::cout << "cancelled " << what << '\n';
}

perdure::orchestration<trip_report> book_trip(perdure::context& ctx, std::string destination) {
    trip_report report;
    std::vector<std::string> booked;
    try {
        for (const auto* part : parts) {
            const auto what = part + (" to " + destination);
            // Two attempts; the wait between them is a durable timer.
            co_await ctx.call(
                book, what, perdure::call_options().retry(perdure::retry_policy(2, 10ms)));
            booked.push_back(what);
        }
    } catch (const perdure::activity_failed& failed) {
        report.problem = failed.reason().message;
    }

    if (!report.problem.empty()) {
        for (auto what = booked.rbegin(); what != booked.rend(); ++what) {
            co_await ctx.call(cancel, *what);
            report.cancelled.push_back(*what);
        }
    }
    co_return report;
}

int main(int argc, char** argv) {
    try {
        auto hub = perdure::open(argc > 1 ? argv[1] : "memory:");

        perdure::registry registry;
        registry.add(plan_trip, book_trip).add(book, book_part).add(cancel, cancel_part);
        perdure::worker worker(hub, registry);
        worker.start();

        perdure::client client(hub);
        const auto good = client.start(plan_trip, "Rome");
        const auto bad = client.start(plan_trip, "Atlantis");
        const auto rome = client.wait<trip_report>(good, 1min);
        const auto atlantis = client.wait<trip_report>(bad, 1min);

        std::cout << "Rome: " << (rome.problem.empty() ? "booked" : rome.problem) << '\n'
                  << "Atlantis: " << atlantis.problem << ", " << atlantis.cancelled.size()
                  << " bookings cancelled\n";
        const std::vector<std::string> expected = {"hotel to Atlantis", "flight to Atlantis"};
        return rome.problem.empty() && atlantis.cancelled == expected ? 0 : 1;
    } catch (const std::exception& problem) {
        std::cerr << "03_saga: " << problem.what() << '\n';
        return 1;
    }
}
