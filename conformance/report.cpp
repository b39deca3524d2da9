#include "report.hpp"

#include "printing.hpp"
#include "settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <ostream>
#include <string_view>

namespace perdure::conformance {

namespace {

/// How many tests passed, failed, and were skipped for which reason.
struct tally_of_tests {
    std::size_t passed = 0;
    std::size_t failed = 0;
    std::size_t skipped = 0;
    std::map<std::string, std::size_t> skipped_because;

    void count(const test_result& test) {
        passed += test.found == verdict::passed ? 1 : 0;
        failed += test.found == verdict::failed ? 1 : 0;
        if (test.found == verdict::skipped) {
            ++skipped;
            ++skipped_because[test.reason];
        }
    }
};

std::string json_text(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            result += '\\';
            result += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            result += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
            result += c;
        }
    }
    return result + '"';
}

tally_of_tests total_of(const test_results& results) {
    tally_of_tests total;
    std::ranges::for_each(results, [&](const test_result& test) { total.count(test); });
    return total;
}

std::map<std::string, tally_of_tests> themes_of(const test_results& results) {
    std::map<std::string, tally_of_tests> themes;
    for (const test_result& test : results) {
        themes[test.theme].count(test);
    }
    return themes;
}

std::vector<std::string> names_of_failed(const test_results& results) {
    std::vector<std::string> names;
    for (const test_result& test : results) {
        if (test.found == verdict::failed) {
            names.push_back(test.name);
        }
    }
    return names;
}

// What the tests with its tag say of each clause.
std::map<std::string, std::string> words_on_clauses(const test_results& results) {
    std::map<std::string, std::string> words;
    for (const std::string& clause : all_clauses()) {
        words[clause] = "without a test in this run";
    }
    for (const verdict found : {verdict::skipped, verdict::passed, verdict::failed}) {
        for (const test_result& test : results) {
            for (const std::string& clause : test.clauses) {
                if (test.found == found && words.contains(clause)) {
                    words[clause] = found == verdict::skipped  ? "skipped: " + test.reason
                                    : found == verdict::passed ? "kept"
                                                               : "BROKEN";
                }
            }
        }
    }
    return words;
}

std::string json_of(const tally_of_tests& tests) {
    std::string reasons;
    for (const auto& [reason, count] : tests.skipped_because) {
        reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : ", ", json_text(reason), count);
    }
    return fmt::format(
        R"({{"passed": {}, "failed": {}, "skipped": {}, "skipped_because": {{{}}}}})",
        tests.passed,
        tests.failed,
        tests.skipped,
        reasons);
}

template <class Map, class Word>
std::string json_object(const Map& members, Word word) {
    std::string text;
    for (const auto& [name, value] : members) {
        text +=
            fmt::format("{}\n    {}: {}", text.empty() ? "" : ",", json_text(name), word(value));
    }
    return "{" + text + "\n  }";
}

std::string json_list(const std::vector<std::string>& items) {
    std::string text;
    for (const std::string& item : items) {
        text += fmt::format("{}\n    {}", text.empty() ? "" : ",", json_text(item));
    }
    return "[" + text + (items.empty() ? "]" : "\n  ]");
}

// The address may hold a password before its last '@', and the options may name one.
std::string configuration_without_secrets() {
    std::string text = used().config;
    if (const auto at = text.rfind('@'); at != std::string::npos) {
        text.replace(0, at, "...");
    }
    if (const auto at = text.find("password"); at != std::string::npos) {
        text.replace(at, std::string::npos, "password=...");
    }
    return text;
}

std::string name_and_version(const plugin_descriptor& plugin) {
    return fmt::format("{} {}", plugin.backend_name, plugin.plugin_version);
}

}  // namespace

std::string theme_of(const std::filesystem::path& source) {
    const std::string folder = source.parent_path().filename().string();
    const std::string file = source.stem().string();
    return folder == "scenarios" || folder == file ? file : folder + "/" + file;
}

void print_table(std::ostream& out, const test_results& results) {
    constexpr const char* row = "{:<28}{:>8}{:>8}{:>9}\n";
    out << fmt::format(fmt::runtime(row), "theme", "passed", "failed", "skipped");
    for (const auto& [theme, tests] : themes_of(results)) {
        out << fmt::format(fmt::runtime(row), theme, tests.passed, tests.failed, tests.skipped);
    }
    const tally_of_tests total = total_of(results);
    out << fmt::format(fmt::runtime(row), "all", total.passed, total.failed, total.skipped);
    for (const auto& [reason, count] : total.skipped_because) {
        out << fmt::format("{} skipped: {}\n", count, reason);
    }
    for (const std::string& name : names_of_failed(results)) {
        out << fmt::format("failed: \"{}\"; repeat it with its name and --seed {}\n", name, seed());
    }
    out << fmt::format("{} {} the contract, as far as these tests tell (seed {}, budget {})\n",
                       name_and_version(plugin_under_test()),
                       total.failed == 0 ? "keeps" : "BREAKS",
                       seed(),
                       used().budget);
}

void write_certificate(std::ostream& out, const test_results& results) {
    const plugin_descriptor& plugin = plugin_under_test();
    const capabilities& offered = abilities_under_test();
    const auto member = [&](std::string_view name, const std::string& value) {
        out << fmt::format("  \"{}\": {},\n", name, value);
    };
    out << "{\n";
    member("plugin", json_text(plugin.backend_name));
    member("version", json_text(plugin.plugin_version));
    member("fingerprint", json_text(plugin.build_fingerprint));
    member("contract_version", std::to_string(plugin.contract_version));
    member("date",
           json_text(text_of(std::chrono::floor<duration>(std::chrono::system_clock::now()))));
    member("capabilities",
           fmt::format("{{\"durable\": {}, \"multi_process\": {}, \"test_clock\": {}, "
                       "\"commit_lanes\": {}, \"speculative_turns\": {}}}",
                       offered.durable,
                       offered.multi_process,
                       offered.test_clock,
                       offered.commit_lanes,
                       offered.speculative_turns));
    member("configuration", json_text(configuration_without_secrets()));
    member("clock", json_text(offered.test_clock ? "test" : "real"));
    member("reference",
           json_text(reference_plugin() ? name_and_version(*reference_plugin()) : "none"));
    member("seed", std::to_string(seed()));
    member("budget", json_text(used().budget));
    member("clauses", json_object(words_on_clauses(results), json_text));
    member("themes", json_object(themes_of(results), json_of));
    member("failed_tests", json_list(names_of_failed(results)));
    out << fmt::format("  \"all\": {}\n}}\n", json_of(total_of(results)));
}

}  // namespace perdure::conformance
