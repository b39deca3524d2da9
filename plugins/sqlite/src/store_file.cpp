#include "store_file.hpp"

#include <perdure/backend_error.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace perdure::sqlite {

namespace {

std::string absolute(const std::string& address) {
    if (address.empty()) {
        throw backend_error(store_fault::configuration,
                            "sqlite: the address must be a file, for example sqlite:shop.db");
    }
    if (address == ":memory:") {
        throw backend_error(store_fault::configuration,
                            "sqlite: a hub is a file; for one that lives in memory write memory:");
    }
    if (address.starts_with("file:")) {
        throw backend_error(store_fault::configuration,
                            "sqlite: the address is the path itself, without \"file:\"; for "
                            "example sqlite:shop.db");
    }
    std::error_code problem;
    const auto path = std::filesystem::absolute(address, problem);
    if (problem) {
        throw backend_error(store_fault::configuration,
                            fmt::format("SQLite file \"{}\": the working directory, which it is "
                                        "relative to: {}",
                                        address,
                                        problem.message()));
    }
    return path.string();
}

}  // namespace

store_file::store_file(const std::string& address) : path_(absolute(address)) {}

void store_file::fail(int reason, const std::string& what) const {
    const bool is_forbidden = reason == EACCES || reason == EPERM || reason == EROFS;
    throw backend_error(
        is_forbidden ? store_fault::read_only : store_fault::configuration,
        fmt::format(
            "SQLite file \"{}\": {}{}", path_, what, std::generic_category().message(reason)));
}

std::optional<store_file::identity> store_file::look() const {
    struct stat found {};
    if (::stat(path_.c_str(), &found) != 0) {
        if (errno == ENOENT || errno == ENOTDIR) {
            return std::nullopt;
        }
        fail(errno, "");
    }
    if (S_ISDIR(found.st_mode)) {
        throw backend_error(store_fault::configuration,
                            fmt::format("\"{}\" is a directory, not an SQLite file", path_));
    }
    return identity{found.st_dev, found.st_ino};
}

std::optional<store_file::identity> store_file::opened() {
    const std::lock_guard guard(mutex_);
    return opened_;
}

void store_file::require_place() {
    if (opened() || look()) {
        require();
        return;
    }
    const std::string folder = std::filesystem::path(path_).parent_path().string();
    struct stat found {};
    if (::stat(folder.c_str(), &found) != 0 || !S_ISDIR(found.st_mode)) {
        throw backend_error(
            store_fault::configuration,
            fmt::format("there is no directory \"{}\" for the SQLite file", folder));
    }
    // SQLite itself would say that there is no such file.
    if (::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
        fail(errno, "a new file in this directory: ");
    }
}

void store_file::require() {
    const auto found = look();
    const auto known = opened();
    if (!known && !found) {
        throw backend_error(store_fault::configuration,
                            fmt::format("there is no SQLite file \"{}\"", path_));
    }
    if (known && known != found) {
        throw backend_error(
            store_fault::configuration,
            fmt::format("the SQLite file \"{}\" was {} while this process had it open; nothing is "
                        "read or written until that very file is back, or the process starts anew",
                        path_,
                        found ? "replaced" : "deleted"));
    }
}

void store_file::note_opened() {
    const auto found = look();
    {
        const std::lock_guard guard(mutex_);
        if (!opened_) {
            opened_ = found;
        }
    }
    require();
}

}  // namespace perdure::sqlite
