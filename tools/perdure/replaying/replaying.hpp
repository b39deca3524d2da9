#pragma once

#include "../commands.hpp"

#include <cstddef>
#include <string>
#include <vector>

// `perdure replay`: recorded histories against today's code. docs/replay.md shows its use.

namespace perdure::tool {

struct replay_command {
    // Empty when a file is replayed.
    std::string hub;
    output_form form = output_form::text;
    // Shared libraries with orchestrations.
    std::vector<std::string> libraries;
    // The file; with a hub, the ids of instances.
    std::vector<std::string> words;
    filter_words filter;
    // Of each kind of finding so many are printed.
    std::size_t limit = 20;
    unsigned time_limit_seconds = 10;
    bool quiet = false;
};
int replay_histories(const replay_command& given);

}  // namespace perdure::tool
