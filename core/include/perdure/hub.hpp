#pragma once

#include <perdure/backend.hpp>
#include <perdure/plugin.hpp>
#include <perdure/promotion.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace perdure {

namespace moving {
class store_switch;
}

inline namespace v1 {

namespace detail {
class idle_workers;
struct opened_hub;
}

/// An opened task hub: one isolated set of orchestrations in one backend. A cheap handle that
/// workers and clients share; the backend is closed when the last one is gone. Safe from any thread.
class PERDURE_EXPORT hub {
  public:
    /// Of a backend that was made elsewhere. Unlike one that `open` returns, this hub does not follow
    /// when another process moves it: its calls fail then, and say where it is.
    hub(std::shared_ptr<backend> store, std::string description);

    [[nodiscard]] backend& store() const noexcept;
    /// The backend and address, without settings or secrets, for messages. The reference is valid as
    /// long as the hub is open.
    [[nodiscard]] const std::string& description() const noexcept;

    /// Begins to move all instances to another hub, which is created if need be and must be empty,
    /// while workers and clients of this process go on. In the end this hub and all its copies are
    /// that other one, and the old one refuses whoever uses it. The move goes on without the handle,
    /// and is aborted when the hub is closed. Refused, by `promotion::wait`, while a worker of
    /// another process lives on one of them; see to it that no client of another process uses them.
    /// Throws `backend_error`: (configuration) when one of the backends cannot move, (rejected) while
    /// a promotion goes on.
    [[nodiscard]] promotion promote(
        std::string_view uri,
        detail::same_library = detail::same_library(PERDURE_STANDARD_LIBRARY)) const;
    /// The same with a hub that was opened already, and is used by nobody else.
    [[nodiscard]] promotion promote(const hub& to) const;
    /// Where the clients and workers of this handle and of its copies meet; for the library itself.
    [[nodiscard]] detail::idle_workers& idle() const noexcept { return *idle_; }

  private:
    friend struct detail::opened_hub;

    explicit hub(std::shared_ptr<moving::store_switch> store);

    std::shared_ptr<detail::idle_workers> idle_;
    std::shared_ptr<moving::store_switch> store_;
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
