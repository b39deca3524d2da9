#pragma once

#include <perdure/backend.hpp>

#include <string>

// What the filters of the contract mean, for a store that compares by itself. A store with a query
// language says the same in that.

namespace perdure {
inline namespace v1 {

/// Whether a query or a purge with this filter means the instance.
[[nodiscard]] PERDURE_EXPORT bool matches(const instance_filter& filter,
                                          const instance_record& record);

/// Whether a worker with this filter has the code for an instance of this definition and feature
/// level [LOCK-4] [LEVEL-2]. Null asks for everything, here and below.
[[nodiscard]] PERDURE_EXPORT bool serves(const work_filter* filter,
                                         const work_filter::definition& wanted,
                                         feature_level level);
[[nodiscard]] PERDURE_EXPORT bool serves(const work_filter* filter, const instance_record& record);

/// Whether a worker with this filter has the activity, and serves its queue.
[[nodiscard]] PERDURE_EXPORT bool serves(const work_filter* filter, const new_activity& activity);

/// The names of unserved work, as `hub_status` lists them.
[[nodiscard]] PERDURE_EXPORT std::string work_name(const work_filter::definition& definition,
                                                   feature_level level);
[[nodiscard]] PERDURE_EXPORT std::string work_name(const instance_record& record);
[[nodiscard]] PERDURE_EXPORT std::string work_name(const new_activity& activity);

}  // namespace v1
}  // namespace perdure
