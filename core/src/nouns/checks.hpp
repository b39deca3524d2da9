#pragma once

#include <perdure/failure.hpp>
#include <perdure/history.hpp>
#include <perdure/ids.hpp>
#include <perdure/payload.hpp>

#include <string>
#include <string_view>

// What a client and an orchestration may pass, checked the same way for both. Every function throws
// `invalid_input`, whose text begins with the subject; <perdure/limits.hpp> has the limits.

namespace perdure::checks {

/// What is checked, as an error names it: `activity "Charge": queue`. Costs nothing before there is
/// an error.
struct subject {
    std::string_view owner;
    std::string_view name{};
    std::string_view part{};

    [[nodiscard]] std::string text() const;
};

/// UTF-8 without NUL, of at most `text_bytes_max` bytes.
void check_text(const subject& what, std::string_view text);
/// A name that may be left out: a version, a queue, a message id.
void check_optional_name(const subject& what, std::string_view name);
/// Their number, keys and values.
void check_tags(const subject& what, const tag_map& tags);
/// The codec's name, and the size.
void check_payload(const subject& what, const payload& value, std::size_t bytes_max);

/// Within `failure_bytes_max`, by leaving things out: a failure is never refused.
[[nodiscard]] failure bounded(failure reason);

}  // namespace perdure::checks
