#include "moving/mover.hpp"

#include "backoff.hpp"
#include "moving/images_of.hpp"

#include <perdure/printable.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace perdure::moving {

namespace {

using steady = std::chrono::steady_clock;

// Little enough to be copied while calls wait. A hub that changes as fast as it is copied never has
// so little left, so each attempt allows for more.
constexpr std::size_t rest_max = 100;
constexpr std::size_t rest_max_most = 3'000;
constexpr std::chrono::milliseconds short_pass(20);
constexpr std::chrono::milliseconds short_pass_most(150);
constexpr auto clocks_apart_max = std::chrono::seconds(1);

}  // namespace

mover::mover(store_switch& from,
             std::shared_ptr<backend> to,
             std::string to_description,
             promotion::course& course)
    : from_(from),
      source_(from.inner()),
      from_description_(from.description()),
      target_(std::move(to)),
      to_description_(std::move(to_description)),
      course_(course),
      source_images_(images_of(source_)),
      target_images_(images_of(*target_)) {}

void mover::refuse(const std::string& why) {
    throw backend_error(store_fault::rejected, why);
}

void mover::run() noexcept {
    auto end = promotion_state::failed;
    std::string problem;
    try {
        check();
        copy_all();
        while (!try_to_cut()) {
        }
        return;
    } catch (const was_aborted&) {
        end = promotion_state::aborted;
    } catch (const std::exception& wrong) {
        problem = wrong.what();
    }
    undo();
    course_.report([&](promotion_progress& it) {
        it.state = end;
        it.problem = problem;
    });
}

// First the hub goes on where it is, then the other one becomes what it was, which is empty.
void mover::undo() noexcept {
    from_.touched().end();
    calls::backoff pauses(std::chrono::milliseconds(5), std::chrono::seconds(1));
    while (may_have_closed_) {
        try {
            source_images_.set_closed({});
            may_have_closed_ = false;
        } catch (const backend_error&) {
            // Until then its calls fail for the same reason as this one, or say where it was going.
            if (course_.is_to_end()) {
                return;
            }
            course_.pause(pauses.next());
        }
    }
    try {
        if (has_begun_) {
            target_->delete_hub();
        }
    } catch (const backend_error&) {
        // It stays closed, for a reason that says what it is.
        return;
    }
}

void mover::check() {
    const std::string identity = source_.identity();
    if (!identity.empty() && identity == target_->identity()) {
        refuse(fmt::format("{} and {} are the same hub", from_description_, to_description_));
    }
    for (const worker_id& worker : source_.status().live_workers) {
        if (!from_.knows(worker)) {
            refuse(fmt::format("worker \"{}\" of another process lives on {}",
                               printable(worker.text),
                               from_description_));
        }
    }
    const auto strangers = target_->status().live_workers;
    if (!strangers.empty()) {
        refuse(fmt::format(
            "worker \"{}\" lives on {}", printable(strangers.front().text), to_description_));
    }
    if (const std::string reason = target_images_.closed_reason(); !reason.empty()) {
        refuse(fmt::format("{} is closed: {}", to_description_, reason));
    }
    if (!target_images_.read_images({}, 1, 1).images.empty()) {
        refuse(fmt::format("{} is not empty", to_description_));
    }
    if (source_.abilities().speculative_turns && !target_->abilities().speculative_turns) {
        refuse(
            fmt::format("the backend of {} takes no speculative turns, which workers of this "
                        "process may have begun",
                        to_description_));
    }
    check_clocks();
}

// The middle of three probes: a slow call proves nothing.
void mover::check_clocks() {
    std::vector<duration> apart;
    for (int n = 0; n < 3; ++n) {
        const auto began = steady::now();
        const timestamp here = source_.status().store_time;
        const timestamp there = target_->status().store_time;
        const auto took = std::chrono::duration_cast<duration>(steady::now() - began);
        apart.push_back(there - here - took / 2);
    }
    std::ranges::sort(apart);
    if (std::chrono::abs(apart[1]) > clocks_apart_max) {
        refuse(
            fmt::format("the clock of {} is {} ms away from that of {}: timers and leases would "
                        "end at another time",
                        to_description_,
                        apart[1] / std::chrono::milliseconds(1),
                        from_description_));
    }
}

void mover::require_going_on() {
    if (course_.is_to_end()) {
        throw was_aborted();
    }
}

// Others must not wait all the time for a call that takes long.
void mover::wait_for_calls() {
    course_.report([](auto& it) { it.problem = "calls take long, or have to be repeated"; });
    course_.pause(5 * patience);
    require_going_on();
}

// True when calls go to the other store.
bool mover::try_to_cut() {
    ++attempts_;
    const std::size_t most = std::min(rest_max * attempts_, rest_max_most);
    const auto longest = std::min<steady::duration>(short_pass * attempts_, short_pass_most);
    const auto began = steady::now();
    copy_changes();
    if (steady::now() - began > longest || from_.touched().size() >= most) {
        return false;
    }
    const auto closed = steady::now();
    if (!from_.close(patience)) {
        wait_for_calls();
        return false;
    }
    const auto changes = from_.touched().take();
    const std::vector<instance_id> rest{changes.instances.begin(), changes.instances.end()};
    const bool is_little = !changes.any && rest.size() <= 2 * most;
    try {
        if (is_little) {
            copy(rest, verification::skipped);
            cut();
        }
    } catch (...) {
        from_.reopen();
        throw;
    }
    if (!is_little) {
        from_.touched().add(rest);
        if (changes.any) {
            from_.touched().add_any();
        }
        from_.reopen();
        return false;
    }
    course_.report([&](promotion_progress& it) {
        it.stall = std::chrono::duration_cast<duration>(steady::now() - closed);
        it.state = promotion_state::done;
        it.changed = 0;
    });
    return true;
}

// From when on the first store is closed, the other one has the hub. Whoever finds both closed
// opens the other one.
void mover::cut() {
    may_have_closed_ = true;
    source_images_.set_closed(fmt::format("its instances have moved to {}", to_description_));
    target_images_.set_closed({});
    std::vector<lease_token> leases;
    for (const auto& [id, tokens] : leases_) {
        leases.insert(leases.end(), tokens.begin(), tokens.end());
    }
    from_.move_to(target_, to_description_, leases);
}

}  // namespace perdure::moving
