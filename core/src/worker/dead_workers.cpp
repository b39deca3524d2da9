#include "worker/dead_workers.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace perdure::dispatch {

namespace {

constexpr std::string_view suffix = ".alive";

/// FNV-1a: the same in every process, and short enough for a file name.
std::string hub_prefix(const std::string& hub) {
    std::uint64_t hash = 0xCBF29CE484222325ULL;
    for (const char byte : hub) {
        hash ^= static_cast<unsigned char>(byte);
        hash *= 0x100000001B3ULL;
    }
    return fmt::format("{:016x}-", hash);
}

/// Opens and locks a file; -1 when that fails, or when somebody holds it.
int open_locked(const std::string& path, int flags) {
    const int file = ::open(path.c_str(), flags | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file >= 0 && ::flock(file, LOCK_EX | LOCK_NB) != 0) {
        ::close(file);
        return -1;
    }
    return file;
}

}  // namespace

std::unique_ptr<life_sign> life_sign::leave(const std::string& directory,
                                            const std::string& hub,
                                            const worker_id& worker) {
    if (directory.empty()) {
        return nullptr;
    }
    const std::string path = directory + "/" + hub_prefix(hub) + worker.text + std::string(suffix);
    // It has its name only when it is locked: otherwise a worker that starts meanwhile would take it
    // for the sign of a dead one, and the leases of this worker with it.
    const std::string unnamed = path + ".new";
    const int file = open_locked(unnamed, O_CREAT | O_EXCL);
    if (file < 0) {
        return nullptr;
    }
    if (::rename(unnamed.c_str(), path.c_str()) != 0) {
        ::unlink(unnamed.c_str());
        ::close(file);
        return nullptr;
    }
    return std::unique_ptr<life_sign>(new life_sign(path, file));
}

life_sign::~life_sign() {
    ::unlink(path_.c_str());
    ::close(file_);
}

dead_workers::dead_workers(const std::string& directory, const std::string& hub) {
    if (directory.empty()) {
        return;
    }
    const std::string prefix = hub_prefix(hub);
    std::error_code problem;
    auto entry = std::filesystem::directory_iterator(directory, problem);
    for (; !problem && entry != std::filesystem::directory_iterator(); entry.increment(problem)) {
        const std::string path = entry->path().string();
        const std::string name = entry->path().filename().string();
        if (name.size() <= prefix.size() + suffix.size() || !name.starts_with(prefix) ||
            !name.ends_with(suffix)) {
            continue;
        }
        const int file = open_locked(path, 0);
        if (file >= 0) {
            signs_.push_back({path, file});
            ids_.push_back(
                {name.substr(prefix.size(), name.size() - prefix.size() - suffix.size())});
        }
    }
}

dead_workers::~dead_workers() {
    for (const sign& left : signs_) {
        ::close(left.file);
    }
}

void dead_workers::forget() noexcept {
    for (const sign& left : signs_) {
        ::unlink(left.path.c_str());
    }
}

std::string life_sign_directory() {
    const char* base = std::getenv("XDG_RUNTIME_DIR");  // NOLINT(concurrency-mt-unsafe)
    std::string path = base != nullptr && *base == '/' ? base : "/tmp";
    path += fmt::format("/perdure-{}", ::geteuid());
    ::mkdir(path.c_str(), 0700);
    struct stat found {};
    const bool is_ours = ::lstat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode) &&
                         found.st_uid == ::geteuid() && (found.st_mode & 0077U) == 0;
    return is_ours ? path : std::string();
}

worker_id make_worker_id() {
    std::array<char, 65> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) {
        host[0] = '?';
    }
    std::string name;
    for (const char* next = host.data(); *next != '\0'; ++next) {
        const bool is_plain = (*next >= 'a' && *next <= 'z') || (*next >= 'A' && *next <= 'Z') ||
                              (*next >= '0' && *next <= '9') || *next == '-';
        name.push_back(is_plain ? *next : '-');
    }
    return {fmt::format("{}-{}-{:016x}", name, ::getpid(), random_uuid().low)};
}

}  // namespace perdure::dispatch
