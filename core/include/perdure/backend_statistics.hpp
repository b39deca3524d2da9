#pragma once

#include <perdure/export.hpp>

#include <cstdint>

namespace perdure {
inline namespace v1 {

/// What a backend has done since it was opened.
struct backend_statistics {
    /// Transactions that were committed.
    std::uint64_t commits = 0;
    /// Statements that were executed, reads included.
    std::uint64_t statements = 0;
};

/// What a backend may implement beside the contract so that it can be measured; found by
/// `interface_of`. Safe from any thread.
class PERDURE_EXPORT statistics_source {
  public:
    statistics_source() = default;
    statistics_source(const statistics_source&) = delete;
    statistics_source& operator=(const statistics_source&) = delete;
    virtual ~statistics_source();

    [[nodiscard]] virtual backend_statistics statistics() const noexcept = 0;
};

}  // namespace v1
}  // namespace perdure
