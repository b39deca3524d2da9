#pragma once

#include <chrono>

namespace perdure {
inline namespace v1 {

/// A length of time. Microseconds are what every backend can store exactly.
using duration = std::chrono::microseconds;

/// A point of the store's time, in microseconds of UTC since 1970-01-01. The store's clock is the
/// only one that decides anything; a worker's wall clock never does.
using timestamp = std::chrono::sys_time<duration>;

}  // namespace v1
}  // namespace perdure
