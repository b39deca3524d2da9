#include "refusal.hpp"

#include <perdure/hub.hpp>
#include <perdure/plugin.hpp>

#include <filesystem>
#include <fstream>

using namespace perdure;
using Catch::Matchers::Contains;
using test::refusal;

namespace {

// A file that is gone at the end of the test.
class config_file {
  public:
    explicit config_file(const std::string& text)
        : path_(std::filesystem::temp_directory_path() /
                ("perdure-" + to_string(random_uuid()) + ".toml")) {
        std::ofstream(path_) << text;
    }
    config_file(const config_file&) = delete;
    config_file& operator=(const config_file&) = delete;
    ~config_file() {
        std::error_code code;
        std::filesystem::remove(path_, code);
    }

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

std::string refusal_of(const std::string& text) {
    const config_file file(text);
    const std::string what = refusal([&] { static_cast<void>(read_config(file.path())); });
    CHECK_THAT(what, Contains(file.path().string()));
    return what;
}

}  // namespace

TEST_CASE("a hub is configured by a URI", "[config]") {
    const config_file file("[hub]\nuri = \"memory:shop?test_clock=on\"\n");

    const auto config = read_config(file.path());

    CHECK(config.backend == "memory");
    CHECK(config.address == "shop");
    CHECK(open_config(file.path()).description() == "memory:shop");
}

TEST_CASE("a hub is configured by backend, address and options", "[config]") {
    const config_file file(
        "[hub]\nbackend = \"memory\"\naddress = \"shop\"\n"
        "[hub.options]\ntest_clock = true\nname = \"x\"\ncount = 7\n");

    const auto config = read_config(file.path());

    CHECK(config.backend == "memory");
    CHECK(config.address == "shop");
    CHECK(config.options ==
          std::map<std::string, std::string>{{"test_clock", "on"}, {"name", "x"}, {"count", "7"}});
}

TEST_CASE("a wrong configuration is refused with file, line and key", "[config]") {
    CHECK_THAT(refusal_of("[hub]\nuri = 7\n"), Contains(".toml:2: key hub.uri: allowed is a str"));
    CHECK_THAT(refusal_of("[hub]\nuri = \"x\"\n"),
               Contains("2: key hub.uri") && Contains("no ':'"));
    CHECK_THAT(refusal_of("[hub]\n\nurl = \"memory:\"\n"),
               Contains(":3: key hub.url: unknown; allowed are uri, or backend"));
    CHECK_THAT(refusal_of("[hub]\nTaskHubName = \"x\"\n"), Contains("task_hub"));
    CHECK_THAT(refusal_of("[hub]\nuri = \"memory:\"\nbackend = \"memory\"\n"), Contains("alone"));
    CHECK_THAT(refusal_of("[hub]\naddress = \"x\"\n"), Contains("neither uri nor backend"));
    CHECK_THAT(refusal_of("[hub]\nbackend = \"memory\"\n[hub.options]\nx = [1]\n"),
               Contains(":4: key hub.options.x: allowed is a string, a whole number"));
    CHECK_THAT(refusal_of("[worker]\n"), Contains("the table [hub] is missing"));
    CHECK_THAT(refusal_of("[hub\n"), Contains(".toml:1: "));
}

TEST_CASE("a configuration file that is not there is refused", "[config]") {
    for (const std::string& place : {std::string("/nowhere/perdure.toml"),
                                    std::string("/"),
                                    "/" + std::string(5000, 'x'),
                                    std::string("/proc/self/mem")}) {
        INFO(place);
        CHECK_THAT(refusal([&] { static_cast<void>(read_config(place)); }), Contains(place));
    }
}
