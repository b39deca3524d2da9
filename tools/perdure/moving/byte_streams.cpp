#include "byte_streams.hpp"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace perdure::tool {
namespace {

constexpr std::size_t buffer_bytes = std::size_t{128} << 10U;

[[noreturn]] void fail(const std::string& what, const std::string& path, int code) {
    throw error(what + " '" + path + "': " + std::generic_category().message(code));
}

void refuse_existing(const std::string& path, existing_file existing) {
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0) {
        return;
    }
    if (!S_ISREG(found.st_mode)) {
        throw invalid_input("'" + path + "' is there and is no regular file");
    }
    if (existing == existing_file::refused) {
        throw invalid_input("'" + path + "' is there already; --overwrite replaces it");
    }
}

// Payloads are nobody else's business.
constexpr ::mode_t for_the_owner = 0600;

int open_partial(const std::string& path) {
    const int number =
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, for_the_owner);
    if (number < 0) {
        fail("cannot write", path, errno);
    }
    return number;
}

// Whoever has renamed it meanwhile has let go of it, too.
bool is_still_called(int file, const std::string& path) {
    struct stat opened {};
    struct stat named {};
    return ::fstat(file, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

void lock_and_empty(int file, const std::string& path) {
    if (::flock(file, LOCK_EX | LOCK_NB) != 0 || !is_still_called(file, path)) {
        throw invalid_input("'" + path + "' is being written by another process");
    }
    if (::ftruncate(file, 0) != 0) {
        fail("cannot write", path, errno);
    }
}

// What a crash of the machine must not undo.
void sync_folder_of(const std::string& path) {
    const auto slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "."
                               : slash == 0               ? "/"
                                                          : path.substr(0, slash);
    const descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // Some file systems know no such thing for a folder.
    static_cast<void>(::fsync(opened.number()));
}

}  // namespace

descriptor::~descriptor() {
    if (number_ > STDERR_FILENO) {
        ::close(number_);
    }
}

output_file::output_file(std::string path, existing_file existing)
    : path_(std::move(path)),
      partial_(path_ == "-" ? "" : path_ + ".partial"),
      existing_(existing),
      file_((path_ == "-" ? void() : refuse_existing(path_, existing),
             partial_.empty() ? STDOUT_FILENO : open_partial(partial_))) {
    if (!partial_.empty()) {
        lock_and_empty(file_.number(), partial_);
    }
    buffer_.reserve(buffer_bytes);
}

void output_file::write(std::string_view bytes) {
    bytes_ += bytes.size();
    while (!bytes.empty()) {
        const std::string_view now = bytes.substr(0, buffer_bytes - buffer_.size());
        buffer_ += now;
        bytes.remove_prefix(now.size());
        if (buffer_.size() == buffer_bytes) {
            flush();
        }
    }
}

void output_file::flush() {
    for (std::string_view rest = buffer_; !rest.empty();) {
        const ::ssize_t written = ::write(file_.number(), rest.data(), rest.size());
        if (written < 0 && errno != EINTR) {
            fail("cannot write", partial_.empty() ? "-" : partial_, errno);
        }
        rest.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
    }
    buffer_.clear();
}

void output_file::finish() {
    flush();
    if (!partial_.empty()) {
        publish();
    }
}

void output_file::publish() {
    if (::fsync(file_.number()) != 0) {
        fail("cannot write", partial_, errno);
    }
    // Somebody may have made it meanwhile.
    const unsigned flags = existing_ == existing_file::refused ? RENAME_NOREPLACE : 0U;
    int done = ::renameat2(AT_FDCWD, partial_.c_str(), AT_FDCWD, path_.c_str(), flags);
    if (done != 0 && (errno == EINVAL || errno == ENOSYS)) {
        refuse_existing(path_, existing_);
        done = ::rename(partial_.c_str(), path_.c_str());
    }
    if (done != 0) {
        fail("cannot rename to", path_, errno);
    }
    sync_folder_of(path_);
}

input_file::input_file(std::string path)
    : path_(std::move(path)),
      file_(path_ == "-" ? STDIN_FILENO : ::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (file_.number() < 0) {
        fail("cannot read", path_, errno);
    }
}

std::size_t input_file::read(std::span<char> into) {
    ::ssize_t count = -1;
    do {
        count = ::read(file_.number(), into.data(), into.size());
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        fail("cannot read", path_, errno);
    }
    return static_cast<std::size_t>(count);
}

}  // namespace perdure::tool
