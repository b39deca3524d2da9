#define CATCH_CONFIG_RUNNER
#include "private_server.hpp"
#include "settings.hpp"
#include "worker_process.hpp"

#include <catch2/catch.hpp>

#include <exception>
#include <iostream>
#include <random>
#include <string>

// perdure-postgres-faults: what a PostgreSQL server, its network and its hosts do to programs, on
// private servers.

namespace perdure::conformance {

namespace {

int check(int argc, char** argv) {
    settings chosen;
    chosen.seed = std::random_device()();
    std::string plugin;
    std::string script;
    std::string folder;
    std::string served;
    int notes = -1;
    Catch::Session session;
    using Catch::clara::Opt;
    session.cli(session.cli() | Opt(plugin, "FILE")["--plugin"]("perdure-postgres.so") |
                Opt(script, "FILE")["--server"]("the script tools/postgres-server") |
                Opt(folder, "DIR")["--folder"](
                    "where the servers are: DIR-1, DIR-2; a temporary place by default") |
                Opt(chosen.seed, "N")["--seed"]("of everything random") |
                Opt(chosen.budget, "small|full|soak")["--budget"]("how much is repeated") |
                Opt(served, "URI")["--serve"]("for the tests: serves this hub until it is killed") |
                Opt(notes, "N")["--notes"]("for the tests: the descriptor that it writes to"));
    if (const int wrong = session.applyCommandLine(argc, argv); wrong != 0) {
        return wrong;
    }
    const auto& asked = session.configData();
    if (asked.showHelp || asked.listTests || asked.listTags || asked.listTestNamesOnly) {
        return session.run();
    }
    if (plugin.empty() || (script.empty() && served.empty())) {
        std::cerr << "perdure-postgres-faults: --plugin FILE or --server FILE is missing; --help "
                     "tells more\n";
        return 2;
    }
    chosen.plugin = std::filesystem::absolute(plugin);
    chosen.reference = "none";
    use(chosen);
    if (!served.empty()) {
        serve(parse_uri(served), notes);
    }
    use_servers(std::filesystem::absolute(script), folder.empty() ? a_fresh_path() : folder);
    // A run that matches no test must not look like a success.
    using Catch::WarnAbout;
    session.configData().warnings =
        static_cast<WarnAbout::What>(session.configData().warnings | WarnAbout::NoTests);
    std::cout << "perdure-postgres-faults: seed " << seed() << std::endl;
    return session.run();
}

}  // namespace

}  // namespace perdure::conformance

int main(int argc, char** argv) {
    try {
        return perdure::conformance::check(argc, argv);
    } catch (const std::exception& wrong) {
        std::cerr << "perdure-postgres-faults: " << wrong.what() << '\n';
        return 2;
    }
}
