#include "chaos_proxy.hpp"

#include "message_reader.hpp"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <list>
#include <mutex>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <poll.h>
#include <random>
#include <stdexcept>
#include <stop_token>
#include <string_view>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace perdure::conformance {

namespace {

/// Owns a file descriptor.
class descriptor {
  public:
    explicit descriptor(int number) : number_(number) {}
    descriptor(descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    descriptor& operator=(descriptor&&) = delete;
    ~descriptor() {
        if (number_ >= 0) {
            close(number_);
        }
    }
    [[nodiscard]] int number() const { return number_; }

  private:
    int number_;
};

descriptor checked(int number, const char* what) {
    if (number < 0) {
        throw std::system_error(errno, std::generic_category(), what);
    }
    return descriptor(number);
}

sockaddr_in loopback_address(const char* host, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        throw std::invalid_argument(std::string("not an IPv4 address: ") + host);
    }
    return address;
}

template <class Address>
const sockaddr* as_sockaddr(const Address& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

/// Where the server is, as the kernel wants it.
class server_address {
  public:
    explicit server_address(const chaos_proxy::server& to) {
        if (to.host.empty() || to.host.front() != '/') {
            put(loopback_address(to.host.c_str(), to.port));
            return;
        }
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const std::string path = to.host + "/.s.PGSQL." + std::to_string(to.port);
        if (path.size() >= sizeof(address.sun_path)) {
            throw std::invalid_argument("too long for a socket: " + path);
        }
        path.copy(address.sun_path, path.size());
        put(address);
    }

    /// A connection, or none when nobody listens there.
    [[nodiscard]] std::optional<descriptor> connection() const {
        descriptor made(socket(storage_.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (connect(made.number(), as_sockaddr(storage_), size_) != 0) {
            return std::nullopt;
        }
        return made;
    }

  private:
    template <class Address>
    void put(const Address& address) {
        std::memcpy(&storage_, &address, sizeof(address));
        size_ = sizeof(address);
    }

    sockaddr_storage storage_{};
    socklen_t size_ = 0;
};

descriptor listener() {
    descriptor made =
        checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket");
    const sockaddr_in address = loopback_address("127.0.0.1", 0);
    if (bind(made.number(), as_sockaddr(address), sizeof(address)) != 0 ||
        listen(made.number(), SOMAXCONN) != 0) {
        throw std::system_error(errno, std::generic_category(), "listening");
    }
    return made;
}

// As much as is taken at a time, and as may wait.
constexpr std::size_t portion = 65'536;

/// One direction of a connection.
struct direction {
    int from;
    int to;
    message_reader messages = {};
    /// Taken from one side, and not yet given to the other.
    std::string waiting = {};
    bool has_ended = false;

    // A slow reader slows the writer down, as without a proxy.
    [[nodiscard]] bool has_room() const { return !has_ended && waiting.size() < portion; }

    void give() {
        while (!waiting.empty()) {
            const ssize_t given =
                send(to, waiting.data(), waiting.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            if (given > 0) {
                waiting.erase(0, static_cast<std::size_t>(given));
            } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
                return;
            } else if (errno != EINTR) {
                waiting.clear();
                has_ended = true;
            }
        }
    }
};

/// A client and its connection to the server.
struct relay {
    relay(descriptor accepted, descriptor connected)
        : client(std::move(accepted)),
          server(std::move(connected)),
          up{client.number(), server.number()},
          down{server.number(), client.number()} {
        up.messages.begin_untyped();
    }

    descriptor client;
    descriptor server;
    direction up;
    direction down;
    /// How many bytes are forwarded until the connection is cut.
    std::optional<std::size_t> bytes_left = std::nullopt;
    /// Since the client's last Sync a message has named the statement whose reply is to be lost.
    bool names_victim = false;
    bool swallows = false;
    bool is_doomed = false;

    [[nodiscard]] bool is_over() const {
        return is_doomed || (up.has_ended && up.waiting.empty()) ||
               (down.has_ended && down.waiting.empty());
    }
};

}  // namespace

/// The thread and what it works on.
class chaos_proxy::loop {
  public:
    loop(const server& to, std::uint64_t seed)
        : server_(to),
          random_(seed),
          listener_(listener()),
          wake_up_(checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
          thread_([this](const std::stop_token& stop) { forward_until(stop); }) {}
    loop(const loop&) = delete;
    loop& operator=(const loop&) = delete;
    ~loop() {
        thread_.request_stop();
        wake();
    }

    [[nodiscard]] std::uint16_t port() const {
        sockaddr_in address{};
        socklen_t size = sizeof(address);
        getsockname(listener_.number(), reinterpret_cast<sockaddr*>(&address), &size);
        return ntohs(address.sin_port);
    }

    [[nodiscard]] tally seen() const {
        const std::lock_guard lock(mutex_);
        return tally_;
    }

    /// Executes an order between two steps of the thread.
    template <class Order>
    void obey(const Order& order) {
        {
            const std::lock_guard lock(mutex_);
            order(*this);
        }
        wake();
    }

    void forward() {
        is_stalled_ = false;
        bytes_max_.reset();
        victim_.clear();
        for (relay& each : relays_) {
            each.bytes_left.reset();
        }
    }

    void stall() { is_stalled_ = true; }

    void cut_after(std::size_t bytes_max) {
        bytes_max_ = bytes_max;
        for (relay& each : relays_) {
            each.bytes_left = a_number_of_bytes();
        }
    }

    void cut_now() {
        for (relay& each : relays_) {
            cut(each);
        }
        relays_.clear();
    }

    void swallow_reply_to(std::string text) { victim_ = std::move(text); }

  private:
    void wake() const {
        const std::uint64_t one = 1;
        // It can only fail when it is full, and then the thread is awake.
        [[maybe_unused]] const ssize_t written = write(wake_up_.number(), &one, sizeof(one));
    }

    void forward_until(const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            std::vector<pollfd> watched = watch_list();
            if (poll(watched.data(), watched.size(), -1) < 0) {
                continue;
            }
            const std::lock_guard lock(mutex_);
            std::uint64_t ignored = 0;
            [[maybe_unused]] const ssize_t got =
                ::read(wake_up_.number(), &ignored, sizeof(ignored));
            if (!is_stalled_) {
                for (relay& each : relays_) {
                    move_bytes(each);
                }
                relays_.remove_if([](const relay& each) { return each.is_over(); });
            }
            accept_all();
        }
    }

    // What is of no interest is left out: poll would report its end again and again.
    [[nodiscard]] std::vector<pollfd> watch_list() const {
        const std::lock_guard lock(mutex_);
        std::vector<pollfd> watched{{wake_up_.number(), POLLIN, 0},
                                    {listener_.number(), POLLIN, 0}};
        const auto watch = [&watched](const direction& in, const direction& out) {
            const auto events = static_cast<short>((in.has_room() ? POLLIN : 0) |
                                                   (out.waiting.empty() ? 0 : POLLOUT));
            if (events != 0) {
                watched.push_back({in.from, events, 0});
            }
        };
        if (!is_stalled_) {
            for (const relay& each : relays_) {
                watch(each.up, each.down);
                watch(each.down, each.up);
            }
        }
        return watched;
    }

    void accept_all() {
        while (true) {
            const int number = accept4(listener_.number(), nullptr, nullptr, SOCK_CLOEXEC);
            if (number < 0) {
                return;
            }
            descriptor client(number);
            const int on = 1;
            setsockopt(number, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
            ++tally_.connections;
            // Without a server the client finds the connection closed.
            if (std::optional<descriptor> server = server_.connection()) {
                relays_.emplace_back(std::move(client), *std::move(server));
                if (bytes_max_) {
                    relays_.back().bytes_left = a_number_of_bytes();
                }
            }
        }
    }

    void move_bytes(relay& each) {
        each.up.give();
        each.down.give();
        take(each, each.up);
        take(each, each.down);
        if (each.is_doomed) {
            cut(each);
        }
    }

    // One portion at a time, so that no connection holds the others up.
    void take(relay& each, direction& way) {
        if (!way.has_room() || each.is_doomed) {
            return;
        }
        std::array<char, portion> buffer;
        const ssize_t taken = recv(way.from, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (taken < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
            return;
        }
        if (taken <= 0) {
            way.has_ended = true;
            return;
        }
        const std::string_view bytes(buffer.data(), static_cast<std::size_t>(taken));
        pass(each, way, each.bytes_left ? bytes.substr(0, *each.bytes_left) : bytes);
    }

    void pass(relay& each, direction& way, std::string_view bytes) {
        if (each.bytes_left) {
            *each.bytes_left -= bytes.size();
            each.is_doomed = *each.bytes_left == 0;
        }
        if (&way == &each.up) {
            way.messages.read(bytes, [&](char type, std::string_view head) {
                look_at_request(each, type, head);
            });
        } else {
            const bool is_lost = each.swallows;
            way.messages.read(bytes, [&](char type, std::string_view) {
                // Ready for the next statement: this one is executed, and what it did is committed.
                each.is_doomed = each.is_doomed || (each.swallows && type == 'Z');
            });
            if (is_lost) {
                return;
            }
        }
        way.waiting.append(bytes);
        way.give();
    }

    void look_at_request(relay& each, char type, std::string_view head) {
        constexpr std::uint32_t first_question = 80877103;  // for TLS; the next is for GSSAPI
        if (type == '\0' && head.size() >= 4) {
            std::uint32_t code = 0;
            std::memcpy(&code, head.data(), sizeof(code));
            code = ntohl(code);
            if (code == first_question || code == first_question + 1) {
                each.down.messages.expect_lone_byte();
            } else {
                each.up.messages.begin_typed();
            }
            return;
        }
        const bool may_name = type == 'Q' || type == 'P' || type == 'B';
        if (may_name && !victim_.empty() && head.find(victim_) != std::string_view::npos) {
            each.names_victim = true;
        }
        if (each.names_victim && (type == 'Q' || type == 'E')) {
            each.names_victim = false;
            each.swallows = true;
            victim_.clear();
            ++tally_.swallowed;
        }
        if (type == 'S') {
            each.names_victim = false;
        }
    }

    // The client's end is a reset every other time; both happen, and programs notice them
    // differently.
    void cut(relay& each) {
        each.is_doomed = true;
        ++tally_.cut;
        if (random_() % 2 == 0) {
            const linger at_once{1, 0};
            setsockopt(each.client.number(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        }
    }

    std::size_t a_number_of_bytes() {
        return std::uniform_int_distribution<std::size_t>(1, *bytes_max_)(random_);
    }

    const server_address server_;
    mutable std::mutex mutex_;
    // All of these belong to the mutex.
    std::mt19937_64 random_;
    tally tally_;
    bool is_stalled_ = false;
    std::optional<std::size_t> bytes_max_;
    std::string victim_;
    std::list<relay> relays_;

    descriptor listener_;
    descriptor wake_up_;
    std::jthread thread_;
};

chaos_proxy::chaos_proxy(const server& to, std::uint64_t seed)
    : loop_(std::make_unique<loop>(to, seed)) {}

chaos_proxy::~chaos_proxy() = default;

std::uint16_t chaos_proxy::port() const {
    return loop_->port();
}

chaos_proxy::tally chaos_proxy::seen() const {
    return loop_->seen();
}

void chaos_proxy::forward() {
    loop_->obey([](loop& its) { its.forward(); });
}

void chaos_proxy::stall() {
    loop_->obey([](loop& its) { its.stall(); });
}

void chaos_proxy::cut_after(std::size_t bytes_max) {
    loop_->obey([bytes_max](loop& its) { its.cut_after(bytes_max); });
}

void chaos_proxy::cut_now() {
    loop_->obey([](loop& its) { its.cut_now(); });
}

void chaos_proxy::swallow_reply_to(std::string text) {
    loop_->obey([&text](loop& its) { its.swallow_reply_to(std::move(text)); });
}

}  // namespace perdure::conformance
