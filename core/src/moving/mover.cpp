#include "moving/mover.hpp"

#include "backoff.hpp"
#include "moving/images_of.hpp"
#include "moving/obstacles.hpp"

#include <perdure/printable.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace perdure::moving {

namespace {

using steady = std::chrono::steady_clock;

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
      target_images_(images_of(*target_)),
      copies_(source_, *target_, to_description_, course_) {}

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
    const named_store from{source_, from_description_};
    const named_store to{*target_, to_description_};
    refuse_for(same_hub(from, to));
    for (const worker_id& worker : source_.status().live_workers) {
        if (!from_.knows(worker)) {
            refuse(fmt::format("worker \"{}\" of another process lives on {}",
                               printable(worker.text),
                               from_description_));
        }
    }
    refuse_for(live_worker(to));
    if (const std::string reason = target_images_.closed_reason(); !reason.empty()) {
        refuse(fmt::format("{} is closed: {}", to_description_, reason));
    }
    refuse_for(not_empty(to));
    refuse_for(lesser_abilities(from, to));
    refuse_for(clocks_apart(from, to));
}

void mover::copy_all() {
    target_images_.set_closed(fmt::format(
        "the instances of {} are being moved here, and go on there so far", from_description_));
    has_begun_ = true;
    while (!from_.begin_noting(patience)) {
        wait_for_calls();
    }
    copies_.copy_all();
    course_.report([](auto& it) { it.state = promotion_state::following; });
}

void mover::copy_changes() {
    auto changes = from_.touched().take();
    if (changes.any) {
        const auto all = copies_.all_ids();
        changes.instances.insert(all.begin(), all.end());
    }
    persist(course_, [&] {
        from_.touched().add(copies_.copy({changes.instances.begin(), changes.instances.end()},
                                         image_copier::verification::done));
    });
    course_.report([&](promotion_progress& it) { it.changed = from_.touched().size(); });
}

// Others must not wait all the time for a call that takes long.
void mover::wait_for_calls() {
    course_.report([](auto& it) { it.problem = "calls take long, or have to be repeated"; });
    course_.pause(5 * patience);
    require_going_on(course_);
}

// True when calls go to the other store.
bool mover::try_to_cut() {
    ++limits_.attempt;
    const auto began = steady::now();
    copy_changes();
    if (steady::now() - began > limits_.pass() || from_.touched().size() >= limits_.instances()) {
        return false;
    }
    const auto closed = steady::now();
    if (!from_.close(patience)) {
        wait_for_calls();
        return false;
    }
    const auto changes = from_.touched().take();
    const std::vector<instance_id> rest{changes.instances.begin(), changes.instances.end()};
    bool is_there = false;
    try {
        if (!changes.any && rest.size() <= 2 * limits_.instances()) {
            const auto changed = copies_.copy(rest, image_copier::verification::skipped);
            if (!changed.empty()) {
                refuse("an instance has changed while no call was under way");
            }
            is_there = cut();
        }
    } catch (...) {
        from_.reopen();
        throw;
    }
    if (!is_there) {
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
// opens the other one. False when calls of other processes keep the first one open.
bool mover::cut() {
    try {
        may_have_closed_ = true;
        source_images_.set_closed(fmt::format("its instances have moved to {}", to_description_));
    } catch (const backend_error& fault) {
        if (fault.code() != store_fault::unavailable) {
            throw;
        }
        may_have_closed_ = false;
        course_.report([&](promotion_progress& it) { it.problem = fault.what(); });
        require_going_on(course_);
        return false;
    }
    target_images_.set_closed({});
    from_.move_to(target_, to_description_);
    return true;
}

}  // namespace perdure::moving
