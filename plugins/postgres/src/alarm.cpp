#include "alarm.hpp"

#include <perdure/backend_error.hpp>

#include <algorithm>
#include <array>
#include <ctime>
#include <sys/eventfd.h>
#include <unistd.h>

namespace perdure::postgres {

alarm::alarm() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (descriptor_ < 0) {
        throw backend_error(store_fault::unavailable,
                            "the process cannot open a descriptor for waiting");
    }
}

alarm::~alarm() {
    close(descriptor_);
}

void alarm::signal() const noexcept {
    static_cast<void>(eventfd_write(descriptor_, 1));
}

void alarm::silence() const noexcept {
    eventfd_t count = 0;
    static_cast<void>(eventfd_read(descriptor_, &count));
}

occurrence wait_for(pollfd socket, const alarm& other, std::chrono::steady_clock::time_point until) {
    using namespace std::chrono_literals;
    using steady = std::chrono::steady_clock;
    timespec left{};
    if (until != steady::time_point::max()) {
        const auto wait = std::max(std::chrono::nanoseconds(until - steady::now()), 0ns);
        left.tv_sec = static_cast<time_t>(wait / 1s);
        left.tv_nsec = static_cast<long>((wait % 1s).count());
    }
    std::array watched{socket, pollfd{other.descriptor(), POLLIN, 0}};
    const timespec* limit = until == steady::time_point::max() ? nullptr : &left;
    if (ppoll(watched.data(), watched.size(), limit, nullptr) <= 0) {
        return {};
    }
    if (watched[1].revents != 0) {
        other.silence();
    }
    return {watched[0].revents != 0, watched[1].revents != 0};
}

}  // namespace perdure::postgres
