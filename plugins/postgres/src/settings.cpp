#include "settings.hpp"

#include <perdure/ids.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <libpq-fe.h>
#include <memory>
#include <utility>
#include <vector>

namespace perdure::postgres {

namespace {

// The server cuts longer names off, silently.
constexpr std::size_t identifier_bytes_max = 63;
constexpr std::size_t task_hub_bytes_max = 50;

[[noreturn]] void refuse(const std::string& what) {
    throw backend_error(store_fault::configuration, "postgres: " + what);
}

constexpr const char* address_form =
    "allowed is //user:password@host:port,host2:port2/database, in which every part may be "
    "missing; "
    "what it cannot say is said by the options user, password, host, port and dbname";

void store(settings& chosen, const std::string& keyword, std::string_view value) {
    if (!value.empty() && !chosen.libpq.emplace(keyword, value).second) {
        refuse(keyword + " is given twice, in the address and as an option");
    }
}

// host:port,[::1]:port2 into the two lists that libpq wants.
void read_hosts(std::string_view list, settings& chosen) {
    std::string hosts;
    std::string ports;
    bool has_port = false;
    for (bool first = true; first || !list.empty(); first = false) {
        const auto end = std::min(list.find(','), list.size());
        std::string_view host = list.substr(0, end);
        list.remove_prefix(std::min(end + 1, list.size()));
        const auto bracket = host.starts_with('[') ? host.find(']') : std::string_view::npos;
        const auto colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
        const std::string_view port =
            colon == std::string_view::npos ? std::string_view() : host.substr(colon + 1);
        host = host.substr(0, colon);
        if (bracket != std::string_view::npos) {
            host = host.substr(1, bracket - 1);
        }
        if (port.find_first_not_of("0123456789") != std::string_view::npos) {
            refuse(fmt::format("the address has a port that is no number; {}", address_form));
        }
        has_port = has_port || !port.empty();
        if (!first) {
            hosts += ',';
            ports += ',';
        }
        hosts += host;
        ports += port;
    }
    store(chosen, "host", hosts);
    store(chosen, "port", has_port ? ports : std::string());
}

// Nothing of the address is quoted in an error: a password may stand in any place of a wrong one.
void read_address(std::string_view address, settings& chosen) {
    if (address.empty()) {
        return;
    }
    if (!address.starts_with("//")) {
        refuse(std::string("the address does not begin with \"//\"; ") + address_form);
    }
    address.remove_prefix(2);
    // The percent signs are decoded already, so a password may hold any character.
    if (const auto at = address.rfind('@'); at != std::string_view::npos) {
        const std::string_view login = address.substr(0, at);
        const auto colon = std::min(login.find(':'), login.size());
        store(chosen, "user", login.substr(0, colon));
        store(chosen, "password", login.substr(std::min(colon + 1, login.size())));
        address.remove_prefix(at + 1);
    }
    const auto slash = std::min(address.find('/'), address.size());
    const std::string_view database = address.substr(std::min(slash + 1, address.size()));
    if (database.find('/') != std::string_view::npos) {
        refuse(
            "the database of the address has a '/' in its name, which may be the directory of a "
            "socket: write ?host=/directory, or ?dbname=NAME");
    }
    read_hosts(address.substr(0, slash), chosen);
    store(chosen, "dbname", database);
}

// What libpq knows but what is ours to say, and why.
struct reserved_keyword {
    const char* name;
    const char* reason;
};
constexpr std::array reserved_keywords = {
    reserved_keyword{"application_name",
                     "the connections are named after the task hub; use task_hub=NAME"},
    reserved_keyword{"client_encoding", "it is always UTF8"},
    reserved_keyword{"replication", "this is no replication connection"},
};

void read_libpq_options(option_reader& options, settings& chosen) {
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> known(PQconndefaults(),
                                                                             &PQconninfoFree);
    if (known == nullptr) {
        refuse("libpq cannot read its defaults: wrong service file, or out of memory");
    }
    for (const PQconninfoOption* option = known.get(); option->keyword != nullptr; ++option) {
        const std::string keyword = option->keyword;
        const auto reserved = std::find_if(
            reserved_keywords.begin(), reserved_keywords.end(), [&](const reserved_keyword& word) {
                return keyword == word.name;
            });
        if (reserved != reserved_keywords.end()) {
            options.refuse(keyword, reserved->reason);
        } else if (keyword != "connect_timeout") {
            store(chosen, keyword, options.text(keyword, {}));
        }
    }
}

// libpq counts whole seconds; with a unit it reads like our other times.
void read_connect_timeout(option_reader& options, settings& chosen) {
    const std::string text = options.text("connect_timeout", {});
    const bool is_plain =
        !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
    if (is_plain) {
        chosen.connect_timeout = std::chrono::seconds(
            options.number("connect_timeout", 1, 3600, chosen.connect_timeout.count()));
        return;
    }
    chosen.connect_timeout = std::chrono::ceil<std::chrono::seconds>(options.time(
        "connect_timeout", std::chrono::seconds(1), std::chrono::hours(1), chosen.connect_timeout));
}

bool is_printable_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

void check_schema_name(const std::string& schema) {
    try {
        check_name("option schema", schema);
    } catch (const error& wrong) {
        refuse(wrong.what());
    }
    if (schema.size() > identifier_bytes_max) {
        refuse(fmt::format("option schema: found a name of {} bytes, allowed are {}",
                           schema.size(),
                           identifier_bytes_max));
    }
    if (schema.starts_with("pg_") || schema == "information_schema" || schema == "$user") {
        refuse(fmt::format("option schema: \"{}\" is a name that PostgreSQL keeps for itself",
                           schema));
    }
}

void check_task_hub(const std::string& task_hub) {
    if (task_hub.empty() || task_hub.size() > task_hub_bytes_max || !is_printable_ascii(task_hub)) {
        refuse(
            fmt::format("option task_hub: allowed are 1 to {} printable ASCII characters, "
                        "because it is the application_name of the connections",
                        task_hub_bytes_max));
    }
}

void set_default(settings& chosen, const std::string& keyword, const char* value) {
    chosen.libpq.emplace(keyword, value);
}

void set_libpq_defaults(settings& chosen) {
    // A server that is gone is noticed within half a minute, busy or idle.
    set_default(chosen, "keepalives_idle", "10");
    set_default(chosen, "keepalives_interval", "5");
    set_default(chosen, "keepalives_count", "3");
    set_default(chosen, "tcp_user_timeout", "20000");
    const auto host = chosen.libpq.find(chosen.libpq.contains("hostaddr") ? "hostaddr" : "host");
    if (host != chosen.libpq.end() && host->second.find(',') != std::string::npos) {
        set_default(chosen, "target_session_attrs", "read-write");
    }
}

// For the `options` of a connection: the server splits them at blanks, and a backslash keeps one.
std::string server_option(const std::string& name, const std::string& value) {
    std::string text = "-c " + name + "=";
    for (const char c : value) {
        if (c == '\\' || c == ' ') {
            text += '\\';
        }
        text += c;
    }
    return text;
}

std::string milliseconds(duration value) {
    return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(value).count());
}

enum class search_path { of_schema, none };

std::string server_options(const settings& chosen, search_path path) {
    const auto given = chosen.libpq.find("options");
    std::string text = given == chosen.libpq.end() ? std::string() : given->second;
    if (chosen.pooler == pooler::transaction) {
        return text;
    }
    const auto append = [&](const std::string& name, const std::string& value) {
        if (!text.empty()) {
            text += ' ';
        }
        text += server_option(name, value);
    };
    if (path == search_path::of_schema) {
        append("search_path", chosen.quoted_schema() + ",pg_temp");
    }
    append("statement_timeout", milliseconds(chosen.command_timeout));
    append("lock_timeout", milliseconds(chosen.lock_timeout));
    append("idle_in_transaction_session_timeout", milliseconds(chosen.idle_in_transaction_timeout));
    return text;
}

std::string percent_encoded(std::string_view text) {
    std::string encoded;
    for (const char c : text) {
        const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
        encoded +=
            is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return encoded;
}

std::string uri_of(const std::map<std::string, std::string>& parameters) {
    std::string uri = "postgresql:///";
    char separator = '?';
    for (const auto& [keyword, value] : parameters) {
        uri += separator + keyword + '=' + percent_encoded(value);
        separator = '&';
    }
    return uri;
}

std::ptrdiff_t elements_of(const std::string& list) {
    return list.empty() ? 0 : 1 + std::count(list.begin(), list.end(), ',');
}

/// The elements of a list, the first one last. One that counts for all stays as it is.
std::string turned(const std::string& list) {
    const std::size_t comma = list.find(',');
    return comma == std::string::npos ? list : list.substr(comma + 1) + ',' + list.substr(0, comma);
}

std::map<std::string, std::string> all_parameters(const settings& chosen, search_path path) {
    std::map<std::string, std::string> parameters = chosen.libpq;
    parameters["application_name"] = chosen.task_hub;
    parameters["client_encoding"] = "UTF8";
    parameters["connect_timeout"] = std::to_string(chosen.connect_timeout.count());
    if (std::string options = server_options(chosen, path); !options.empty()) {
        parameters["options"] = std::move(options);
    }
    return parameters;
}

}  // namespace

std::string settings::connection_string() const {
    return uri_of(all_parameters(*this, search_path::of_schema));
}

std::vector<std::string> settings::connection_strings() const {
    auto parameters = all_parameters(*this, search_path::of_schema);
    const auto count_of = [&](const char* keyword) {
        const auto list = parameters.find(keyword);
        return list == parameters.end() ? 0 : elements_of(list->second);
    };
    const auto hosts = std::max({std::ptrdiff_t{1}, count_of("host"), count_of("hostaddr")});
    std::vector<std::string> all;
    for (std::ptrdiff_t n = 0; n < hosts; ++n) {
        all.push_back(uri_of(parameters));
        for (const char* keyword : {"host", "hostaddr", "port"}) {
            if (const auto list = parameters.find(keyword); list != parameters.end()) {
                list->second = turned(list->second);
            }
        }
    }
    return all;
}

std::string settings::connection_string(const std::string& other_database) const {
    auto parameters = all_parameters(*this, search_path::none);
    parameters["dbname"] = other_database;
    return uri_of(parameters);
}

std::string settings::description() const {
    std::string text;
    for (const char* keyword : {"user", "host", "hostaddr", "port", "dbname", "service"}) {
        if (const auto found = libpq.find(keyword); found != libpq.end()) {
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", keyword, found->second);
        }
    }
    return text.empty() ? "libpq's defaults" : text;
}

std::string settings::quoted_schema() const {
    return quoted_identifier(schema);
}

std::string settings::schema_prefix() const {
    return pooler == pooler::transaction ? quoted_schema() + "." : std::string();
}

settings read_settings(const backend_config& config) {
    option_reader options(config);
    settings chosen;
    read_address(config.address, chosen);
    chosen.schema = options.text("schema", chosen.schema);
    check_schema_name(chosen.schema);
    chosen.names_task_hub = config.options.contains("task_hub");
    chosen.task_hub = options.text("task_hub", chosen.task_hub);
    check_task_hub(chosen.task_hub);
    chosen.create_database = options.flag("create_database", false);
    chosen.pool_max = static_cast<std::size_t>(options.number("pool_max", 1, 1000, 16));
    const auto most = static_cast<std::int64_t>(chosen.pool_max);
    chosen.pool_min = static_cast<std::size_t>(
        options.number("pool_min", 0, most, std::min(most, std::int64_t{2})));
    chosen.pool_idle = options.time(
        "pool_idle", std::chrono::milliseconds(1), std::chrono::hours(24), chosen.pool_idle);
    const auto timeout = [&](const char* key, duration fallback) {
        return options.time(key, std::chrono::milliseconds(1), std::chrono::hours(24), fallback);
    };
    chosen.command_timeout = timeout("command_timeout", chosen.command_timeout);
    chosen.lock_timeout = timeout("lock_timeout", chosen.lock_timeout);
    chosen.idle_in_transaction_timeout =
        timeout("idle_in_transaction_timeout", chosen.idle_in_transaction_timeout);
    chosen.pooler = options.choice("pooler", {"none", "transaction"}, "none") == "none"
                        ? pooler::none
                        : pooler::transaction;
    chosen.poll_interval = options.time(
        "poll_interval", std::chrono::milliseconds(1), std::chrono::hours(1), chosen.poll_interval);
    chosen.test_clock = options.flag("test_clock", false);
    read_connect_timeout(options, chosen);
    read_libpq_options(options, chosen);
    options.finish();
    set_libpq_defaults(chosen);
    return chosen;
}

std::string quoted_identifier(std::string_view name) {
    std::string text = "\"";
    for (const char c : name) {
        text += c == '"' ? "\"\"" : std::string(1, c);
    }
    return text + "\"";
}

std::string quoted_literal(std::string_view text) {
    // A backslash means the same in every setting only within E''.
    std::string literal = text.find('\\') == std::string_view::npos ? "'" : " E'";
    for (const char c : text) {
        literal += c;
        if (c == '\'' || c == '\\') {
            literal += c;
        }
    }
    return literal + "'";
}

std::string with_schema(std::string_view text, std::string_view schema_prefix) {
    constexpr std::string_view placeholder = "{schema}";
    std::string result;
    for (;;) {
        const auto found = text.find(placeholder);
        result += text.substr(0, found);
        if (found == std::string_view::npos) {
            return result;
        }
        result += schema_prefix;
        text.remove_prefix(found + placeholder.size());
    }
}

}  // namespace perdure::postgres
