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
    "missing, and @ : / ? # % within a part are written %40 %3A %2F %3F %23 %25; user, password, "
    "host, port and dbname are options as well";

void store(settings& chosen, const std::string& keyword, std::string_view value) {
    if (!value.empty() && !chosen.libpq.emplace(keyword, value).second) {
        refuse(keyword + " is given twice, in the address and as an option");
    }
}

bool is_one_of(std::string_view text, std::string_view allowed) {
    return text.find_first_not_of(allowed) == std::string_view::npos;
}

// "host", "host:5433" or "[::1]:5433".
void check_host(std::string_view host) {
    constexpr std::string_view in_names =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_%";
    constexpr std::string_view in_brackets = "abcdefABCDEF0123456789:.%";
    constexpr std::size_t port_digits_max = 5;
    const auto bracket = host.starts_with('[') ? host.find(']') : std::string_view::npos;
    const bool is_bracketed = bracket != std::string_view::npos;
    const std::string_view name =
        is_bracketed ? host.substr(1, bracket - 1) : host.substr(0, host.find(':'));
    std::string_view port = host.substr(is_bracketed ? bracket + 1 : name.size());
    if (!is_one_of(name, is_bracketed ? in_brackets : in_names) ||
        (!port.empty() && port.front() != ':')) {
        refuse(
            fmt::format("the address has a host with a sign that no host has; {}", address_form));
    }
    port.remove_prefix(port.empty() ? 0 : 1);
    if (!is_one_of(port, "0123456789") || port.size() > port_digits_max) {
        refuse(fmt::format("the address has a port that is no number; {}", address_form));
    }
}

// Before libpq takes it apart: what is written badly is to end here, because whatever becomes a
// host or a database is repeated in messages. Nothing of the address is: a password may stand
// anywhere in it.
void check_address(std::string_view address) {
    if (!address.starts_with("//")) {
        refuse(fmt::format("the address does not begin with \"//\"; {}", address_form));
    }
    address.remove_prefix(2);
    const auto slash = std::min(address.find('/'), address.size());
    const std::string_view database = address.substr(std::min(slash + 1, address.size()));
    std::string_view hosts = address.substr(0, slash);
    if (const auto at = hosts.find('@'); at != std::string_view::npos) {
        hosts.remove_prefix(at + 1);
    }
    if (hosts.find('@') != std::string_view::npos || database.find('@') != std::string_view::npos) {
        refuse(fmt::format("the address has an '@' that does not end the login; {}", address_form));
    }
    if (address.find('?') != std::string_view::npos) {
        refuse(fmt::format("the address has a '?'; {}", address_form));
    }
    if (database.find('/') != std::string_view::npos) {
        refuse(
            "the database of the address has a '/' in its name, which may be the directory of a "
            "socket: write ?host=/directory, or %2F");
    }
    for (bool is_last = false; !is_last;) {
        const auto end = std::min(hosts.find(','), hosts.size());
        check_host(hosts.substr(0, end));
        is_last = end == hosts.size();
        hosts.remove_prefix(is_last ? end : end + 1);
    }
}

// libpq's own parser, which knows the percent signs of each part.
void read_address(const std::string& address, settings& chosen) {
    if (address.empty()) {
        return;
    }
    check_address(address);
    // Its message quotes the address.
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parts(
        PQconninfoParse(("postgresql:" + address).c_str(), nullptr), &PQconninfoFree);
    if (parts == nullptr) {
        refuse(fmt::format("libpq cannot read the address; {}", address_form));
    }
    for (const PQconninfoOption* part = parts.get(); part->keyword != nullptr; ++part) {
        const std::string_view value = part->val == nullptr ? "" : part->val;
        // Several hosts without a port are nothing but commas.
        if (part->keyword != std::string_view("port") || !is_one_of(value, ",")) {
            store(chosen, part->keyword, value);
        }
    }
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

std::map<std::string, std::string> all_parameters(const settings& chosen) {
    std::map<std::string, std::string> parameters = chosen.libpq;
    parameters["application_name"] = chosen.task_hub;
    parameters["client_encoding"] = "UTF8";
    parameters["connect_timeout"] = std::to_string(chosen.connect_timeout.count());
    return parameters;
}

}  // namespace

std::string settings::connection_string() const {
    return uri_of(all_parameters(*this));
}

std::vector<std::string> settings::connection_strings() const {
    auto parameters = all_parameters(*this);
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
    auto parameters = all_parameters(*this);
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

settings read_settings(const backend_config& config) {
    option_reader options(config);
    settings chosen;
    read_address(config.encoded_address.empty() ? config.address : config.encoded_address, chosen);
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
    chosen.upgrade = options.choice("upgrade", {"if_unused", "force"}, "if_unused") == "force"
                         ? upgrade_rule::force
                         : upgrade_rule::if_unused;
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

}  // namespace perdure::postgres
