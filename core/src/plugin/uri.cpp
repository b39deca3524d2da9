#include "plugin/errors.hpp"

#include <perdure/plugin.hpp>

#include <algorithm>
#include <optional>

namespace perdure {
inline namespace v1 {

namespace {

using plugin::backend_named;
using plugin::refuse;

constexpr std::string_view form = "allowed is scheme:address?key=value&key=value";

// Only the scheme is quoted: the rest may hold a password.
void refuse_uri(std::string_view scheme, const std::string& what) {
    const std::string which = scheme.empty() ? "" : " \"" + std::string(scheme) + ":...\"";
    refuse("URI" + which + ": " + what + "; " + std::string(form));
}

std::optional<unsigned> hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return static_cast<unsigned>(c - '0');
    }
    if (c >= 'a' && c <= 'f') {
        return static_cast<unsigned>(c - 'a') + 10U;
    }
    if (c >= 'A' && c <= 'F') {
        return static_cast<unsigned>(c - 'A') + 10U;
    }
    return std::nullopt;
}

std::string decoded(std::string_view scheme, std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            result += text[i];
            continue;
        }
        const auto high = i + 1 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
        const auto low = i + 2 < text.size() ? hex_digit(text[i + 2]) : std::nullopt;
        if (!high || !low) {
            refuse_uri(scheme, "a '%' is not followed by two hexadecimal digits; write %25 for it");
        }
        const char byte = static_cast<char>(*high * 16U + *low);
        if (byte == '\0') {
            refuse_uri(scheme, "%00 stands for a byte that nothing may contain");
        }
        result += byte;
        i += 2;
    }
    return result;
}

bool is_scheme(std::string_view text) {
    const auto is_allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    };
    return !text.empty() && std::all_of(text.begin(), text.end(), is_allowed);
}

// Nothing of an option is quoted: behind an unencoded '?' it may be a part of a password.
void read_options(std::string_view query, backend_config& config) {
    if (query.find('@') != std::string_view::npos) {
        refuse_uri(config.backend,
                   "an '@' stands behind the '?': a '?' before it is written %3F, and an '@' in an "
                   "option %40");
    }
    for (std::size_t number = 1; !query.empty(); ++number) {
        const auto end = std::min(query.find('&'), query.size());
        const std::string_view pair = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        const auto equals = pair.find('=');
        const std::string key = decoded(config.backend, pair.substr(0, equals));
        if (equals == std::string_view::npos || key.empty()) {
            refuse_uri(config.backend,
                       "option " + std::to_string(number) + " has no '=' with a key before it");
        }
        if (!config.options.emplace(key, decoded(config.backend, pair.substr(equals + 1))).second) {
            refuse_uri(config.backend,
                       "option " + std::to_string(number) + " repeats the key of one before it");
        }
    }
}

}  // namespace

backend_config parse_uri(std::string_view uri, detail::same_library) {
    const auto colon = uri.find(':');
    if (colon == std::string_view::npos) {
        refuse_uri({}, "no ':' after the name of a backend was found");
    }
    const std::string_view scheme = uri.substr(0, colon);
    if (!is_scheme(scheme)) {
        refuse_uri({},
                   "the part before the first ':' is not the name of a backend, which has only "
                   "lower-case letters, digits, '-' and '_'");
    }
    const std::string_view rest = uri.substr(colon + 1);
    const auto question = std::min(rest.find('?'), rest.size());
    backend_config config;
    config.backend = backend_named(scheme);
    config.encoded_address = rest.substr(0, question);
    config.address = decoded(scheme, config.encoded_address);
    read_options(rest.substr(std::min(question + 1, rest.size())), config);
    return config;
}

}  // namespace v1
}  // namespace perdure
