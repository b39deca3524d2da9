#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace perdure::conformance {

/// Stands between programs and a PostgreSQL server, and does to their connections what networks do.
///
/// It listens on a loopback port and forwards each connection until it is told otherwise. An order
/// holds, once its call has returned, for everything that has not been forwarded yet, on
/// connections old and new. The connections may not be encrypted. Safe to call from any thread; one
/// thread of its own forwards, and ends with the proxy, as do all connections.
class chaos_proxy {
  public:
    struct server {
        /// The folder of a Unix socket when it begins with a slash, otherwise an IPv4 address.
        std::string host;
        std::uint16_t port = 5432;
    };

    /// What has happened so far.
    struct tally {
        std::size_t connections = 0;
        std::size_t cut = 0;
        std::size_t swallowed = 0;
    };

    /// Everything random follows from the seed and the order of connections.
    chaos_proxy(const server& to, std::uint64_t seed);
    chaos_proxy(const chaos_proxy&) = delete;
    chaos_proxy& operator=(const chaos_proxy&) = delete;
    ~chaos_proxy();

    /// Where programs connect to, at 127.0.0.1.
    [[nodiscard]] std::uint16_t port() const;
    [[nodiscard]] tally seen() const;

    /// Forwards everything again; takes the other orders back.
    void forward();
    /// Forwards nothing, but closes nothing either, as a host that has gone without a word.
    void stall();
    /// Cuts each connection after a random number of bytes, 1 to `bytes_max`, of both directions
    /// together: in the middle of a message, as a rule. Some ends are orderly, some are resets.
    void cut_after(std::size_t bytes_max);
    /// Cuts the connections that there are now.
    void cut_now();
    /// The next statement whose text or prepared name contains `text` reaches the server and is
    /// executed to its end, commit included; the client gets nothing of the answer, and the
    /// connection is cut. Later statements are forwarded.
    void swallow_reply_to(std::string text);

  private:
    class loop;
    std::unique_ptr<loop> loop_;
};

}  // namespace perdure::conformance
