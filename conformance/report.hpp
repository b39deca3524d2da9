#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

// What the tests found: the table at the end of the output, and the certificate.

namespace perdure::conformance {

enum class verdict { passed, failed, skipped };

struct test_result {
    std::string name;
    /// The file that it stands in.
    std::string theme;
    /// Those that it has as tags.
    std::vector<std::string> clauses;
    verdict found{};
    /// Why it was skipped.
    std::string reason;
};

using test_results = std::vector<test_result>;

/// "lock" for conformance/scenarios/lock.cpp, "engine/time" for conformance/engine/time.cpp.
[[nodiscard]] std::string theme_of(const std::filesystem::path& source);

/// Every clause of backend.hpp, as this program was built.
[[nodiscard]] const std::vector<std::string>& all_clauses();

void print_table(std::ostream& out, const test_results& results);

/// Writes the plugin, how it was tested, the clauses and the results as JSON.
void write_certificate(std::ostream& out, const test_results& results);

}  // namespace perdure::conformance
