#pragma once

#include <optional>
#include <string>

// What a shared library exports for Perdure: an object whose first fields say whether the others
// may be looked at.

namespace perdure::plugin {

struct exported_object {
    const char* symbol;
    /// "a Perdure plugin, which ..."
    const char* meaning;
};

/// The object in this library, which is loaded once and for ever; or null and the reason. Safe from
/// any thread.
[[nodiscard]] const void* find_exported(const std::string& file,
                                        const exported_object& wanted,
                                        std::string& problem);

/// Says that this is the fingerprint of another build than core's, and names both; null is one,
/// too.
[[nodiscard]] std::optional<std::string> other_build(const char* fingerprint);

template <class T>
[[nodiscard]] std::string mismatch(const std::string& what, const T& found, const T& expected) {
    return what + ": found " + std::to_string(found) + ", expected " + std::to_string(expected);
}

}  // namespace perdure::plugin
