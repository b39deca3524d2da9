#pragma once

#include "../commands.hpp"

#include <cstdint>
#include <string>
#include <vector>

// The verbs that move instances: into a file and out of it, and from hub to hub. docs/operations.md
// shows them, docs/export-format.md describes the file.

namespace perdure::tool {

struct export_command {
    std::string hub;
    output_form form = output_form::text;
    wanted_instances wanted;
    std::string output;
    bool redacted = false;
    bool overwrite = false;
    bool no_compression = false;
    bool quiet = false;
};
int export_instances(const export_command& given);

struct import_command {
    // Of `import` only.
    std::string hub;
    output_form form = output_form::text;
    std::string file;
    bool redacted_too = false;
    bool quiet = false;
};
int import_instances(const import_command& given);
int verify_file(const import_command& given);

struct migrate_command {
    // Of a live move; empty at rest.
    std::string step;
    std::string from;
    std::string to;
    output_form form = output_form::text;
    bool leave_open = false;
    bool quiet = false;
};
int migrate_hub(const migrate_command& given);
int migrate_live(const migrate_command& given);
// The words that `step` may be.
[[nodiscard]] const std::vector<std::string>& live_steps();

struct open_hub_command {
    std::string hub;
};
/// Opens a hub that is closed because it moved, or because a move was killed.
int open_closed_hub(const open_hub_command& given);

}  // namespace perdure::tool
