#pragma once

#include <perdure/hub.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

// What the command line of perdure-conformance says, and hubs of the plugin that it names.

namespace perdure::conformance {

struct settings {
    std::filesystem::path plugin;
    /// What follows the plugin's scheme in a URI, with `{fresh}` and `{fresh_name}`.
    std::string config;
    /// The plugin of the differential run's reference: the memory plugin of the search path unless
    /// it is named; "none" for no such run.
    std::filesystem::path reference;
    std::uint64_t seed = 0;
    std::string budget = "small";
    /// "test" moves the clock of a backend that lets it; "real" waits, as for one that does not.
    std::string clock = "test";
    std::filesystem::path report;
    /// A command for the shell that makes the schema of the hub at `{address}` newer than the
    /// plugin knows [HUB-2]; empty when there is none.
    std::string make_newer;
    /// Lets each hub move to another one before every so many calls; 0 for never.
    std::size_t calls_between_moves = 0;
    /// The same as another process moves it, to a hub of the same plugin.
    std::size_t calls_between_live_moves = 0;
};

/// Called once by main, before the first test; loads the plugin.
void use(settings chosen);

[[nodiscard]] const settings& used();
[[nodiscard]] const std::filesystem::path& plugin_file();
[[nodiscard]] const plugin_descriptor& plugin_under_test();
/// The plugin to compare with; nothing when the command line says "none".
[[nodiscard]] const plugin_descriptor* reference_plugin();
[[nodiscard]] std::uint64_t seed();
[[nodiscard]] bool is_budget(std::string_view name);

/// How often a test repeats what gains from repetition.
struct counts {
    std::size_t small;
    std::size_t full;
    std::size_t soak;
};
[[nodiscard]] std::size_t budgeted(const counts& by_budget);

/// The place of an empty hub of the plugin under test; each call names another one. The test clock
/// is on where the backend has one.
[[nodiscard]] backend_config a_hub_config();
/// The same place with its clock left alone.
[[nodiscard]] backend_config a_hub_config_with_real_clock();
/// The place that the command line names, which has no `{fresh}` in it.
[[nodiscard]] backend_config hub_config_as_given();
/// Opens a hub with the plugin under test, wherever its file is.
[[nodiscard]] hub open_hub(const backend_config& config);
/// An empty hub of the plugin under test.
[[nodiscard]] hub a_hub();
/// Whether the command line says how; without it the test is skipped, and returns.
[[nodiscard]] bool can_make_newer();
/// Makes the schema of this hub newer than the plugin under test.
void make_newer(const backend_config& config);
/// What the plugin under test can do.
[[nodiscard]] const capabilities& abilities_under_test();
/// A path in this process's temporary directory that nothing has used; the directory goes at exit.
[[nodiscard]] std::string a_fresh_path();

enum class ability { durable, multi_process, test_clock, speculative_turns, images, roles };

/// True when the backend cannot do it: then the test that asks is counted as skipped, and returns.
[[nodiscard]] bool lacks(ability needed);

}  // namespace perdure::conformance
