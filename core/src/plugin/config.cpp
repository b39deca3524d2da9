#include "plugin/errors.hpp"

#include <perdure/plugin.hpp>

#include <filesystem>
#include <sstream>
#include <system_error>
#include <toml++/toml.h>

namespace perdure {
inline namespace v1 {

namespace {

using plugin::backend_named;
using plugin::our_name_for;
using plugin::refuse;

// Where a node stands, as "FILE:LINE: key KEY".
std::string place(const std::string& file,
                  const std::string& key,
                  const toml::node& node) {
    return file + ":" + std::to_string(node.source().begin.line) + ": key " + key;
}

// Settings are texts to a backend; TOML's own types are a convenience.
std::string option_text(const std::string& file,
                        const std::string& key,
                        const toml::node& node) {
    if (const auto text = node.value_exact<std::string>()) {
        return *text;
    }
    if (const auto flag = node.value_exact<bool>()) {
        return *flag ? "on" : "off";
    }
    if (const auto number = node.value_exact<std::int64_t>()) {
        return std::to_string(*number);
    }
    refuse(place(file, key, node) + ": allowed is a string, a whole number, true or false");
}

std::string text(const std::string& file,
                 const std::string& key,
                 const toml::node& node) {
    const auto value = node.value_exact<std::string>();
    if (!value) {
        refuse(place(file, key, node) + ": allowed is a string");
    }
    return *value;
}

void refuse_key(const std::string& file, const std::string& key, const toml::node& node) {
    const auto ours = our_name_for(key);
    refuse(place(file, "hub." + key, node) + ": unknown; " +
           (ours ? "here it is " + ours->words
                 : "allowed are uri, or backend, address and the table hub.options"));
}

backend_config read_hub(const std::string& file, const toml::table& hub) {
    backend_config config;
    const toml::node* uri = nullptr;
    const toml::node* other = nullptr;
    for (const auto& [name, node] : hub) {
        const std::string key(name.str());
        (key == "uri" ? uri : other) = &node;
        if (key == "backend") {
            config.backend = backend_named(text(file, "hub.backend", node));
        } else if (key == "address") {
            config.address = text(file, "hub.address", node);
        } else if (const auto* options = node.as_table(); key == "options" && options != nullptr) {
            for (const auto& [option, value] : *options) {
                const std::string setting(option.str());
                config.options[setting] = option_text(file, "hub.options." + setting, value);
            }
        } else if (key != "uri") {
            refuse_key(file, key, node);
        }
    }
    if (uri != nullptr && other != nullptr) {
        refuse(place(file, "hub.uri", *uri) +
               ": allowed alone, or instead of it backend, address and the table hub.options");
    }
    if (uri == nullptr && config.backend.empty()) {
        refuse(place(file, "hub", hub) + ": neither uri nor backend is set; one of them must be");
    }
    if (uri == nullptr) {
        return config;
    }
    try {
        return parse_uri(text(file, "hub.uri", *uri));
    } catch (backend_error& wrong) {
        wrong.add_context(place(file, "hub.uri", *uri));
        throw;
    }
}

}  // namespace

backend_config read_config(const std::string& file, detail::same_library) {
    std::error_code code;
    if (std::filesystem::is_directory(file, code)) {
        refuse(file + ": is a directory, not a configuration file");
    }
    try {
        const toml::table root = toml::parse_file(file);
        const toml::node* hub = root.get("hub");
        if (hub == nullptr || !hub->is_table()) {
            refuse(file + ": the table [hub] is missing; it names the backend");
        }
        return read_hub(file, *hub->as_table());
    } catch (const toml::parse_error& wrong) {
        // It may end with what was found there.
        const std::string_view what = wrong.description();
        refuse(file + ":" + std::to_string(wrong.source().begin.line) + ": " +
               std::string(what.substr(0, what.find(", saw "))));
    }
}

}  // namespace v1
}  // namespace perdure
