#pragma once

#include <cstddef>
#include <filesystem>
#include <iosfwd>
#include <map>
#include <string>

// What the tests found, by theme: the table at the end of the output, and the certificate.

namespace perdure::conformance {

/// What became of the tests of one theme, that is of one file of scenarios.
struct theme_result {
    std::size_t passed = 0;
    std::size_t failed = 0;
    /// How often a test was skipped, by reason.
    std::map<std::string, std::size_t> skipped;

    [[nodiscard]] std::size_t skipped_count() const;
};

using theme_results = std::map<std::string, theme_result>;

/// "lock" for conformance/scenarios/lock.cpp, "engine/time" for conformance/engine/time.cpp.
[[nodiscard]] std::string theme_of(const std::filesystem::path& source);

void print_table(std::ostream& out, const theme_results& results);

/// Writes plugin, abilities, seed and results as JSON.
void write_certificate(std::ostream& out, const theme_results& results);

}  // namespace perdure::conformance
