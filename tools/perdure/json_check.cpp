#include "json_check.hpp"

#include <perdure/detail/json.hpp>
#include <perdure/failure.hpp>

namespace perdure::tool {

bool is_json(const std::string& text) {
    try {
        check_json("", text);
        return true;
    } catch (const invalid_input&) {
        return false;
    }
}

void check_json(const std::string& option, const std::string& text) {
    try {
        const payload stored(std::string(json_codec), text);
        const detail::json_reader whole(stored);
    } catch (const payload_error& problem) {
        throw invalid_input(option + ": not JSON: " + problem.what() + " (--text takes text)");
    }
}

}  // namespace perdure::tool
