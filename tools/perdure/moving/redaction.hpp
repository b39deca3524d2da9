#pragma once

#include <perdure/instance_image.hpp>

#include <string>

// Exporting what happened without what it was about: contents become values of the same shape.
// docs/export-format.md lists what is replaced and what stays.

namespace perdure::tool {

void redact(instance_image& image);

// The parts of it. A payload: JSON with other texts and numbers, or as many characters or bytes.
[[nodiscard]] payload redacted(const payload& value);
// Events in their stored form, one or an array of them; everything but contents stays byte for
// byte.
[[nodiscard]] std::string redacted_events(const std::string& text);
// A failure in its stored form.
[[nodiscard]] std::string redacted_failure(const std::string& text);

}  // namespace perdure::tool
