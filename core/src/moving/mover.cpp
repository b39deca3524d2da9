#include "moving/mover.hpp"

#include "backoff.hpp"
#include "moving/images_of.hpp"

#include <perdure/migration.hpp>
#include <perdure/printable.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace perdure::moving {

namespace {

using steady = std::chrono::steady_clock;

// A longer history is copied in parts, and only what is new of it.
constexpr std::size_t short_history = std::size_t{256} << 10U;
// Calls wait for no longer than this for others that are under way.
constexpr std::chrono::milliseconds patience(100);
// Little enough to be copied while calls wait.
constexpr std::size_t rest_max = 100;
constexpr std::chrono::milliseconds short_pass(20);
constexpr auto clocks_apart_max = std::chrono::seconds(1);
// A store may be away for so long.
constexpr auto away_max = std::chrono::seconds(30);

[[noreturn]] void refuse(const std::string& why) {
    throw backend_error(store_fault::rejected, why);
}

struct was_aborted {};

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

// The other hub becomes what it was, which is empty.
void mover::undo() noexcept {
    from_.touched().end();
    try {
        if (has_begun_) {
            target_->delete_hub();
        }
    } catch (const backend_error&) {
        // It stays closed, for a reason that says what it is.
        return;
    }
}

// ------------------------------------------------------------------------------------ what is
// asked

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

// ------------------------------------------------------------------------------------- what is
// copied

// Repeats a step that a store could not do just now.
template <class Step>
void mover::persist(Step step) {
    calls::backoff pauses(std::chrono::milliseconds(5), std::chrono::seconds(1));
    const auto deadline = steady::now() + away_max;
    for (;;) {
        require_going_on();
        try {
            step();
            return;
        } catch (const backend_error& fault) {
            if (!fault.retryable() || steady::now() > deadline) {
                throw;
            }
            course_.report([&](promotion_progress& it) { it.problem = fault.what(); });
        }
        course_.pause(pauses.next());
    }
}

// Others must not wait all the time for a call that takes long.
void mover::wait_for_calls() {
    course_.report([](auto& it) { it.problem = "calls take long, or have to be repeated"; });
    course_.pause(5 * patience);
    require_going_on();
}

void mover::copy_all() {
    target_images_.set_closed(fmt::format(
        "the instances of {} are being moved here, and go on there so far", from_description_));
    has_begun_ = true;
    while (!from_.begin_noting(patience)) {
        wait_for_calls();
    }
    std::string after;
    do {
        persist([&] {
            const image_page page =
                source_images_.read_images(after, batch_items_max, batch_bytes_max);
            write(page.images, verification::done);
            after = page.next;
        });
    } while (!after.empty());
    course_.report([](auto& it) { it.state = promotion_state::following; });
}

void mover::copy_changes() {
    auto changes = from_.touched().take();
    if (changes.any) {
        const auto all = all_ids();
        changes.instances.insert(all.begin(), all.end());
    }
    persist([&] {
        copy({changes.instances.begin(), changes.instances.end()}, verification::done);
    });
}

// Of both stores.
std::vector<instance_id> mover::all_ids() {
    std::vector<instance_id> ids;
    for (const auto& [id, history] : known_) {
        ids.push_back(id);
    }
    std::string after;
    do {
        const instance_page page = source_.query({}, batch_items_max, after);
        for (const instance_record& record : page.instances) {
            ids.push_back(record.instance);
        }
        after = page.next;
    } while (!after.empty());
    return ids;
}

void mover::copy(const std::vector<instance_id>& ids, verification check) {
    for (std::size_t begin = 0; begin < ids.size(); begin += batch_items_max) {
        const auto some =
            std::span(ids).subspan(begin, std::min(batch_items_max, ids.size() - begin));
        std::vector<instance_id> gone;
        std::vector<instance_image> images;
        auto found = source_images_.read_images(some, short_history);
        for (std::size_t n = 0; n < some.size(); ++n) {
            if (found.at(n)) {
                images.push_back(std::move(*found[n]));
            } else {
                gone.push_back(some[n]);
                known_.erase(some[n]);
                leases_.erase(some[n]);
            }
        }
        if (!gone.empty()) {
            target_images_.remove_images(gone);
        }
        write(images, check);
    }
}

void mover::write(std::span<const instance_image> images, verification check) {
    std::vector<instance_image> whole;
    for (const instance_image& image : images) {
        if (has_end(image)) {
            whole.push_back(image);
        } else {
            write_long(image);
        }
    }
    if (whole.empty()) {
        return;
    }
    const auto outcomes = target_images_.write_images(whole, last_sequence(), write_mode::replace);
    if (std::ranges::count(outcomes, write_outcome::written) != std::ssize(whole)) {
        refuse(fmt::format("{} refuses an image", to_description_));
    }
    if (check == verification::done) {
        verify(whole);
    }
    for (const instance_image& image : whole) {
        note_copied(image);
    }
}

// What the other store has already of a long history is left there.
void mover::write_long(const instance_image& beginning) {
    const instance_id& id = beginning.record.instance;
    const auto known = known_.find(id);
    const bool is_known = known != known_.end() &&
                          known->second.created_as == beginning.created_as &&
                          known->second.execution == beginning.record.execution &&
                          known->second.length <= beginning.record.history_length;
    instance_image next = beginning;
    if (is_known) {
        auto page = source_.read_history(id, known->second.length - 1, batch_bytes_max);
        if (page && page->history_version == beginning.history_version &&
            page->last_committed == beginning.last_committed) {
            next.history = std::move(page->chunks);
        }
    }
    known_.erase(id);
    image_reader reads(source_);
    try {
        write_part(next);
        while (auto rest = reads.rest_of(next)) {
            next = std::move(*rest);
            write_part(next);
        }
        note_copied(beginning);
    } catch (const backend_error& fault) {
        if (fault.code() != store_fault::conflict) {
            throw;
        }
        from_.touched().add(id);  // It has changed meanwhile.
    }
}

void mover::write_part(const instance_image& part) {
    const auto outcome =
        target_images_.write_images(std::span(&part, 1), last_sequence(), write_mode::replace);
    if (outcome.front() != write_outcome::written) {
        refuse(fmt::format("{} refuses a part of an image", to_description_));
    }
}

void mover::note_copied(const instance_image& image) {
    const instance_id& id = image.record.instance;
    known_[id] = {image.created_as, image.record.execution, image.record.history_length};
    std::vector<lease_token> held;
    if (image.held.token) {
        held.push_back(image.held.token);
    }
    for (const activity_image& task : image.activities) {
        if (task.held.token) {
            held.push_back(task.held.token);
        }
    }
    if (held.empty()) {
        leases_.erase(id);
    } else {
        leases_[id] = std::move(held);
    }
    course_.report([&](promotion_progress& it) {
        ++it.copied;
        it.events += image.record.history_length;
        it.changed = from_.touched().size();
        it.problem.clear();
    });
}

void mover::verify(std::span<const instance_image> images) {
    image_writer compares(*target_);
    const auto conflicts = compares.compare(images);
    if (!conflicts.empty()) {
        refuse(fmt::format("{} has instance \"{}\" otherwise than it was written: {}",
                           to_description_,
                           printable(conflicts.front().instance.text()),
                           conflicts.front().difference));
    }
}

std::uint64_t mover::last_sequence() {
    return source_images_.read_images({}, 1, 1).last_sequence;
}

// ---------------------------------------------------------------------------------------- the end

// True when calls go to the other store.
bool mover::try_to_cut() {
    const auto began = steady::now();
    copy_changes();
    if (steady::now() - began > short_pass || from_.touched().size() >= rest_max) {
        return false;
    }
    const auto closed = steady::now();
    if (!from_.close(patience)) {
        wait_for_calls();
        return false;
    }
    const auto changes = from_.touched().take();
    if (changes.any || changes.instances.size() > 2 * rest_max) {
        from_.touched().add({changes.instances.begin(), changes.instances.end()});
        if (changes.any) {
            from_.touched().add_any();
        }
        from_.reopen();
        return false;
    }
    try {
        copy({changes.instances.begin(), changes.instances.end()}, verification::skipped);
        cut();
    } catch (...) {
        from_.touched().add({changes.instances.begin(), changes.instances.end()});
        from_.reopen();
        throw;
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
    source_images_.set_closed(fmt::format("its instances have moved to {}", to_description_));
    try {
        target_images_.set_closed({});
    } catch (const backend_error&) {
        source_images_.set_closed({});
        throw;
    }
    std::vector<lease_token> leases;
    for (const auto& [id, tokens] : leases_) {
        leases.insert(leases.end(), tokens.begin(), tokens.end());
    }
    from_.move_to(target_, to_description_, leases);
}

}  // namespace perdure::moving
