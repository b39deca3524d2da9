#include "moving/moving_backend.hpp"

#include "settings.hpp"

#include <perdure/live_migration.hpp>

#include <fmt/format.h>

#include <atomic>
#include <cctype>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace perdure::conformance {

namespace {

std::atomic<std::size_t> moves_so_far{0};

}  // namespace

hub open_following(const backend_config& config) {
    return perdure::open(config);
}

hub another_hub(bool of_reference) {
    const plugin_descriptor* reference = reference_plugin();
    if (!of_reference || reference == nullptr) {
        return open_hub(a_hub_config());
    }
    return {reference->create(parse_uri(std::string(reference->backend_name) + ":?test_clock=on")),
            "reference"};
}

moving_backend::moving_backend(hub first, std::size_t calls_between_moves)
    : forwarding_backend(first.store()),
      hub_(std::move(first)),
      calls_between_moves_(calls_between_moves) {}

std::size_t moving_backend::moves() noexcept {
    return moves_so_far;
}

bool moving_backend::advance_clock(duration by) {
    const std::lock_guard guard(mutex_);
    const bool was_moved = perdure::advance_clock(hub_.store(), by);
    advanced_ += was_moved ? by : duration::zero();
    return was_moved;
}

void moving_backend::set_clock_of(const hub& next, duration already) {
    // No more than is needed: hubs that move often would run ahead of the clock on the wall.
    const duration missing = advanced_ - already;
    const bool is_adjusted =
        missing == duration::zero() || perdure::advance_clock(next.store(), missing);
    const timestamp now = hub_.store().status().store_time;
    const duration behind = now - next.store().status().store_time;
    if (!is_adjusted ||
        (behind > duration::zero() && !perdure::advance_clock(next.store(), behind))) {
        throw std::logic_error("the clock of the next hub cannot be moved");
    }
}

void moving_backend::move() {
    is_elsewhere_ = !is_elsewhere_;
    const hub next = another_hub(is_elsewhere_);
    set_clock_of(next, duration::zero());
    if (!hub_.promote(next).wait()) {
        throw std::logic_error("the promotion was aborted");
    }
}

backend& moving_backend::after_move() {
    // One caller waits for the move; the calls of all others go on.
    const std::unique_lock mine(mutex_, std::try_to_lock);
    if (mine && ++calls_ % calls_between_moves_ == 0) {
        move();
        ++moves_so_far;
    }
    return hub_.store();
}

create_result moving_backend::create(const lock_request& next,
                                     std::span<const new_instance> instances) {
    return after_move().create(next, instances);
}
send_result moving_backend::send(const lock_request& next, std::span<const new_message> messages) {
    return after_move().send(next, messages);
}
std::vector<terminate_outcome> moving_backend::terminate(
    const request_id& request, std::span<const termination> terminations) {
    return after_move().terminate(request, terminations);
}
std::vector<std::optional<instance_record>> moving_backend::get(
    std::span<const instance_id> instances) {
    return after_move().get(instances);
}
instance_page moving_backend::query(const instance_filter& filter,
                                    std::size_t limit,
                                    const std::string& after) {
    return after_move().query(filter, limit, after);
}
std::optional<history_page> moving_backend::read_history(const instance_id& instance,
                                                         std::uint64_t from,
                                                         std::size_t bytes) {
    return after_move().read_history(instance, from, bytes);
}
purge_result moving_backend::purge(const purge_request& request) {
    return after_move().purge(request);
}
std::vector<unpark_outcome> moving_backend::unpark(const request_id& request,
                                                   std::span<const instance_id> instances) {
    return after_move().unpark(request, instances);
}
work_batch moving_backend::lock(const lock_request& request) {
    return after_move().lock(request);
}
commit_result moving_backend::commit(const commit_request& request) {
    return after_move().commit(request);
}
std::vector<lease_outcome> moving_backend::renew(const renewal& request) {
    return after_move().renew(request);
}
std::vector<lease_outcome> moving_backend::return_leases(const lease_return& request) {
    return after_move().return_leases(request);
}
void moving_backend::take_over(const request_id& request, std::span<const worker_id> workers) {
    after_move().take_over(request, workers);
}

namespace {

std::string encoded(std::string_view text) {
    std::string all;
    for (const char c : text) {
        const bool is_plain = std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                              std::string_view("/-_.~").find(c) != std::string_view::npos;
        all += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return all;
}

}  // namespace

std::string uri_of(const backend_config& config) {
    std::string uri =
        config.backend + ":" +
        (config.encoded_address.empty() ? encoded(config.address) : config.encoded_address);
    char before = '?';
    for (const auto& [key, value] : config.options) {
        uri += before + encoded(key) + "=" + encoded(value);
        before = '&';
    }
    return uri;
}

live_moving_backend::live_moving_backend(const backend_config& first,
                                         std::size_t calls_between_moves)
    : moving_backend(open_following(first), calls_between_moves), home_(first) {}

// There, and back by taking the cut back.
void live_moving_backend::move() {
    if (!is_away_) {
        away_ = a_hub_config();
        set_clock_of(open_hub(away_), duration::zero());
        advanced_at_home_ = advanced();
    } else {
        set_clock_of(open_hub(home_), advanced_at_home_);
    }
    live_migration moves(open_hub(home_), open_hub(away_));
    if (is_away_) {
        moves.abort();
    } else {
        moves.begin(uri_of(home_), uri_of(away_));
        moves.run();
        moves.cut();
    }
    is_away_ = !is_away_;
}

}  // namespace perdure::conformance
