#include "errors.hpp"

#include <algorithm>
#include <cctype>
#include <map>

namespace perdure::plugin {

void refuse(const std::string& what) {
    throw backend_error(store_fault::configuration, what);
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) {
        text += (text.empty() ? "" : ", ") + word;
    }
    return text.empty() ? "nothing" : text;
}

std::string backend_named(std::string_view scheme) {
    return std::string(scheme == "postgresql" ? "postgres" : scheme);
}

namespace {

our_name option(const std::string& name, const std::string& example) {
    return {name, "the option " + example};
}

const our_name in_address{"", "the address of the URI: postgres://user@host:port/database"};

our_name setting_of_worker(const std::string& name) {
    return {"", "the setting " + name + " of the worker"};
}

// Keys are in lower case and without separators, because their users write them in several ways.
const std::map<std::string, our_name>& known_names() {
    static const std::map<std::string, our_name> names = {
        {"taskhubname", option("task_hub", "task_hub=NAME")},
        {"schemaname", option("schema", "schema=NAME")},
        {"createdatabaseifnotexists", option("create_database", "create_database=on")},
        {"createifnotexists", option("create", "create=if_missing or create=never")},
        {"commandtimeout", option("command_timeout", "command_timeout=30s")},
        {"timeout", option("connect_timeout", "connect_timeout=15s")},
        {"minpoolsize", option("pool_min", "pool_min=N")},
        {"maxpoolsize", option("pool_max", "pool_max=N")},
        {"pooling", option("pool_max", "pool_max=N; there is always a pool")},
        {"connectionstring", in_address},
        {"host", in_address},
        {"port", in_address},
        {"database", in_address},
        {"username", in_address},
        {"pollingintervalms", setting_of_worker("poll_max")},
        {"pollinginterval", setting_of_worker("poll_max")},
        {"leasedurationminutes", setting_of_worker("lease_duration")},
        {"workitemlocktimeout", setting_of_worker("lease_duration")},
        {"leaseduration", setting_of_worker("lease_duration")},
        {"maxconcurrentworkflows", setting_of_worker("turns_max")},
        {"maxactiveorchestrations", setting_of_worker("turns_max")},
        {"maxconcurrentorchestrators", setting_of_worker("turns_max")},
        {"maxconcurrentactivities", setting_of_worker("activities_max")},
        {"enablereplaylogging", setting_of_worker("log_replay")},
    };
    return names;
}

}  // namespace

std::optional<our_name> our_name_for(const std::string& key) {
    std::string plain;
    for (const char c : key) {
        if (c != '_' && c != '-' && c != ' ') {
            plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        }
    }
    const auto found = known_names().find(plain);
    return found == known_names().end() ? std::nullopt : std::optional(found->second);
}

}  // namespace perdure::plugin
