#include "time_limit.hpp"

#include <perdure/backend_error.hpp>

#include <cerrno>
#include <fcntl.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace perdure::postgres {

time_limit::time_limit(int socket, std::chrono::steady_clock::time_point end) {
    // A descriptor of its own: libpq may close the other one at any time.
    const int own = fcntl(socket, F_DUPFD_CLOEXEC, 0);
    try {
        if (own < 0) {
            throw std::system_error(errno, std::generic_category());
        }
        watch_ = std::jthread([this, own, end] { watch(own, end); });
    } catch (const std::system_error&) {
        close(own);
        throw backend_error(store_fault::unavailable,
                            "the process has no descriptor or thread left to watch the time with");
    }
}

time_limit::~time_limit() {
    over_.signal();
}

void time_limit::watch(int socket, std::chrono::steady_clock::time_point end) {
    bool is_over = false;
    while (!is_over && std::chrono::steady_clock::now() < end) {
        is_over = wait_for(no_socket, over_, end).alarm;
    }
    if (!is_over) {
        has_passed_ = true;
        shutdown(socket, SHUT_RDWR);
    }
    close(socket);
}

}  // namespace perdure::postgres
