#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

namespace perdure::sqlite {

/// The file of a hub, by an absolute path: what happens to the working directory later does not
/// matter. Every error is a `backend_error`. Safe from any thread.
class store_file {
  public:
    /// Resolves the address of a hub; refuses what SQLite takes for something else than a file.
    explicit store_file(const std::string& address);

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    /// Throws unless a file can be created there, or is there already and no other one was opened.
    void require_place();
    /// Throws unless there is a file, and the one that was opened before if there was any: work
    /// that goes to a file which has lost its name is lost with the process.
    void require();
    /// A connection has just opened it.
    void note_opened();

  private:
    struct identity {
        std::uint64_t device = 0;
        std::uint64_t number = 0;
        friend bool operator==(const identity&, const identity&) = default;
    };

    /// What the path leads to; nothing when there is no file.
    [[nodiscard]] std::optional<identity> look() const;
    [[noreturn]] void fail(int reason, const std::string& what) const;

    [[nodiscard]] std::optional<identity> opened();

    std::string path_;
    std::mutex mutex_;
    std::optional<identity> opened_;
};

}  // namespace perdure::sqlite
