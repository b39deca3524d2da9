// 02 fan-out: many activities at once, then one answer from all of them. Scheduling and awaiting
// are two acts: `call` begins an activity, `co_await` waits for it.
//
//     02_fan_out [HUB]

#include <perdure/client.hpp>
#include <perdure/codec_cereal.hpp>
#include <perdure/worker.hpp>

#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

using namespace std::chrono_literals;

using texts = std::vector<std::string>;

inline constexpr perdure::activity<std::string, int> count_words{"CountWords"};
inline constexpr perdure::orchestrator<texts, int> count_all_words{"CountAllWords"};

int words_in(const std::string& text) {
    return 1 + static_cast<int>(std::count(text.begin(), text.end(), ' '));
}

perdure::orchestration<int> words_in_all(perdure::context& ctx, texts pages) {
    std::vector<perdure::task_handle<int>> counting;
    for (const auto& page : pages) {
        counting.push_back(ctx.call(count_words, page));
    }
    const auto counts = co_await perdure::when_all(counting);

    int sum = 0;
    for (const int count : counts) {
        sum += count;
    }
    co_return sum;
}

int main(int argc, char** argv) {
    try {
        auto hub = perdure::open(argc > 1 ? argv[1] : "memory:");

        perdure::registry registry;
        registry.add(count_all_words, words_in_all).add(count_words, words_in);
        perdure::worker worker(hub, registry);
        worker.start();

        perdure::client client(hub);
        const texts pages(100, "five words on a page");
        const auto id = client.start(count_all_words, pages);
        const int words = client.wait<int>(id, 1min);

        std::cout << pages.size() << " pages have " << words << " words\n";
        return words == 500 ? 0 : 1;
    } catch (const std::exception& problem) {
        std::cerr << "02_fan_out: " << problem.what() << '\n';
        return 1;
    }
}
