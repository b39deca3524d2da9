#pragma once

#include "statements.hpp"

#include <perdure/backend.hpp>

namespace perdure::sqlite {

/// The record in this row, which has `record_columns`; its tags are read besides.
[[nodiscard]] instance_record record(read_statements& sql, const rows& found);

}  // namespace perdure::sqlite
