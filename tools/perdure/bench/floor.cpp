#include "workloads.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace perdure::tool {
namespace {

constexpr std::string_view rate_key = "\"orchestrations_per_second\"";

std::string quoted(const std::string& text) {
    std::string word = "'";
    for (const char c : text) {
        word += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    return word + "'";
}

std::string output_of(const std::string& name, const std::string& command) {
    std::FILE* const pipe = ::popen(command.c_str(), "re");
    if (pipe == nullptr) {
        throw error("bench: cannot execute the floor program");
    }
    std::string output;
    std::array<char, 4096> bytes{};
    for (std::size_t count = 0; (count = std::fread(bytes.data(), 1, bytes.size(), pipe)) > 0;) {
        output.append(bytes.data(), count);
    }
    if (::pclose(pipe) != 0) {
        throw error("bench: the floor program failed: " + name);
    }
    return output;
}

void remove_files(const std::string& file) {
    for (const auto* part : {"", "-wal", "-shm"}) {
        std::error_code ignored;
        std::filesystem::remove(file + part, ignored);
    }
}

// A hub on a server: the program makes what it needs there. The URI may hold a password, and
// everybody on the machine can read what stands on a command line.
std::string output_on_server(const std::string& program,
                             const std::string& hub_uri,
                             std::size_t count) {
    ::setenv("PERDURE_FLOOR_HUB", hub_uri.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    return output_of(program, quoted(program) + " " + std::to_string(count));
}

std::string output_on_file(const std::string& program, const std::string& file, std::size_t count) {
    remove_files(file);
    auto output =
        output_of(program, quoted(program) + " " + quoted(file) + " " + std::to_string(count));
    remove_files(file);
    return output;
}

}  // namespace

std::optional<double> measure_floor(const std::string& hub_uri, std::size_t count) {
    const auto config = parse_uri(hub_uri);
    const auto program = std::filesystem::read_symlink("/proc/self/exe").parent_path() /
                         ("perdure-" + config.backend + "-floor");
    if (!std::filesystem::exists(program)) {
        return std::nullopt;
    }
    // The hub is there already, as it has been measured.
    const bool is_file = std::filesystem::is_regular_file(config.address);
    const auto output = is_file ? output_on_file(program.string(), config.address + ".floor", count)
                                : output_on_server(program.string(), hub_uri, count);

    const auto at = output.find(rate_key);
    const auto colon = output.find(':', at);
    const double rate = at == std::string::npos || colon == std::string::npos
                            ? 0
                            : std::strtod(output.c_str() + colon + 1, nullptr);
    if (!(rate > 0)) {
        throw error("bench: the floor program printed no rate: " + output);
    }
    return rate;
}

}  // namespace perdure::tool
