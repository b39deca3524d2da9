#include <perdure/hub.hpp>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <iostream>
#include <vector>

// Opens a hub through the installed plugin, keeps an instance in it, and reads it back.

namespace {

bool memory_plugin_is_below(const std::filesystem::path& tree) {
    const auto plugins = perdure::find_plugins();
    return std::any_of(plugins.begin(), plugins.end(), [&](const perdure::plugin_info& info) {
        const auto relative = std::filesystem::path(info.file).lexically_relative(tree);
        return info.backend == "memory" && info.problem.empty() && !relative.empty() &&
               *relative.begin() != "..";
    });
}

bool instance_comes_back() {
    const auto hub = perdure::open("memory:");
    const perdure::new_instance created{perdure::instance_id("order-1"),
                                        {perdure::random_uuid()},
                                        "Order",
                                        "",
                                        "[]",
                                        {},
                                        {},
                                        {},
                                        {},
                                        ""};
    const perdure::request_id request{perdure::random_uuid()};
    const auto outcomes = hub.store().create({request}, {&created, 1}).outcomes;
    const auto found = hub.store().get({&created.instance, 1});
    return outcomes.at(0).code == perdure::create_code::created && found.at(0) &&
           found.at(0)->name == "Order";
}

}  // namespace

int main(int count, char** arguments) {
    try {
        if (count != 2 || !memory_plugin_is_below(arguments[1])) {
            std::cerr << "the installed memory plugin was not found\n";
            return 1;
        }
        if (!instance_comes_back()) {
            std::cerr << "the instance did not come back\n";
            return 1;
        }
        return 0;
    } catch (const std::exception& wrong) {
        std::cerr << wrong.what() << '\n';
        return 1;
    }
}
