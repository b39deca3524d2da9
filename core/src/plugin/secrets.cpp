#include "plugin/secrets.hpp"

#include <algorithm>

namespace perdure {

namespace {

std::string_view written_address(const backend_config& config) {
    return config.encoded_address.empty() ? config.address : config.encoded_address;
}

}  // namespace

namespace plugin {

namespace {

constexpr std::size_t port_digits_max = 5;

// "host:5432", with another host or a database behind it: what begins like that and ends there may
// as well be a user and the first signs of a password.
bool is_port(std::string_view text, std::size_t end) {
    const std::string_view port = text.substr(0, end);
    return end < text.size() && port.size() <= port_digits_max &&
           port.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string_view without_brackets(std::string_view hosts) {
    const auto bracket = hosts.starts_with('[') ? hosts.find(']') : std::string_view::npos;
    return bracket == std::string_view::npos ? hosts : hosts.substr(bracket + 1);
}

}  // namespace

bool may_hold_secret(std::string_view address) {
    if (const auto at = address.rfind('@'); at != std::string_view::npos) {
        const auto user = address.starts_with("//") ? std::size_t{2} : std::size_t{0};
        return address.substr(0, at).find(':', user) != std::string_view::npos;
    }
    if (!address.starts_with("//")) {
        // A path, unless the slashes were forgotten.
        const std::string_view path =
            address.substr(std::min(address.find_first_not_of('/'), address.size()));
        return path.substr(0, path.find('/')).find(':') != std::string_view::npos;
    }
    std::string_view rest = without_brackets(address.substr(2));
    for (auto colon = rest.find(':'); colon != std::string_view::npos; colon = rest.find(':')) {
        rest.remove_prefix(colon + 1);
        const auto end = std::min(rest.find_first_of(",/"), rest.size());
        if (!is_port(rest, end)) {
            return true;
        }
        const bool is_database = rest[end] == '/';
        rest.remove_prefix(end + 1);
        if (is_database) {
            return rest.find(':') != std::string_view::npos;
        }
        rest = without_brackets(rest);
    }
    return false;
}

bool may_hold_secret(const backend_config& config) {
    return may_hold_secret(written_address(config)) ||
           std::any_of(config.options.begin(), config.options.end(), [](const auto& option) {
               return option.first.find("pass") != std::string::npos;
           });
}

}  // namespace plugin

inline namespace v1 {

namespace {

// //user:password@hosts/database, and the three signs between them nowhere else.
bool is_well_formed(std::string_view address) {
    if (!address.starts_with("//")) {
        return false;
    }
    const auto at = address.find('@');
    return at != std::string_view::npos && address.find('/', 2) > at &&
           address.find('@', at + 1) == std::string_view::npos;
}

}  // namespace

std::string describe(const backend_config& config) {
    const std::string_view address = written_address(config);
    const std::string scheme = config.backend + ":";
    if (!plugin::may_hold_secret(address)) {
        return scheme + std::string(address);
    }
    if (!is_well_formed(address)) {
        return scheme + "... (an address that may hold a password)";
    }
    return scheme + std::string(address.substr(0, address.find(':'))) +
           std::string(address.substr(address.find('@')));
}

}  // namespace v1
}  // namespace perdure
