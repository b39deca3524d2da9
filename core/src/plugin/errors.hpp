#pragma once

#include <perdure/backend_error.hpp>

#include <string>
#include <vector>

namespace perdure::plugin {

/// Every problem with a URI, a setting or a plugin is one kind of error.
[[noreturn]] void refuse(const std::string& what);

/// "a, b, c", or "nothing".
[[nodiscard]] std::string joined(const std::vector<std::string>& words);

/// If `key` is the name of a setting in one of the systems that Perdure follows, a sentence that
/// gives our name for it; otherwise empty.
[[nodiscard]] std::string our_name_for(const std::string& key);

}  // namespace perdure::plugin
