#include "filters.hpp"

#include <optional>

namespace perdure::tool {
namespace {

std::optional<timestamp> read_time(const std::optional<std::string>& text) {
    return text ? std::optional(parse_time(*text)) : std::nullopt;
}

}  // namespace

bool filter_words::is_empty() const {
    return statuses.empty() && !name && !version && !tag && !parent && !id_prefix &&
           !created_from && !created_to && !completed_from && !completed_to && !parked &&
           !not_parked;
}

instance_filter read_filter(const filter_words& words) {
    instance_filter filter;
    for (const auto& word : words.statuses) {
        const auto status = parse_status(word);
        if (!status) {
            throw invalid_input("--status: " + repeated(word) +
                                " is no status; allowed are pending, running, suspended, "
                                "completed, failed, cancelled and terminated");
        }
        filter.statuses.push_back(*status);
    }
    filter.name = words.name;
    filter.version = words.version;
    if (words.tag) {
        const auto at = words.tag->find('=');
        if (at == std::string::npos || at == 0) {
            throw invalid_input("--tag: " + repeated(*words.tag) + " is not of the form KEY=VALUE");
        }
        filter.tag = {words.tag->substr(0, at), words.tag->substr(at + 1)};
    }
    if (words.parent) {
        filter.parent = instance_id(*words.parent);
    }
    if (words.parked || words.not_parked) {
        filter.parked = words.parked;
    }
    filter.id_prefix = words.id_prefix.value_or("");
    filter.created_from = read_time(words.created_from);
    filter.created_to = read_time(words.created_to);
    filter.completed_from = read_time(words.completed_from);
    filter.completed_to = read_time(words.completed_to);
    return filter;
}

hub open_existing(const std::string& uri) {
    auto config = parse_uri(uri);
    config.options.try_emplace("create", "never");
    return open(config);
}

}  // namespace perdure::tool
