#pragma once

#include <perdure/export.hpp>

#include <cstddef>

// Containers cross the border between a program and core, and look different in memory when one of
// the two was built with _GLIBCXX_DEBUG. What takes or gives them first compares the builds.

#define PERDURE_STRINGIZE_INNER(x) #x
#define PERDURE_STRINGIZE(x) PERDURE_STRINGIZE_INNER(x)

#if defined(_GLIBCXX_DEBUG)
#define PERDURE_CONTAINERS_TEXT ", debug containers"
#else
#define PERDURE_CONTAINERS_TEXT ""
#endif

/// What of the standard library's build a program, core and the plugins must agree in.
#define PERDURE_STANDARD_LIBRARY \
    "libstdc++ ABI " PERDURE_STRINGIZE(_GLIBCXX_USE_CXX11_ABI) PERDURE_CONTAINERS_TEXT

namespace perdure {
inline namespace v1 {
namespace detail {

/// The default argument of functions that the border is crossed by: it is made in the program's own
/// code, before the call.
struct PERDURE_EXPORT same_library {
    /// Throws `backend_error` (configuration) when the program's standard library is not core's.
    explicit same_library(const char* of_the_program);
};

}  // namespace detail
}  // namespace v1
}  // namespace perdure
