#include "report.hpp"

#include "settings.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <ostream>
#include <string_view>

namespace perdure::conformance {

namespace {

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

theme_result total_of(const theme_results& results) {
    theme_result total;
    for (const auto& [theme, result] : results) {
        total.passed += result.passed;
        total.failed += result.failed;
        for (const auto& [reason, count] : result.skipped) {
            total.skipped[reason] += count;
        }
    }
    return total;
}

std::string json_of(const theme_result& result) {
    std::string reasons;
    for (const auto& [reason, count] : result.skipped) {
        reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : ", ", json_text(reason), count);
    }
    return fmt::format(
        R"({{"passed": {}, "failed": {}, "skipped": {}, "skipped_because": {{{}}}}})",
        result.passed,
        result.failed,
        result.skipped_count(),
        reasons);
}

}  // namespace

std::size_t theme_result::skipped_count() const {
    std::size_t count = 0;
    for (const auto& [reason, times] : skipped) {
        count += times;
    }
    return count;
}

std::string theme_of(const std::filesystem::path& source) {
    const std::string folder = source.parent_path().filename().string();
    const std::string file = source.stem().string();
    return folder == "scenarios" || folder == file ? file : folder + "/" + file;
}

void print_table(std::ostream& out, const theme_results& results) {
    constexpr const char* row = "{:<28}{:>8}{:>8}{:>9}\n";
    out << fmt::format(fmt::runtime(row), "theme", "passed", "failed", "skipped");
    for (const auto& [theme, result] : results) {
        out << fmt::format(
            fmt::runtime(row), theme, result.passed, result.failed, result.skipped_count());
    }
    const theme_result total = total_of(results);
    out << fmt::format(fmt::runtime(row), "all", total.passed, total.failed, total.skipped_count());
    for (const auto& [reason, count] : total.skipped) {
        out << fmt::format("{} skipped: {}\n", count, reason);
    }
    const bool conforms = total.failed == 0;
    out << fmt::format("{} {} {} the contract, as far as these tests tell (seed {}, budget {})\n",
                       plugin_under_test().backend_name,
                       plugin_under_test().plugin_version,
                       conforms ? "keeps" : "BREAKS",
                       seed(),
                       used().budget);
}

void write_certificate(std::ostream& out, const theme_results& results) {
    const plugin_descriptor& plugin = plugin_under_test();
    const capabilities& offered = abilities_under_test();
    out << fmt::format("{{\n  \"plugin\": {},\n  \"version\": {},\n  \"fingerprint\": {},\n",
                       json_text(plugin.backend_name),
                       json_text(plugin.plugin_version),
                       json_text(plugin.build_fingerprint));
    out << fmt::format("  \"contract_version\": {},\n", plugin.contract_version);
    out << fmt::format(
        "  \"capabilities\": {{\"durable\": {}, \"multi_process\": {}, \"test_clock\": {}, "
        "\"commit_lanes\": {}, \"turns_ahead\": {}}},\n",
        offered.durable,
        offered.multi_process,
        offered.test_clock,
        offered.commit_lanes,
        offered.turns_ahead);
    out << fmt::format(
        "  \"seed\": {},\n  \"budget\": {},\n  \"themes\": {{\n", seed(), json_text(used().budget));
    std::string separator;
    for (const auto& [theme, result] : results) {
        out << separator << "    " << json_text(theme) << ": " << json_of(result);
        separator = ",\n";
    }
    out << fmt::format("\n  }},\n  \"all\": {}\n}}\n", json_of(total_of(results)));
}

}  // namespace perdure::conformance
