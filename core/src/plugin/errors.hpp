#pragma once

#include <perdure/backend_error.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace perdure::plugin {

/// Every problem with a URI, a setting or a plugin is one kind of error.
[[noreturn]] void refuse(const std::string& what);

/// "a, b, c", or "nothing".
[[nodiscard]] std::string joined(const std::vector<std::string>& words);

/// The backend that the scheme of a URI means: its own name, or the one that other libraries use.
[[nodiscard]] std::string backend_named(std::string_view scheme);

/// What a setting of another system is called here.
struct our_name {
    /// The option's name; empty when it is no option of a backend.
    std::string option;
    /// "the option task_hub=NAME"
    std::string words;
};

/// Our name for `key`, if that is the name of a setting in one of the systems that Perdure follows.
[[nodiscard]] std::optional<our_name> our_name_for(const std::string& key);

}  // namespace perdure::plugin
