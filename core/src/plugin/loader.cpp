#include "plugin/errors.hpp"

#include <perdure/plugin.hpp>

#include <boost/dll/library_info.hpp>
#include <boost/dll/runtime_symbol_info.hpp>
#include <boost/dll/shared_library.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

namespace perdure {
inline namespace v1 {

namespace {

namespace fs = std::filesystem;
using plugin::joined;
using plugin::refuse;

constexpr const char* symbol = "perdure_plugin";
constexpr std::string_view file_prefix = "perdure-";
constexpr std::string_view file_suffix = ".so";

// Boost's texts end in an error number that has nothing to do with the matter.
std::string without_errno(std::string text) {
    const auto colon = text.rfind(": ");
    return colon == std::string::npos ? text : text.substr(0, colon);
}

const std::string no_symbol = std::string("found a shared library without the symbol ") + symbol +
                              "; expected a Perdure plugin, which exports it by PERDURE_PLUGIN";

// What is known without loading the file, which would run code of it.
std::optional<std::string> problem_before_loading(const fs::path& file) {
    std::error_code code;
    if (!fs::is_regular_file(file, code)) {
        return "no such file";
    }
    try {
        boost::dll::library_info info(file);
        const auto symbols = info.symbols();
        // A stripped library lists none, and its loaded form has to be asked.
        const bool has_symbol =
            symbols.empty() || std::find(symbols.begin(), symbols.end(), symbol) != symbols.end();
        return has_symbol ? std::nullopt : std::optional(no_symbol);
    } catch (const std::exception&) {
        return "found a file that is not a shared library of this machine; expected a Perdure "
               "plugin";
    }
}

template <class T>
std::string mismatch(const std::string& what, const T& found, const T& expected) {
    return what + ": found " + std::to_string(found) + ", expected " + std::to_string(expected);
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
    const std::string fingerprint =
        found.build_fingerprint != nullptr ? found.build_fingerprint : "none";
    if (fingerprint != PERDURE_BUILD_FINGERPRINT) {
        return "build: found \"" + fingerprint + "\", expected \"" PERDURE_BUILD_FINGERPRINT "\"";
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

    /// Nothing when the library has no entry point.
    const plugin_descriptor* load(const fs::path& file) {
        const std::lock_guard guard(mutex);
        auto found = by_file.find(file);
        if (found == by_file.end()) {
            using boost::dll::load_mode::type;
            const auto mode = static_cast<type>(boost::dll::load_mode::rtld_now |
                                                boost::dll::load_mode::rtld_local);
            found = by_file.emplace(file, boost::dll::shared_library(file, mode)).first;
        }
        const auto& library = found->second;
        return library.has(symbol) ? &library.get<const plugin_descriptor>(symbol) : nullptr;
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
    const fs::path real = real_path(file);
    if (const auto early = problem_before_loading(real)) {
        problem = *early;
        return nullptr;
    }
    try {
        const plugin_descriptor* found = libraries().load(real);
        problem = found == nullptr ? no_symbol : std::string();
        return found;
    } catch (const std::exception& wrong) {
        problem = "cannot be loaded: " + without_errno(wrong.what());
        return nullptr;
    }
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

std::vector<plugin_info> find_plugins(const std::vector<std::string>& extra,
                                      detail::same_library) {
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
}  // namespace perdure
