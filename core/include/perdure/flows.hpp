#pragma once

#include <perdure/detail/standard_library.hpp>
#include <perdure/plugin.hpp>

#include <cstdint>
#include <string>

// How the orchestrations of a program become a shared library beside it, for who executes their
// code apart from the program: `perdure replay` does.
//
//     static void add_all(perdure::registry& known) {
//         known.add(fulfil_order, fulfil);
//     }
//     PERDURE_FLOWS(add_all)
//
// Link it with the core that the program has. Activities may be missing.

namespace perdure {
inline namespace v1 {

class registry;

/// What such a library exports, as an `extern "C"` constant named `perdure_flows`. Compared field
/// by field before anything is called.
struct flows_descriptor {
    std::uint64_t magic;
    std::uint32_t struct_size;
    /// Compiler, standard library and core version with which the library was built.
    const char* build_fingerprint;
    /// Adds the orchestrations to a registry; may throw.
    void (*add)(registry& known);
};

inline constexpr std::uint64_t flows_magic = 0x50'45'52'44'46'4C'4F'57ULL;  // "PERDFLOW"

/// Loads the library and adds its orchestrations. It is never unloaded: their code is in use.
/// Throws `backend_error` (configuration) that says what was found and what was expected, also when
/// the library's own function throws. Safe from any thread, for different registries.
PERDURE_EXPORT void load_flows(
    const std::string& file,
    registry& into,
    detail::same_library = detail::same_library(PERDURE_STANDARD_LIBRARY));

}  // namespace v1
}  // namespace perdure

/// Exports orchestrations. Use once, at namespace scope, outside any namespace; `add_function` is a
/// `void(perdure::registry&)`.
#define PERDURE_FLOWS(add_function)                                                         \
    extern "C" __attribute__((visibility("default")))                                       \
    const ::perdure::flows_descriptor perdure_flows;                                        \
    const ::perdure::flows_descriptor perdure_flows = {::perdure::flows_magic,              \
                                                       sizeof(::perdure::flows_descriptor), \
                                                       PERDURE_BUILD_FINGERPRINT,           \
                                                       (add_function)};
