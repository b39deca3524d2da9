// 04 approval: wait for a person, but not for ever. The wait costs nothing while it lasts, and goes
// on after a restart of the program; the deadline is a durable timer.
//
//     04_approval [HUB]

#include <perdure/client.hpp>
#include <perdure/codec_cereal.hpp>
#include <perdure/worker.hpp>

#include <cereal/types/string.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

struct expense {
    std::string what;
    std::int64_t cents = 0;
    std::int64_t patience_ms = 0;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(CEREAL_NVP(what), CEREAL_NVP(cents), CEREAL_NVP(patience_ms));
    }
};

inline constexpr perdure::activity<expense, void> ask_the_boss{"AskTheBoss"};
inline constexpr perdure::orchestrator<expense, std::string> approve_expense{"ApproveExpense"};
constexpr auto answer_event = "Answer";

void send_mail(const expense& request) {
    std::cout << "mail: may we spend " << request.cents << " cents on " << request.what << "?\n";
}

perdure::orchestration<std::string> decide(perdure::context& ctx, expense request) {
    co_await ctx.call(ask_the_boss, request);

    const auto patience = std::chrono::milliseconds(request.patience_ms);
    const auto answer = co_await ctx.wait_for_event<bool>(answer_event, patience);
    if (!answer) {
        co_return "nobody answered";
    }
    co_return *answer ? "approved" : "refused";
}

int main(int argc, char** argv) {
    try {
        auto hub = perdure::open(argc > 1 ? argv[1] : "memory:");

        perdure::registry registry;
        registry.add(approve_expense, decide).add(ask_the_boss, send_mail);
        perdure::worker worker(hub, registry);
        worker.start();

        perdure::client client(hub);
        const auto hour_ms = std::chrono::milliseconds(1h).count();
        const auto chair = client.start(approve_expense, {"a chair", 12'900, hour_ms});
        const auto yacht = client.start(approve_expense, {"a yacht", 990'000'000, hour_ms});
        const auto cake = client.start(approve_expense, {"a cake", 2'500, 20});

        // Anybody with a client may answer, from any process; so does `perdure instances raise`. An
        // answer that comes before the orchestration waits for it is kept.
        client.raise_event(chair, answer_event, true);
        client.raise_event(yacht, answer_event, false);

        const auto about_chair = client.wait<std::string>(chair, 1min);
        const auto about_yacht = client.wait<std::string>(yacht, 1min);
        const auto about_cake = client.wait<std::string>(cake, 1min);
        std::cout << "chair: " << about_chair << "\nyacht: " << about_yacht
                  << "\ncake: " << about_cake << '\n';
        const bool right = about_chair == "approved" && about_yacht == "refused" &&
                           about_cake == "nobody answered";
        return right ? 0 : 1;
    } catch (const std::exception& problem) {
        std::cerr << "04_approval: " << problem.what() << '\n';
        return 1;
    }
}
