#pragma once

#include <perdure/failure.hpp>

#include <string>
#include <string_view>

namespace perdure {
inline namespace v1 {

/// What kind of trouble a store had.
enum class store_fault {
    /// Not reachable or shutting down; the same call may work later.
    unavailable,
    /// Took longer than allowed; nothing was changed.
    timeout,
    /// Lost against another transaction (busy, deadlock, serialization); nothing was changed.
    conflict,
    /// The answer to a commit was lost: it may or may not have happened. Repeat the call with the
    /// same request id.
    outcome_unknown,
    /// Stored data cannot be read.
    corrupt,
    /// No room left; nothing was changed.
    full,
    /// The store does not let this user, or anybody, write.
    read_only,
    /// The store's schema is not one that this plugin can use.
    schema,
    /// The store refused the content of this call; it will refuse it again.
    rejected,
    /// Wrong URI or option.
    configuration,
    /// The hub is closed, because its instances are elsewhere or on their way; the text says where.
    moved,
};

/// The word of a fault, as it stands in messages and logs.
[[nodiscard]] PERDURE_EXPORT std::string_view to_string(store_fault code) noexcept;

/// The one exception that may leave a plugin: the store failed. Expected outcomes (a lost lease, an
/// id already taken) are return values instead.
class PERDURE_EXPORT backend_error : public error {
  public:
    backend_error(store_fault code, const std::string& what, std::string sqlstate = {});
    backend_error(const backend_error&) = default;
    backend_error& operator=(const backend_error&) = default;
    ~backend_error() override;

    [[nodiscard]] store_fault code() const noexcept { return code_; }
    /// True when the same call may succeed later without anybody doing anything.
    [[nodiscard]] bool retryable() const noexcept;
    /// The store's own code, if it has one: an SQLSTATE, or SQLite's extended result code.
    [[nodiscard]] const std::string& sqlstate() const noexcept { return sqlstate_; }

    /// Adds where it happened, from the inside out; appears in `what()`.
    void add_context(const std::string& where);
    [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

  private:
    store_fault code_;
    std::string sqlstate_;
    std::string text_;
};

}  // namespace v1
}  // namespace perdure
