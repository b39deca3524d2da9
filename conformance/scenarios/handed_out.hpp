#pragma once

#include "fixture.hpp"

#include <cstdint>
#include <vector>

namespace perdure::conformance {

/// The instances that were handed out, in order.
[[nodiscard]] inline std::vector<instance_id> ids_of(const work_batch& batch) {
    std::vector<instance_id> ids;
    for (const orchestration_work& work : batch.orchestrations) {
        ids.push_back(work.instance);
    }
    return ids;
}

/// The tasks of the activities that were handed out, in order.
[[nodiscard]] inline std::vector<std::uint64_t> tasks_of(const work_batch& batch) {
    std::vector<std::uint64_t> tasks;
    for (const activity_work& work : batch.activities) {
        tasks.push_back(work.task.value);
    }
    return tasks;
}

}  // namespace perdure::conformance
