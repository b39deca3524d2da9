#pragma once

#include <perdure/backend.hpp>
#include <perdure/plugin.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace perdure {
inline namespace v1 {

namespace detail {
class idle_workers;
}

/// An opened task hub: one isolated set of orchestrations in one backend. A cheap handle that
/// workers and clients share; the backend is closed when the last one is gone. Safe from any thread.
class PERDURE_EXPORT hub {
  public:
    hub(std::shared_ptr<backend> store, std::string description);

    [[nodiscard]] backend& store() const noexcept { return *store_; }
    /// The backend and address, without settings or secrets, for messages.
    [[nodiscard]] const std::string& description() const noexcept { return description_; }
    /// Where the clients and workers of this handle and of its copies meet; for the library itself.
    [[nodiscard]] detail::idle_workers& idle() const noexcept { return *idle_; }

  private:
    std::shared_ptr<detail::idle_workers> idle_;
    std::shared_ptr<backend> store_;
    std::string description_;
};

/// Opens a hub by URI, for example "sqlite:shop.db" or "memory:"; loads the plugin if need be. The
/// option `create=if_missing` (the default) creates it, `create=never` does not. Throws
/// `backend_error`.
[[nodiscard]] PERDURE_EXPORT hub open(
    std::string_view uri,
    detail::same_library = detail::same_library(PERDURE_STANDARD_LIBRARY));
/// The same with settings from elsewhere.
[[nodiscard]] PERDURE_EXPORT hub open(
    const backend_config& config,
    detail::same_library = detail::same_library(PERDURE_STANDARD_LIBRARY));
/// The same with a TOML file; see `read_config`.
[[nodiscard]] PERDURE_EXPORT hub open_config(
    const std::string& file,
    detail::same_library = detail::same_library(PERDURE_STANDARD_LIBRARY));

}  // namespace v1
}  // namespace perdure
