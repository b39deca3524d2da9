#define CATCH_CONFIG_RUNNER
#define CATCH_CONFIG_EXTERNAL_INTERFACES
#include "report.hpp"
#include "settings.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <vector>

// perdure-conformance: loads a plugin by its file, as a user would, and checks the contract.

namespace perdure::conformance {

namespace {

theme_results& results() {
    static theme_results all;
    return all;
}

/// Counts what became of each test. Catch2 2 cannot skip; a test that is skipped warns of it.
class counting_listener final : public Catch::TestEventListenerBase {
  public:
    using TestEventListenerBase::TestEventListenerBase;

    bool assertionEnded(const Catch::AssertionStats& stats) override {
        static const std::string mark = "skipped: ";
        const auto& result = stats.assertionResult;
        const std::string text = result.getMessage();
        if (result.getResultType() == Catch::ResultWas::Warning && text.rfind(mark, 0) == 0) {
            skipped_because_ = text.substr(mark.size());
        }
        return true;
    }

    void testCaseEnded(const Catch::TestCaseStats& stats) override {
        theme_result& theme = results()[theme_of(stats.testInfo.lineInfo.file)];
        if (stats.totals.assertions.failed != 0) {
            ++theme.failed;
        } else if (!skipped_because_.empty()) {
            ++theme.skipped[skipped_because_];
        } else {
            ++theme.passed;
        }
        skipped_because_.clear();
    }

  private:
    std::string skipped_because_;
};

CATCH_REGISTER_LISTENER(counting_listener)

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

int check(int argc, char** argv) {
    settings chosen;
    chosen.seed = std::random_device()();
    std::string plugin;
    std::string reference;
    std::string report;
    Catch::Session session;
    using Catch::clara::Opt;
    session.cli(session.cli() | Opt(plugin, "FILE")["--plugin"]("the plugin to check") |
                Opt(chosen.config, "TEXT")["--config"](
                    "address?options of a hub; {fresh} in it becomes a new path for each hub, and "
                    "{fresh_name} a new name") |
                Opt(reference, "FILE")["--reference"](
                    "the plugin to compare with; perdure-memory.so beside the plugin by default") |
                Opt(chosen.seed, "N")["--seed"]("of everything random") |
                Opt(chosen.budget, "small|full|soak")["--budget"]("how much is repeated") |
                Opt(chosen.clock, "test|real")["--clock"](
                    "whether the clock of a backend that lets it is moved, or time has to pass") |
                Opt(report, "FILE")["--report"]("where the certificate goes (JSON)"));
    if (const int wrong = session.applyCommandLine(argc, argv); wrong != 0) {
        return wrong;
    }
    const auto& asked = session.configData();
    if (asked.showHelp || asked.listTests || asked.listTags || asked.listTestNamesOnly ||
        asked.listReporters) {
        return session.run();
    }
    if (plugin.empty()) {
        std::cerr << "perdure-conformance: --plugin FILE is missing; --help tells more\n";
        return 2;
    }
    if (!is_one_of("--budget", chosen.budget, {"small", "full", "soak"}) ||
        !is_one_of("--clock", chosen.clock, {"test", "real"})) {
        return 2;
    }
    chosen.plugin = std::filesystem::absolute(plugin);
    chosen.reference = reference;
    chosen.report = report;
    search_beside(chosen.plugin);
    use(chosen);
    // A run that matches no test must not look like a success.
    using Catch::WarnAbout;
    session.configData().warnings =
        static_cast<WarnAbout::What>(session.configData().warnings | WarnAbout::NoTests);
    std::cout << "perdure-conformance: seed " << seed() << '\n';
    const int failed = session.run();
    print_table(std::cout, results());
    if (!report.empty()) {
        std::ofstream file(report);
        write_certificate(file, results());
        if (!file.flush()) {
            std::cerr << "perdure-conformance: cannot write " << report << '\n';
            return 2;
        }
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
