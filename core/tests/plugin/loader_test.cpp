#include "refusal.hpp"

#include <perdure/hub.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

using namespace perdure;
using Catch::Matchers::Contains;
using test::refusal;

namespace {

const std::filesystem::path broken = PERDURE_BROKEN_PLUGINS;
const std::filesystem::path stripped = PERDURE_STRIPPED_PLUGINS;

std::string refusal_of(const std::string& name) {
    return refusal([&] { load_plugin(broken / ("perdure-" + name + ".so")); });
}

// The environment's part of the search path, for the time of a test.
class plugin_path {
  public:
    explicit plugin_path(const std::string& value) {
        ::setenv("PERDURE_PLUGIN_PATH", value.c_str(), 1);
    }
    plugin_path(const plugin_path&) = delete;
    plugin_path& operator=(const plugin_path&) = delete;
    ~plugin_path() { ::unsetenv("PERDURE_PLUGIN_PATH"); }
};

}  // namespace

TEST_CASE("a plugin with another magic number is refused", "[loader]") {
    CHECK_THAT(refusal_of("magic"), Contains("magic number: found 7, expected "));
}

TEST_CASE("a plugin with a descriptor of another size is refused", "[loader]") {
    CHECK_THAT(refusal_of("size"), Contains("size of plugin_descriptor: found 8, expected "));
}

TEST_CASE("a plugin for another contract is refused", "[loader]") {
    CHECK_THAT(
        refusal_of("contract"),
        Contains("contract version: found 99, expected " + std::to_string(contract_version)));
}

TEST_CASE("a plugin of another build is refused, with both builds named", "[loader]") {
    CHECK_THAT(refusal_of("fingerprint"), Contains("found \"another compiler\", expected \""));
    CHECK_THAT(refusal_of("fingerprint"), Contains(PERDURE_BUILD_FINGERPRINT));
}

TEST_CASE("a plugin with debug containers is refused", "[loader]") {
    CHECK_THAT(refusal_of("debug_containers"), Contains("debug containers, core"));
}

TEST_CASE("a library without the symbol is refused before it is loaded", "[loader]") {
    CHECK_THAT(refusal_of("symbol"), Contains("without the symbol perdure_plugin"));
}

TEST_CASE("a file that is no library is refused", "[loader]") {
    CHECK_THAT(refusal_of("text"), Contains("not a shared library of this machine"));
}

TEST_CASE("a file that is not there is refused", "[loader]") {
    CHECK_THAT(refusal_of("nowhere"), Contains("no such file"));
}

TEST_CASE("a stripped plugin loads, a stripped stranger does not", "[loader]") {
    CHECK(std::string(load_plugin(stripped / "perdure_memory.so").backend_name) == "memory");
    CHECK_THAT(refusal([] { load_plugin(stripped / "broken_plugin_symbol.so"); }),
               Contains("without the symbol perdure_plugin"));
}

TEST_CASE("a plugin that is loaded twice is the same one", "[loader]") {
    const std::filesystem::path file =
        std::filesystem::path(PERDURE_PLUGIN_DIR) / "perdure-memory.so";

    CHECK(&load_plugin(file) == &load_plugin(file));
    CHECK(&load_plugin(file) == &load_plugin_by_name("memory"));
}

TEST_CASE("an unknown backend is refused with the ones that were found", "[loader]") {
    const std::string text = refusal([] { static_cast<void>(open("oracle:x")); });

    CHECK_THAT(text, Contains("no plugin for backend \"oracle\""));
    CHECK_THAT(text, Contains("memory"));
}

TEST_CASE("the plugins of a directory are listed with their problems", "[loader]") {
    const auto plugins = find_plugins({broken});
    const auto named = [&](const std::string& file) {
        return *std::find_if(plugins.begin(), plugins.end(), [&](const plugin_info& info) {
            return info.file == broken / file;
        });
    };

    CHECK(named("perdure-away.so").problem.empty());
    CHECK(named("perdure-away.so").backend == "broken");
    CHECK(named("perdure-away.so").version == "1.0");
    CHECK(named("perdure-contract.so").contract == 99);
    CHECK_THAT(named("perdure-contract.so").problem, Contains("contract version"));
    CHECK_THAT(named("perdure-text.so").problem, Contains("not a shared library"));
    CHECK(std::any_of(plugins.begin(), plugins.end(), [](const plugin_info& info) {
        return info.backend == "memory" && info.problem.empty();
    }));
}

TEST_CASE("nothing but a backend_error leaves open, whatever a plugin throws", "[hub]") {
    const plugin_path path(broken.string() + ":/dev/null:" + std::string(5000, 'x'));

    CHECK_THAT(refusal([] { static_cast<void>(open("foreign:")); }),
               Contains("from another world") && Contains("opening foreign:"));
    CHECK_THAT(refusal([] { static_cast<void>(open("oracle:")); }), Contains("no plugin"));
    CHECK_THAT(refusal([] { static_cast<void>(open("x" + std::string(5000, 'x') + ":")); }),
               Contains("no plugin"));
}

TEST_CASE("a hub is described without its secret, and its errors too", "[hub]") {
    CHECK(open("memory:shop").description() == "memory:shop");
    backend_config config;
    config.backend = "memory";
    config.address = "//user:secret@host/db";

    CHECK(open(config).description() == "memory://user@host/db");
}

TEST_CASE("the option create is core's own, the others are the plugin's", "[hub]") {
    CHECK_NOTHROW(open("memory:?create=never"));
    CHECK_THAT(refusal([] { static_cast<void>(open("memory:?create=always")); }),
               Contains("allowed is if_missing, never"));
    CHECK_THAT(refusal([] { static_cast<void>(open("memory:?colour=red")); }),
               Contains("unknown option colour") && Contains("create, test_clock"));
}
