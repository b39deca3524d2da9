// 01 hello: one orchestration that calls one activity. Worker and client live in one process here;
// they need not, as long as both open the same hub.
//
//     01_hello [HUB]        for example sqlite:hello.db; the default is memory:

#include <perdure/client.hpp>
#include <perdure/worker.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// The names that both sides share, with the types of input and result.
inline constexpr perdure::activity<std::string, std::string> make_greeting{"MakeGreeting"};
inline constexpr perdure::orchestrator<std::string, std::string> hello{"Hello"};

// An activity does the work. It may do anything: call a service, write a file, take its time.
std::string greeting_for(const std::string& name) {
    return "Hello, " + name + "!";
}

// An orchestration decides what happens in which order, and survives the process that it is in.
perdure::orchestration<std::string> say_hello(perdure::context& ctx, std::string name) {
    auto greeting = co_await ctx.call(make_greeting, name);
    co_return greeting;
}

int main(int argc, char** argv) {
    try {
        auto hub = perdure::open(argc > 1 ? argv[1] : "memory:");

        perdure::registry registry;
        registry.add(hello, say_hello).add(make_greeting, greeting_for);
        perdure::worker worker(hub, registry);
        worker.start();

        perdure::client client(hub);
        const auto id = client.start(hello, "world");
        const auto greeting = client.wait<std::string>(id, 1min);

        std::cout << id.text() << ": " << greeting << '\n';
        return greeting == "Hello, world!" ? 0 : 1;
    } catch (const std::exception& problem) {
        std::cerr << "01_hello: " << problem.what() << '\n';
        return 1;
    }
}
