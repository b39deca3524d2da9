#pragma once

#include <perdure/ids.hpp>

#include <memory>
#include <string>
#include <vector>

namespace perdure::dispatch {

/// A file that is locked for as long as a worker lives, however it dies. By it the next worker on
/// this machine knows at once, and for certain, that the leases of this one are free.
class PERDURE_EXPORT life_sign {
  public:
    /// Leaves one in `directory` for this worker of the hub with this identity [HUB-3]; nothing
    /// when that is not possible (no such directory, not ours, no space): then leases of the dead
    /// run out as everywhere.
    [[nodiscard]] static std::unique_ptr<life_sign> leave(const std::string& directory,
                                                          const std::string& hub,
                                                          const worker_id& worker);
    life_sign(const life_sign&) = delete;
    life_sign& operator=(const life_sign&) = delete;
    /// The worker ended in good order: the file goes.
    ~life_sign();

  private:
    life_sign(std::string path, int file) : path_(std::move(path)), file_(file) {}

    std::string path_;
    int file_;
};

/// The workers of one hub that died on this machine, held so that nobody else takes them over at
/// the same time.
class PERDURE_EXPORT dead_workers {
  public:
    /// Those in `directory` of this hub whose life sign nobody holds.
    dead_workers(const std::string& directory, const std::string& hub);
    dead_workers(const dead_workers&) = delete;
    dead_workers& operator=(const dead_workers&) = delete;
    ~dead_workers();

    [[nodiscard]] const std::vector<worker_id>& ids() const noexcept { return ids_; }
    /// Their leases were taken over: they need not be remembered.
    void forget() noexcept;

  private:
    struct sign {
        std::string path;
        int file;
    };
    std::vector<worker_id> ids_;
    std::vector<sign> signs_;
};

/// Where life signs are left: a directory of this user, made if need be; empty when there is none
/// that can be trusted.
[[nodiscard]] PERDURE_EXPORT std::string life_sign_directory();

/// Host, process and a random part: never given twice.
[[nodiscard]] PERDURE_EXPORT worker_id make_worker_id();

}  // namespace perdure::dispatch
