#pragma once

#include <cstddef>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

namespace perdure::conformance {

/// Counts what a differential run has seen, by name.
class tally {
  public:
    tally();
    void add(const std::string& name, std::size_t times = 1) { counts_[name] += times; }

    /// From now on their outcomes must occur, too.
    void expect_speculative_turns();
    /// The names of what must occur and has occurred less often.
    [[nodiscard]] std::vector<std::string> missing(std::size_t least) const;
    void print(std::ostream& out) const;

  private:
    std::map<std::string, std::size_t> counts_;
    std::vector<std::string> expected_;
};

}  // namespace perdure::conformance
