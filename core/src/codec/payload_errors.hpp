#pragma once

#include "codec/json_scanner.hpp"

#include <perdure/codec.hpp>

#include <string>
#include <string_view>

namespace perdure::codecs {

/// Throws `payload_error`: the payload is not what was wanted, `found` stands there instead.
[[noreturn]] void fail_reading(std::string_view wanted,
                               std::string_view found,
                               const payload& stored);

/// Throws `payload_error` unless the payload has a value of the codec "json".
void check_codec(std::string_view wanted, const payload& stored);

/// A payload whose JSON is broken.
class payload_errors final : public scan_errors {
  public:
    explicit payload_errors(const payload& stored) noexcept : stored_(&stored) {}
    [[noreturn]] void raise(std::size_t at, const std::string& problem) const override;

  private:
    const payload* stored_;
};

}  // namespace perdure::codecs
