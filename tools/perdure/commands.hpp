#pragma once

#include "output.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

// The verbs of the `perdure` command, each with what its command line says. They write to standard
// output, throw Perdure's exceptions, and return the exit code otherwise.

namespace perdure::tool {

struct plugins_command {
    std::vector<std::string> search;
    output_form form = output_form::text;
};
int show_plugins(const plugins_command& given);

struct hub_command {
    std::string hub;
    output_form form = output_form::text;
};
int show_hub_status(const hub_command& given);

struct fsck_command {
    std::string hub;
    output_form form = output_form::text;
    bool repair = false;
    // At most so many violations are printed, and repaired at once.
    std::size_t limit = 1000;
};
int check_hub(const fsck_command& given);

// What the filters of `list` and `purge` were given, unread.
struct filter_words {
    std::vector<std::string> statuses;
    // An empty name or version is one, too.
    std::optional<std::string> name;
    std::optional<std::string> version;
    std::optional<std::string> tag;
    std::optional<std::string> parent;
    std::optional<std::string> id_prefix;
    std::optional<std::string> created_from;
    std::optional<std::string> created_to;
    std::optional<std::string> completed_from;
    std::optional<std::string> completed_to;
    bool parked = false;
    bool not_parked = false;

    [[nodiscard]] bool is_empty() const;
};

// These instances, or those that the filter means; otherwise all.
struct wanted_instances {
    std::vector<std::string> ids;
    filter_words filter;

    [[nodiscard]] bool is_whole_hub() const { return ids.empty() && filter.is_empty(); }
};

struct instances_command {
    std::string hub;
    output_form form = output_form::text;
    filter_words filter;
    std::size_t limit = 100;
    std::string after;
    // Of every verb but `list` and `purge`.
    std::string id;
    // Of `purge`.
    std::vector<std::string> ids;
    std::string event;
    std::optional<std::string> data;
    std::optional<std::string> text;
    std::string message_id;
    std::string reason;
    bool recursive = false;
    bool force = false;
    bool all = false;
};
int list_instances(const instances_command& given);
int show_instance(const instances_command& given);
int show_history(const instances_command& given);
int raise_event(const instances_command& given);
int suspend_instance(const instances_command& given);
int resume_instance(const instances_command& given);
int terminate_instance(const instances_command& given);
int unpark_instance(const instances_command& given);
int purge_instances(const instances_command& given);

}  // namespace perdure::tool
