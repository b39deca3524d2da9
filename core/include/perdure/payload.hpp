#pragma once

#include <perdure/limits.hpp>

#include <string>
#include <utility>

namespace perdure {
inline namespace v1 {

/// A value of the user's, encoded: which codec wrote it, and its bytes, kept exactly by every
/// backend. An orchestration or activity without input or result has an empty codec.
struct payload {
    std::string codec;
    std::string bytes;

    payload() = default;
    payload(std::string codec_name, std::string content)
        : codec(std::move(codec_name)), bytes(std::move(content)) {}

    /// True when there is no value at all, as opposed to an empty one.
    [[nodiscard]] bool is_none() const noexcept { return codec.empty(); }
    friend bool operator==(const payload&, const payload&) = default;
};

}  // namespace v1
}  // namespace perdure
