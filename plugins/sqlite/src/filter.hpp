#pragma once

#include "database.hpp"

#include <perdure/backend.hpp>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace perdure::sqlite {

/// The instances that a filter means, as SQL. The values are bound, never written into the text.
class filter_query {
  public:
    /// `select` names the columns and joins instances as i and definitions as d; it uses one
    /// parameter, the store's time.
    filter_query(database& db,
                 const instance_filter& filter,
                 const std::string& select,
                 timestamp now);

    filter_query& and_after(const std::string& instance);
    filter_query& and_terminal();
    /// In the order of ids, at most so many. The object must live until the last row is read.
    [[nodiscard]] rows query(std::size_t limit);

  private:
    filter_query& add(const std::string& condition);
    filter_query& add(const std::string& condition, const std::string& value);
    filter_query& add(const std::string& condition, std::int64_t value);

    database& db_;
    std::string sql_;
    std::vector<bound_value> values_;
    std::optional<statement> statement_;
};

/// The ids of instances that a purge by filter removes: at most one more than its limit.
[[nodiscard]] std::vector<instance_id> purgeable(database& db, const purge_request& request);

}  // namespace perdure::sqlite
