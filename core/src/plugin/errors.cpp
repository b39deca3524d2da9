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

namespace {

// Keys are in lower case and without separators, because their users write them in several ways.
const std::map<std::string, std::string>& known_names() {
    static const std::map<std::string, std::string> names = {
        {"taskhubname", "the option task_hub=NAME"},
        {"schemaname", "the option schema=NAME"},
        {"createdatabaseifnotexists", "the option create=if_missing or create=never"},
        {"createifnotexists", "the option create=if_missing or create=never"},
        {"commandtimeout", "the option command_timeout=30s"},
        {"timeout", "the option connect_timeout=15s"},
        {"minpoolsize", "the option pool_min=N"},
        {"maxpoolsize", "the option pool_max=N"},
        {"pooling", "the options pool_min=N and pool_max=N; there is always a pool"},
        {"connectionstring", "the address of the URI: postgres://user@host/database"},
        {"host", "the address of the URI: postgres://user@host/database"},
        {"port", "the address of the URI: postgres://user@host:port/database"},
        {"database", "the address of the URI: postgres://user@host/database"},
        {"username", "the address of the URI: postgres://user@host/database"},
        {"pollingintervalms", "the setting poll_max of the worker"},
        {"pollinginterval", "the setting poll_max of the worker"},
        {"leasedurationminutes", "the setting lease_duration of the worker"},
        {"workitemlocktimeout", "the setting lease_duration of the worker"},
        {"leaseduration", "the setting lease_duration of the worker"},
        {"maxconcurrentworkflows", "the setting turns_max of the worker"},
        {"maxactiveorchestrations", "the setting turns_max of the worker"},
        {"maxconcurrentorchestrators", "the setting turns_max of the worker"},
        {"maxconcurrentactivities", "the setting activities_max of the worker"},
        {"enablereplaylogging", "the setting log_replay of the worker"},
    };
    return names;
}

}  // namespace

std::string our_name_for(const std::string& key) {
    std::string plain;
    for (const char c : key) {
        if (c != '_' && c != '-' && c != ' ') {
            plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        }
    }
    const auto found = known_names().find(plain);
    return found == known_names().end() ? std::string() : "here it is " + found->second;
}

}  // namespace perdure::plugin
