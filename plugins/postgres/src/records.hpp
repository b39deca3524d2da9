#pragma once

#include "fields.hpp"

#include <perdure/backend.hpp>

#include <optional>

namespace perdure::postgres {

/// What the store tells of an instance, from a row of the view InstanceRecords as one value; nothing
/// for a null or a row of nulls.
[[nodiscard]] std::optional<instance_record> read_record(const field& row);

}  // namespace perdure::postgres
