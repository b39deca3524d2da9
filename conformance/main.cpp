#define CATCH_CONFIG_RUNNER
#include "fixture.hpp"
#include "processes.hpp"
#include "verdicts.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

// perdure-conformance: loads a plugin by its file, as a user would, and checks the contract.

namespace perdure::conformance {

namespace {

// A backend that is named in a configuration, as opposed to by file, is found beside the plugin
// under test, in this process and in those that it starts.
void search_beside(const std::filesystem::path& plugin) {
    const char* before = std::getenv("PERDURE_PLUGIN_PATH");
    const std::string path =
        plugin.parent_path().string() + (before != nullptr ? ":" + std::string(before) : "");
    setenv("PERDURE_PLUGIN_PATH", path.c_str(), 1);
}

bool is_one_of(const char* option,
               const std::string& found,
               const std::vector<std::string>& allowed) {
    if (std::find(allowed.begin(), allowed.end(), found) != allowed.end()) {
        return true;
    }
    std::cerr << "perdure-conformance: " << option << " is \"" << found << "\"; allowed are";
    for (const std::string& one : allowed) {
        std::cerr << (one == allowed.front() ? " " : ", ") << one;
    }
    std::cerr << "\n";
    return false;
}

/// What the command line says beside the options of Catch2.
struct command_line {
    settings chosen;
    std::string plugin;
    std::string reference;
    std::string report;
    std::string role;
    std::int64_t patience_seconds =
        std::chrono::duration_cast<std::chrono::seconds>(patience).count();
};

void add_options(Catch::Session& session, command_line& line) {
    using Catch::clara::Opt;
    settings& chosen = line.chosen;
    session.cli(
        session.cli() | Opt(line.plugin, "FILE")["--plugin"]("the plugin to check") |
        Opt(chosen.config, "TEXT")["--config"](
            "address?options of a hub; {fresh} in it becomes a new path for each hub, and "
            "{fresh_name} a new name; the suite adds test_clock=on where the backend has it") |
        Opt(line.reference, "FILE")["--reference"](
            "the plugin that random operations are compared with; by default the memory plugin, "
            "found like any plugin; \"none\" leaves the comparison out") |
        Opt(chosen.seed, "N")["--seed"]("of everything random; a failure names it") |
        Opt(chosen.budget,
            "small|full|soak")["--budget"]("how much is repeated: minutes, half an hour, hours") |
        Opt(chosen.clock, "test|real")["--clock"](
            "test moves the clock of a backend that lets it; real lets the time pass, and skips "
            "what would take days") |
        Opt(line.patience_seconds,
            "SECONDS")["--patience"]("how long a test waits for what must happen") |
        Opt(chosen.make_newer, "COMMAND")["--make-newer"](
            "a shell command that gives the hub at {address} a schema newer than the plugin knows, "
            "for [HUB-2]") |
        Opt(chosen.calls_between_moves, "N")["--moves"](
            "lets each hub move to a new one before every N calls, to the reference and back; "
            "calls that are answered cannot be repeated then: leave out [answered]") |
        Opt(chosen.calls_between_live_moves, "N")["--live-moves"](
            "the same by live migrations to hubs of the same plugin and back") |
        Opt(line.report, "FILE")["--report"]("where the certificate goes (JSON)") |
        Opt(line.role, "NAME")["--role"]("for processes that tests start; not for people"));
}

// Loads the plugins; a missing one is an error of usage.
void begin(command_line line) {
    line.chosen.plugin = std::filesystem::absolute(line.plugin);
    if (!line.reference.empty() && line.reference != "none") {
        line.reference = std::filesystem::absolute(line.reference);
    }
    line.chosen.reference = line.role.empty() ? line.reference : "none";
    line.chosen.report = line.report;
    patience = std::chrono::seconds(line.patience_seconds);
    search_beside(line.chosen.plugin);
    use(std::move(line.chosen));
}

int check(int argc, char** argv) {
    command_line line;
    line.chosen.seed = std::random_device()();
    Catch::Session session;
    add_options(session, line);
    if (const int wrong = session.applyCommandLine(argc, argv); wrong != 0) {
        return wrong;
    }
    const auto& asked = session.configData();
    if (asked.showHelp || asked.listTests || asked.listTags || asked.listTestNamesOnly ||
        asked.listReporters) {
        return session.run();
    }
    if (line.plugin.empty()) {
        std::cerr << "perdure-conformance: --plugin FILE is missing; --help tells more\n";
        return 2;
    }
    if (!is_one_of("--budget", line.chosen.budget, {"small", "full", "soak"}) ||
        !is_one_of("--clock", line.chosen.clock, {"test", "real"})) {
        return 2;
    }
    begin(line);
    if (!line.role.empty()) {
        play(line.role);
        return 0;
    }
    // A run that matches no test must not look like a success.
    using Catch::WarnAbout;
    session.configData().warnings =
        static_cast<WarnAbout::What>(session.configData().warnings | WarnAbout::NoTests);
    std::cout << "perdure-conformance: seed " << seed() << '\n';
    const int failed = session.run();
    if (!report_results()) {
        std::cerr << "perdure-conformance: cannot write " << line.report << '\n';
        return 2;
    }
    return failed;
}

}  // namespace

}  // namespace perdure::conformance

int main(int argc, char** argv) {
    try {
        return perdure::conformance::check(argc, argv);
    } catch (const std::exception& wrong) {
        std::cerr << "perdure-conformance: " << wrong.what() << '\n';
        return 2;
    }
}
