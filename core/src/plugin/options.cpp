#include "plugin/errors.hpp"
#include "plugin/secrets.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <perdure/plugin.hpp>
#include <utility>

namespace perdure {
inline namespace v1 {

namespace {

using plugin::joined;
using plugin::may_hold_secret;
using plugin::our_name_for;

[[noreturn]] void refuse_value(const backend_config& config,
                               const std::string& key,
                               const std::string& allowed) {
    const std::string found = may_hold_secret(config) ? "another value was found"
                                                      : "found \"" + config.options.at(key) + "\"";
    plugin::refuse("option " + key + ": " + found + ", allowed is " + allowed);
}

struct unit {
    const char* suffix;
    duration length;
};

// Longer suffixes before the ones that they end in.
constexpr unit units[] = {{"us", std::chrono::microseconds(1)},
                          {"ms", std::chrono::milliseconds(1)},
                          {"min", std::chrono::minutes(1)},
                          {"s", std::chrono::seconds(1)},
                          {"h", std::chrono::hours(1)}};

std::optional<std::int64_t> parse_number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = code == std::errc() && end == text.data() + text.size();
    return whole ? std::optional(value) : std::nullopt;
}

std::optional<duration> parse_time(std::string_view text) {
    for (const auto& [suffix, length] : units) {
        if (text.ends_with(suffix)) {
            text.remove_suffix(std::string_view(suffix).size());
            const auto count = parse_number(text);
            const auto most = duration::max() / length;
            return count && *count >= 0 && *count <= most ? std::optional(*count * length)
                                                          : std::nullopt;
        }
    }
    return std::nullopt;
}

// In the largest unit that expresses it exactly.
std::string time_text(duration value) {
    const unit* best = &units[0];
    for (const unit& candidate : units) {
        if (value % candidate.length == duration::zero() && candidate.length > best->length) {
            best = &candidate;
        }
    }
    return std::to_string(value / best->length) + best->suffix;
}

}  // namespace

option_reader::option_reader(const backend_config& config) : config_(config) {}

const std::string* option_reader::take(const std::string& key) {
    known_.insert(key);
    const auto found = config_.options.find(key);
    return found == config_.options.end() ? nullptr : &found->second;
}

std::string option_reader::text(const std::string& key, std::string fallback) {
    const std::string* found = take(key);
    return found != nullptr ? *found : std::move(fallback);
}

std::string option_reader::choice(const std::string& key,
                                  const std::vector<std::string>& allowed,
                                  std::string fallback) {
    const std::string* found = take(key);
    if (found == nullptr) {
        return fallback;
    }
    if (std::find(allowed.begin(), allowed.end(), *found) == allowed.end()) {
        refuse_value(config_, key, joined(allowed));
    }
    return *found;
}

std::int64_t option_reader::number(const std::string& key,
                                   std::int64_t least,
                                   std::int64_t most,
                                   std::int64_t fallback) {
    const std::string* found = take(key);
    if (found == nullptr) {
        return fallback;
    }
    const auto value = parse_number(*found);
    if (!value || *value < least || *value > most) {
        refuse_value(
            config_,
            key,
            "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    }
    return *value;
}

bool option_reader::flag(const std::string& key, bool fallback) {
    return choice(key, {"on", "off"}, fallback ? "on" : "off") == "on";
}

duration option_reader::time(const std::string& key,
                             duration least,
                             duration most,
                             duration fallback) {
    const std::string* found = take(key);
    if (found == nullptr) {
        return fallback;
    }
    const auto value = parse_time(*found);
    if (!value || *value < least || *value > most) {
        refuse_value(config_,
                     key,
                     "a time from " + time_text(least) + " to " + time_text(most) +
                         " with its unit (us, ms, s, min, h), for example \"250ms\"");
    }
    return *value;
}

void option_reader::refuse(const std::string& key, const std::string& reason) {
    if (config_.options.contains(key)) {
        plugin::refuse("option " + key + ": " + reason);
    }
}

void option_reader::finish() const {
    // `create` is core's own, whatever the backend.
    std::set<std::string> allowed = known_;
    allowed.insert("create");
    for (const auto& [key, value] : config_.options) {
        if (known_.contains(key)) {
            continue;
        }
        const auto ours = our_name_for(key);
        const bool helps = ours && (ours->option.empty() || allowed.contains(ours->option));
        const std::string which =
            may_hold_secret(config_) ? "an unknown option" : "unknown option " + key;
        plugin::refuse(which + " for backend " + config_.backend + ": " +
                       (helps ? "here it is " + ours->words
                              : "allowed are " + joined({allowed.begin(), allowed.end()})));
    }
}

}  // namespace v1
}  // namespace perdure
