#include <perdure/client.hpp>
#include <perdure/hub.hpp>
#include <perdure/registry.hpp>

#include <functional>
#include <iostream>
#include <string>

// Built with _GLIBCXX_DEBUG, which core was not: every way into core by which a container could go
// says so, and nothing crashes. Functions that name a container in their parameters do not even link.

using namespace perdure;

namespace {

int wrong = 0;

void is_refused(const char* what, const std::function<void()>& action) {
    std::string text = "no exception";
    try {
        action();
    } catch (const backend_error& refused) {
        text = refused.what();
    }
    if (text.find("this program: found a build with") == std::string::npos ||
        text.find("debug containers, expected ") == std::string::npos) {
        std::cerr << what << ": " << text << '\n';
        ++wrong;
    }
}

}  // namespace

int main() {
    is_refused("open", [] { static_cast<void>(perdure::open("memory:")); });
    is_refused("open by settings", [] {
        backend_config config;
        config.backend = "memory";
        config.options["create"] = "never";
        static_cast<void>(perdure::open(config));
    });
    is_refused("open_config", [] { static_cast<void>(open_config("/nowhere/perdure.toml")); });
    is_refused("parse_uri", [] { static_cast<void>(parse_uri("memory:?a=b")); });
    is_refused("read_config", [] { static_cast<void>(read_config("/nowhere/perdure.toml")); });
    is_refused("registry", [] { const registry known; });
    return wrong;
}
