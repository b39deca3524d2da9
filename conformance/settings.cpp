#define CATCH_CONFIG_FAST_COMPILE
#include "settings.hpp"

#include "moving/moving_backend.hpp"

#include <perdure/hub_role.hpp>
#include <perdure/instance_image.hpp>
#include <perdure/kit/forwarding_backend.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <unistd.h>
#include <utility>

namespace perdure::conformance {

namespace {

namespace fs = std::filesystem;

/// Everything that this process makes on disk; removed when it ends.
class temporary_directory {
  public:
    temporary_directory() {
        std::string pattern = (fs::temp_directory_path() / "perdure-conformance-XXXXXX").string();
        if (mkdtemp(pattern.data()) == nullptr) {
            throw std::runtime_error("cannot make a temporary directory like " + pattern);
        }
        path_ = pattern;
    }
    temporary_directory(const temporary_directory&) = delete;
    temporary_directory& operator=(const temporary_directory&) = delete;
    ~temporary_directory() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    [[nodiscard]] const fs::path& path() const { return path_; }

  private:
    fs::path path_;
};

struct state {
    settings chosen;
    const plugin_descriptor* plugin = nullptr;
    const plugin_descriptor* reference = nullptr;
    std::optional<capabilities> abilities;
    temporary_directory directory;
    std::atomic<unsigned> hubs{0};
};

std::unique_ptr<state>& current() {
    static std::unique_ptr<state> only;
    return only;
}

state& the() {
    if (!current()) {
        throw std::logic_error("use() was not called");
    }
    return *current();
}

std::string replaced(std::string text, std::string_view mark, const std::string& by) {
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
        text.replace(at, mark.size(), by);
        at += by.size();
    }
    return text;
}

}  // namespace

void use(settings chosen) {
    current() = std::make_unique<state>();
    the().plugin = &load_plugin(chosen.plugin);
    if (chosen.reference != "none") {
        the().reference = chosen.reference.empty() ? &load_plugin_by_name("memory")
                                                   : &load_plugin(chosen.reference);
    }
    the().chosen = std::move(chosen);
}

const settings& used() {
    return the().chosen;
}

const fs::path& plugin_file() {
    return used().plugin;
}

const plugin_descriptor& plugin_under_test() {
    return *the().plugin;
}

const plugin_descriptor* reference_plugin() {
    return the().reference;
}

std::uint64_t seed() {
    return used().seed;
}

bool is_budget(std::string_view name) {
    return used().budget == name;
}

std::size_t budgeted(const counts& by_budget) {
    return is_budget("soak")   ? by_budget.soak
           : is_budget("full") ? by_budget.full
                               : by_budget.small;
}

std::string a_fresh_path() {
    return (the().directory.path() / ("hub-" + std::to_string(++the().hubs))).string();
}

backend_config a_hub_config_with_real_clock() {
    const std::string path = a_fresh_path();
    const std::string name =
        "conformance_" + std::to_string(getpid()) + "_" + path.substr(path.rfind('-') + 1);
    std::string text = replaced(used().config, "{fresh}", path);
    text = replaced(std::move(text), "{fresh_name}", name);
    return parse_uri(std::string(plugin_under_test().backend_name) + ":" + text);
}

backend_config hub_config_as_given() {
    return parse_uri(std::string(plugin_under_test().backend_name) + ":" + used().config);
}

backend_config a_hub_config() {
    backend_config config = a_hub_config_with_real_clock();
    if (abilities_under_test().test_clock) {
        config.options["test_clock"] = "on";
    }
    return config;
}

hub open_hub(const backend_config& config) {
    std::shared_ptr<backend> store = plugin_under_test().create(config);
    store->create_hub();
    return {std::move(store), describe(config)};
}

hub a_hub() {
    const backend_config config = a_hub_config();
    if (used().calls_between_moves != 0) {
        return {std::make_shared<moving_backend>(open_hub(config), used().calls_between_moves),
                describe(config)};
    }
    if (used().calls_between_live_moves != 0) {
        return {std::make_shared<live_moving_backend>(config, used().calls_between_live_moves),
                describe(config)};
    }
    return open_hub(config);
}

bool can_make_newer() {
    if (used().make_newer.empty()) {
        WARN("skipped: --make-newer is not given");
    }
    return !used().make_newer.empty();
}

void make_newer(const backend_config& config) {
    std::string command = replaced(used().make_newer, "{address}", config.address);
    for (const auto& [name, value] : config.options) {
        command = replaced(std::move(command), "{" + name + "}", value);
    }
    if (std::system(command.c_str()) != 0) {
        throw std::runtime_error("this command failed: " + command);
    }
}

const capabilities& abilities_under_test() {
    if (!the().abilities) {
        capabilities offered = open_hub(a_hub_config_with_real_clock()).store().abilities();
        offered.test_clock = offered.test_clock && used().clock == "test";
        the().abilities = offered;
    }
    return *the().abilities;
}

bool lacks(ability needed) {
    const capabilities& offered = abilities_under_test();
    const auto missing = [](bool is_offered, const char* why) {
        if (!is_offered) {
            WARN("skipped: " << why);
        }
        return !is_offered;
    };
    switch (needed) {
        case ability::durable:
            return missing(offered.durable, "the backend keeps nothing beyond the process");
        case ability::multi_process:
            return missing(offered.multi_process, "the backend serves one process only");
        case ability::test_clock:
            return missing(offered.test_clock, "the backend's clock cannot be moved");
        case ability::speculative_turns:
            return missing(offered.speculative_turns, "the backend takes no speculative turns");
        case ability::images:
            return missing(interface_of<image_store>(a_hub().store()) != nullptr,
                           "the backend has no images of its instances");
        case ability::roles:
            return missing(interface_of<role_store>(a_hub().store()) != nullptr,
                           "its hubs have no part in a live move");
    }
    return false;
}

}  // namespace perdure::conformance
