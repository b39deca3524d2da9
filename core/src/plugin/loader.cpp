#include "plugin/errors.hpp"
#include "plugin/exported_object.hpp"

#include <perdure/plugin.hpp>

#include <boost/dll/library_info.hpp>
#include <boost/dll/runtime_symbol_info.hpp>
#include <boost/dll/shared_library.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

namespace perdure {
inline namespace v1 {

namespace {

namespace fs = std::filesystem;
using plugin::exported_object;
using plugin::joined;
using plugin::mismatch;
using plugin::refuse;

constexpr exported_object plugin_object{"perdure_plugin",
                                        "a Perdure plugin, which exports it by PERDURE_PLUGIN"};
constexpr std::string_view file_prefix = "perdure-";
constexpr std::string_view file_suffix = ".so";

// Boost's texts end in an error number that has nothing to do with the matter.
std::string without_errno(std::string text) {
    const auto colon = text.rfind(": ");
    return colon == std::string::npos ? text : text.substr(0, colon);
}

std::string without(const exported_object& wanted) {
    return std::string("found a shared library without the symbol ") + wanted.symbol +
           "; expected " + wanted.meaning;
}

// The name of what a library exports stands in it, with a NUL behind. (Boost's list of symbols
// takes the names from the last table of texts, which need not be theirs, and lacks what is
// stripped.)
bool may_export(const fs::path& file, const exported_object& wanted) {
    const std::string name = wanted.symbol + std::string(1, '\0');
    std::ifstream bytes(file, std::ios::binary);
    std::string block(std::size_t{1} << 20U, '\0');
    std::string seen;
    do {
        bytes.read(block.data(), static_cast<std::streamsize>(block.size()));
        seen.append(block, 0, static_cast<std::size_t>(bytes.gcount()));
        if (seen.find(name) != std::string::npos) {
            return true;
        }
        seen.erase(0, seen.size() - std::min(seen.size(), name.size()));
    } while (bytes);
    return false;
}

// What is known without loading the file, which would run code of it.
std::optional<std::string> problem_before_loading(const fs::path& file,
                                                  const exported_object& wanted) {
    std::error_code code;
    if (!fs::is_regular_file(file, code)) {
        return "no such file";
    }
    try {
        static_cast<void>(boost::dll::library_info(file).sections());
    } catch (const std::exception&) {
        return std::string("found a file that is not a shared library of this machine; expected ") +
               wanted.meaning;
    }
    return may_export(file, wanted) ? std::nullopt : std::optional(without(wanted));
}

// In the order of the fields, because each says whether the next may be looked at.
std::optional<std::string> problem_of(const plugin_descriptor& found) {
    if (found.magic != plugin_magic) {
        return mismatch("magic number", found.magic, plugin_magic);
    }
    if (found.struct_size != sizeof(plugin_descriptor)) {
        return mismatch(
            "size of plugin_descriptor", std::size_t{found.struct_size}, sizeof(plugin_descriptor));
    }
    if (found.contract_version != contract_version) {
        return mismatch("contract version", found.contract_version, contract_version);
    }
    if (const auto other = plugin::other_build(found.build_fingerprint)) {
        return other;
    }
    if (found.backend_name == nullptr || found.plugin_version == nullptr ||
        found.create == nullptr) {
        return std::string("backend name, version or create function: found none, expected all");
    }
    return std::nullopt;
}

// The libraries that were loaded, for ever: their code may be in use until the process ends.
struct loaded_libraries {
    std::mutex mutex;
    std::map<fs::path, boost::dll::shared_library> by_file;

    /// Null when the library has no such object.
    const void* load(const fs::path& file, const exported_object& wanted) {
        const std::lock_guard guard(mutex);
        auto found = by_file.find(file);
        if (found == by_file.end()) {
            using boost::dll::load_mode::type;
            const auto mode = static_cast<type>(boost::dll::load_mode::rtld_now |
                                                boost::dll::load_mode::rtld_local);
            found = by_file.emplace(file, boost::dll::shared_library(file, mode)).first;
        }
        const auto& library = found->second;
        return library.has(wanted.symbol) ? &library.get<const char>(wanted.symbol) : nullptr;
    }
};

loaded_libraries& libraries() {
    // Never destroyed, so that no library is closed while the process ends.
    static auto* const all = new loaded_libraries;
    return *all;
}

fs::path real_path(const fs::path& file) {
    std::error_code code;
    const fs::path real = fs::canonical(file, code);
    return code ? file : real;
}

// The descriptor as it is, or the reason why there is none.
const plugin_descriptor* descriptor(const fs::path& file, std::string& problem) {
    return static_cast<const plugin_descriptor*>(
        plugin::find_exported(file.string(), plugin_object, problem));
}

std::string file_name(std::string_view backend) {
    return std::string(file_prefix) + std::string(backend) + std::string(file_suffix);
}

bool is_plugin_file(const fs::path& file) {
    const std::string name = file.filename().string();
    return name.starts_with(file_prefix) && name.ends_with(file_suffix);
}

// In the order of their names. A directory that cannot be read has none.
std::set<fs::path> plugin_files(const fs::path& directory) {
    std::set<fs::path> files;
    std::error_code code;
    auto entry = fs::directory_iterator(directory, code);
    for (; !code && entry != fs::directory_iterator(); entry.increment(code)) {
        if (is_plugin_file(entry->path())) {
            files.insert(entry->path());
        }
    }
    return files;
}

std::vector<std::string> backends_found(const std::vector<std::string>& extra) {
    std::set<std::string> names;
    for (const fs::path directory : plugin_search_path(extra)) {
        for (const fs::path& file : plugin_files(directory)) {
            names.insert(file.stem().string().substr(file_prefix.size()));
        }
    }
    return {names.begin(), names.end()};
}

}  // namespace

detail::same_library::same_library(const char* of_the_program) {
    if (std::string_view(of_the_program) != PERDURE_STANDARD_LIBRARY) {
        refuse(std::string("this program: found a build with ") + of_the_program +
               ", expected " PERDURE_STANDARD_LIBRARY
               " as in libperdure; compile both with the same _GLIBCXX_DEBUG");
    }
}

std::vector<std::string> plugin_search_path(const std::vector<std::string>& extra,
                                            detail::same_library) {
    std::vector<std::string> path = extra;
    const char* variable = std::getenv("PERDURE_PLUGIN_PATH");
    std::string_view rest = variable != nullptr ? variable : "";
    while (!rest.empty()) {
        const auto end = std::min(rest.find(':'), rest.size());
        if (end != 0) {
            path.emplace_back(rest.substr(0, end));
        }
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    const auto add_beside = [&](const fs::path& binary, const fs::path& relative) {
        if (!binary.empty()) {
            path.push_back((binary.parent_path() / relative).lexically_normal().string());
        }
    };
    std::error_code code;
    const fs::path program = fs::read_symlink("/proc/self/exe", code);
    add_beside(program, "");
    add_beside(program, "../lib/perdure/plugins");
    add_beside(boost::dll::this_line_location(), "perdure/plugins");
    return path;
}

std::vector<plugin_info> find_plugins(const std::vector<std::string>& extra, detail::same_library) {
    std::vector<plugin_info> plugins;
    std::set<fs::path> seen;
    for (const fs::path directory : plugin_search_path(extra)) {
        for (const fs::path& file : plugin_files(directory)) {
            if (!seen.insert(real_path(file)).second) {
                continue;
            }
            plugin_info info;
            info.file = file.string();
            if (const auto* found = descriptor(file, info.problem)) {
                info.problem = problem_of(*found).value_or("");
                if (found->magic == plugin_magic &&
                    found->struct_size == sizeof(plugin_descriptor)) {
                    const auto text = [](const char* field) { return field ? field : ""; };
                    info.backend = text(found->backend_name);
                    info.version = text(found->plugin_version);
                    info.fingerprint = text(found->build_fingerprint);
                    info.contract = found->contract_version;
                }
            }
            plugins.push_back(std::move(info));
        }
    }
    return plugins;
}

const plugin_descriptor& load_plugin(const std::string& file) {
    std::string problem;
    const plugin_descriptor* found = descriptor(file, problem);
    if (found != nullptr) {
        problem = problem_of(*found).value_or("");
    }
    if (!problem.empty()) {
        refuse("plugin " + file + ": " + problem);
    }
    return *found;
}

const plugin_descriptor& load_plugin_by_name(std::string_view backend,
                                             const std::vector<std::string>& extra,
                                             detail::same_library) {
    const auto path = plugin_search_path(extra);
    const bool is_plain = backend.find('/') == std::string_view::npos;
    for (const fs::path directory : path) {
        const fs::path file = directory / file_name(backend);
        std::error_code code;
        if (is_plain && fs::exists(file, code)) {
            return load_plugin(file.string());
        }
    }
    refuse("no plugin for backend \"" + std::string(backend) + "\": found are " +
           joined(backends_found(extra)) + "; looked for " + file_name(backend) + " in " +
           joined(path));
}

}  // namespace v1
namespace plugin {

const void* find_exported(const std::string& file,
                          const exported_object& wanted,
                          std::string& problem) {
    const fs::path real = real_path(file);
    if (const auto early = problem_before_loading(real, wanted)) {
        problem = *early;
        return nullptr;
    }
    try {
        const void* found = libraries().load(real, wanted);
        problem = found == nullptr ? without(wanted) : std::string();
        return found;
    } catch (const std::exception& wrong) {
        problem = "cannot be loaded: " + without_errno(wrong.what());
        return nullptr;
    }
}

std::optional<std::string> other_build(const char* fingerprint) {
    const std::string found = fingerprint != nullptr ? fingerprint : "none";
    if (found == PERDURE_BUILD_FINGERPRINT) {
        return std::nullopt;
    }
    return "build: found \"" + found + "\", expected \"" PERDURE_BUILD_FINGERPRINT "\"";
}

}  // namespace plugin
}  // namespace perdure
