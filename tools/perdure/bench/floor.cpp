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

std::string output_of(const std::string& command) {
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
        throw error("bench: the floor program failed: " + command);
    }
    return output;
}

void remove_files(const std::string& file) {
    for (const auto* part : {"", "-wal", "-shm"}) {
        std::error_code ignored;
        std::filesystem::remove(file + part, ignored);
    }
}

}  // namespace

std::optional<double> measure_floor(const std::string& hub_uri, std::size_t count) {
    const auto config = parse_uri(hub_uri);
    const auto program = std::filesystem::read_symlink("/proc/self/exe").parent_path() /
                         ("perdure-" + config.backend + "-floor");
    if (!std::filesystem::exists(program)) {
        return std::nullopt;
    }
    const auto file = config.address + ".floor";
    remove_files(file);
    const auto output =
        output_of(quoted(program.string()) + " " + quoted(file) + " " + std::to_string(count));
    remove_files(file);

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
