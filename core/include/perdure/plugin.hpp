#pragma once

#include <perdure/backend.hpp>
#include <perdure/detail/standard_library.hpp>
#include <perdure/version.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

// How a backend becomes a shared library that a host loads by configuration. What is given and taken
// here is refused (configuration) when the host's standard library was built otherwise than core's.

namespace perdure {
inline namespace v1 {

/// Which backend, where its state lives, and its settings, as the host configured them.
struct backend_config {
    /// The backend's name: the scheme of the URI.
    std::string backend;
    /// What follows the scheme up to the '?', percent-decoded: a path, or user@host/database with
    /// its slashes.
    std::string address;
    /// The settings, percent-decoded.
    std::map<std::string, std::string> options;
    /// The address as it stands in the URI, not decoded, for who takes its parts apart first; empty
    /// when it was not read from a URI.
    std::string encoded_address{};
};

/// Backend and address for messages, without anything that may be a password or a part of one.
[[nodiscard]] PERDURE_EXPORT std::string describe(const backend_config& config);

/// Reads settings one by one and refuses the ones that nobody asked for. Every wrong setting is a
/// `backend_error` (configuration) that names it, says what was found, and lists what is allowed.
/// Where address or settings may hold a password, nothing that was written is repeated.
class PERDURE_EXPORT option_reader {
  public:
    explicit option_reader(const backend_config& config);

    [[nodiscard]] std::string text(const std::string& key, std::string fallback);
    [[nodiscard]] std::string choice(const std::string& key,
                                     const std::vector<std::string>& allowed,
                                     std::string fallback);
    [[nodiscard]] std::int64_t number(const std::string& key,
                                      std::int64_t least,
                                      std::int64_t most,
                                      std::int64_t fallback);
    [[nodiscard]] bool flag(const std::string& key, bool fallback);
    /// "250ms", "15s", "5min", "2h"; a bare number has no unit and is refused.
    [[nodiscard]] duration time(const std::string& key,
                                duration least,
                                duration most,
                                duration fallback);
    /// Refuses a setting that a user may expect, with the reason, and keeps it out of the list of
    /// those that are allowed.
    void refuse(const std::string& key, const std::string& reason);
    /// Call last: throws if a setting is left that was never read.
    void finish() const;

  private:
    [[nodiscard]] const std::string* take(const std::string& key);

    const backend_config& config_;
    std::set<std::string> known_;
};

/// What a plugin exports, as an `extern "C"` constant named `perdure_plugin`. The loader compares
/// field by field before it calls anything.
struct plugin_descriptor {
    std::uint64_t magic;
    std::uint32_t struct_size;
    std::uint32_t contract_version;
    /// Compiler, standard library and core version with which the plugin was built.
    const char* build_fingerprint;
    const char* backend_name;
    const char* plugin_version;
    /// Makes a backend for this configuration; throws `backend_error`.
    std::unique_ptr<backend> (*create)(const backend_config& config);
};

inline constexpr std::uint64_t plugin_magic = 0x50'45'52'44'55'52'45'31ULL;  // "PERDURE1"
inline constexpr std::uint32_t contract_version = 3;

/// The fingerprint of the code that calls it: evaluated in the plugin for its descriptor, and in
/// core for the comparison.
#define PERDURE_BUILD_FINGERPRINT                                                           \
    PERDURE_COMPILER_FAMILY ", " PERDURE_STANDARD_LIBRARY ", core " PERDURE_VERSION_TEXT \
        PERDURE_SANITIZER_TEXT

/// A plugin that was found: where, and what it says of itself.
struct plugin_info {
    std::string file;
    std::string backend;
    std::string version;
    std::string fingerprint;
    std::uint32_t contract = 0;
    /// Why it cannot be used; empty when it can.
    std::string problem;
};

/// Where plugins are looked for, in this order: `extra`, the directories of the environment
/// variable PERDURE_PLUGIN_PATH, the directory of the executable, its sibling lib/perdure/plugins,
/// the directory that core was installed into.
[[nodiscard]] PERDURE_EXPORT std::vector<std::string> plugin_search_path(
    const std::vector<std::string>& extra = {},
    detail::same_library = detail::same_library(PERDURE_STANDARD_LIBRARY));

/// Every plugin on the search path, the unusable ones with their problem.
[[nodiscard]] PERDURE_EXPORT std::vector<plugin_info> find_plugins(
    const std::vector<std::string>& extra = {},
    detail::same_library = detail::same_library(PERDURE_STANDARD_LIBRARY));

/// Loads the plugin in this file, or returns the one already loaded. A library is never unloaded:
/// exceptions, vtables and callbacks of it may live on. Throws `backend_error` (configuration) that
/// says what was found and what was expected. Safe from any thread.
PERDURE_EXPORT const plugin_descriptor& load_plugin(const std::string& file);

/// Finds and loads the plugin of a backend by name ("sqlite" is the file perdure-sqlite.so).
PERDURE_EXPORT const plugin_descriptor& load_plugin_by_name(
    std::string_view backend,
    const std::vector<std::string>& extra = {},
    detail::same_library = detail::same_library(PERDURE_STANDARD_LIBRARY));

/// Reads `scheme:address?key=value&key=value`. The scheme is the backend's name, or "postgresql"
/// for "postgres". Throws `backend_error` (configuration), which repeats nothing but the scheme.
[[nodiscard]] PERDURE_EXPORT backend_config parse_uri(
    std::string_view uri,
    detail::same_library = detail::same_library(PERDURE_STANDARD_LIBRARY));

/// Reads a TOML file with a table `[hub]`: either `uri = "..."`, or `backend`, `address` and a table
/// `[hub.options]`. Throws `backend_error` (configuration) that names file, line and key.
[[nodiscard]] PERDURE_EXPORT backend_config read_config(
    const std::string& file,
    detail::same_library = detail::same_library(PERDURE_STANDARD_LIBRARY));

}  // namespace v1
}  // namespace perdure

#if defined(__clang__)
#define PERDURE_COMPILER_FAMILY "clang " PERDURE_STRINGIZE(__clang_major__)
#else
#define PERDURE_COMPILER_FAMILY "gcc " PERDURE_STRINGIZE(__GNUC__)
#endif

#if defined(__SANITIZE_ADDRESS__)
#define PERDURE_SANITIZER_TEXT ", address sanitizer"
#elif defined(__SANITIZE_THREAD__)
#define PERDURE_SANITIZER_TEXT ", thread sanitizer"
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PERDURE_SANITIZER_TEXT ", address sanitizer"
#elif __has_feature(thread_sanitizer)
#define PERDURE_SANITIZER_TEXT ", thread sanitizer"
#endif
#endif
#ifndef PERDURE_SANITIZER_TEXT
#define PERDURE_SANITIZER_TEXT ""
#endif

/// Exports a plugin. Use once, at namespace scope, outside any namespace.
#define PERDURE_PLUGIN(name, version, create_function)                             \
    extern "C" __attribute__((visibility("default"))) const ::perdure::plugin_descriptor \
        perdure_plugin;                                                            \
    const ::perdure::plugin_descriptor perdure_plugin = {                          \
        ::perdure::plugin_magic,      sizeof(::perdure::plugin_descriptor),        \
        ::perdure::contract_version,  PERDURE_BUILD_FINGERPRINT, (name), (version), \
        (create_function)}
