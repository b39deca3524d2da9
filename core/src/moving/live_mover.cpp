#include "moving/live_mover.hpp"

#include "moving/cut_limits.hpp"
#include "moving/images_of.hpp"
#include "moving/obstacles.hpp"
#include "moving/roles.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace perdure::moving {

namespace {

using steady = std::chrono::steady_clock;

// An instance that works has many changes: the more are read at once, the fewer copies are made.
constexpr std::size_t changes_at_once = 20'000;
constexpr std::size_t changes_max = 100'000;
constexpr std::size_t changes_an_instance = 10;
// What is left when a run ends.
constexpr std::size_t caught_up = 10'000;
constexpr auto pause_between = std::chrono::milliseconds(100);

bool is_same(const hub_role& found, const hub_role& wanted) {
    return found.role == wanted.role && found.move == wanted.move &&
           found.sealed_for == wanted.sealed_for && found.other == wanted.other &&
           found.reason == wanted.reason;
}

}  // namespace

moving_hub::moving_hub(backend& opened, std::string called)
    : store(opened), name(std::move(called)), roles(roles_of(opened)), images(images_of(opened)) {}

bool change_role(moving_hub& where,
                 const hub_role& was,
                 const hub_role& next,
                 promotion::course& course) {
    bool is_changed = false;
    bool may_have_happened = false;
    persist(course, [&] {
        const hub_role now = where.role();
        if (may_have_happened && now.era == was.era + 1 && is_same(now, next)) {
            is_changed = true;
            return;
        }
        try {
            is_changed = where.roles.change_role(was.era, next);
        } catch (const backend_error& fault) {
            may_have_happened |= fault.code() == store_fault::outcome_unknown;
            throw;
        }
    });
    return is_changed;
}

void must_change_role(moving_hub& where,
                      const hub_role& was,
                      const hub_role& next,
                      promotion::course& course) {
    if (!change_role(where, was, next, course)) {
        throw backend_error(
            store_fault::rejected,
            fmt::format("somebody else has changed the role of {} just now; look at "
                        "the status of the move",
                        where.name));
    }
}

live_mover::live_mover(moving_hub& from, moving_hub& to, promotion::course& course)
    : from_(from), to_(to), course_(course), copies_(from.store, to.store, to.name, course) {}

void live_mover::report_obstacle(const std::string& what) {
    course_.report([&](promotion_progress& it) { it.problem = what; });
    course_.pause(pause_between);
    require_going_on(course_);
}

// Who copied before is not to write any more: it may only have been slow. Not knowing whether this
// has happened is not enough, so it is done again then.
void live_mover::take_over() {
    wait_for_decision();
    persist(course_, [&] {
        const hub_role there = to_.role();
        mine_ = there;
        mine_.sealed_for = 0;
        if (mine_.role == move_role::sealed) {
            mine_.role = move_role::following;
        }
        if (!to_.roles.change_role(there.era, mine_)) {
            throw backend_error(store_fault::conflict, "somebody else moves this hub, too");
        }
        mine_.era = there.era + 1;
    });
}

// Of the target, as long as nobody has taken over.
void live_mover::become(move_role role, std::uint64_t sealed_for) {
    hub_role next = mine_;
    next.role = role;
    next.sealed_for = sealed_for;
    must_change_role(to_, mine_, next, course_);
    mine_ = next;
    ++mine_.era;
}

std::size_t live_mover::changes_left(std::size_t limit) {
    std::size_t left = 0;
    persist(course_, [&] { left = from_.roles.count_changes(limit); });
    course_.report([&](promotion_progress& it) { it.changed = left; });
    return left;
}

// Another one may be cutting just now.
void live_mover::wait_for_decision() {
    for (;;) {
        const hub_role here = from_.role();
        if (here.role == move_role::tracked) {
            return;
        }
        if (here.role != move_role::closing) {
            throw backend_error(store_fault::rejected,
                                from_.name +
                                    " has been moved, or not been moved, by somebody else "
                                    "just now; look at the status of the move");
        }
        if (from_.store.status().store_time > saturating_add(here.since, closed_max)) {
            static_cast<void>(change_role(from_, here, reopened(here), course_));
        } else {
            report_obstacle(from_.name + " is closed by another process that moves it");
        }
    }
}

// False when one of them has changed while it was copied; then it is among the next changes.
bool live_mover::copy_some(const std::vector<instance_change>& changes,
                           image_copier::verification check) {
    std::set<instance_id> ids;
    for (const instance_change& change : changes) {
        ids.insert(change.instance);
    }
    return copies_.copy({ids.begin(), ids.end()}, check).empty();
}

// Those of this moment.
void live_mover::copy_changes() {
    const std::size_t all = changes_left(changes_max);
    for (std::size_t copied = 0; copied < all;) {
        persist(course_, [&] {
            const auto some = from_.roles.changes(changes_at_once);
            static_cast<void>(copy_some(some, image_copier::verification::done));
            from_.roles.forget_changes(some);
            copied = some.empty() ? all : copied + some.size();
        });
    }
}

void live_mover::run() {
    take_over();
    if (mine_.role == move_role::standby) {
        copies_.copy_all();
        become(move_role::following);
    }
    course_.report([](auto& it) { it.state = promotion_state::following; });
    do {
        copy_changes();
    } while (changes_left(caught_up) >= caught_up);
}

void live_mover::cut() {
    take_over();
    if (mine_.role != move_role::following) {
        throw backend_error(store_fault::rejected,
                            to_.name + " has not been filled yet: run the move first");
    }
    const std::string apart = clocks_apart({from_.store, from_.name}, {to_.store, to_.name});
    if (!apart.empty()) {
        throw backend_error(store_fault::rejected, apart);
    }
    course_.report([](auto& it) { it.state = promotion_state::following; });
    for (std::size_t attempt = 1; !try_to_cut(attempt); ++attempt) {
        require_going_on(course_);
    }
}

bool live_mover::try_to_cut(std::size_t attempt) {
    const cut_limits limits{attempt};
    const std::size_t most = changes_an_instance * limits.instances();
    const auto began = steady::now();
    copy_changes();
    if (steady::now() - began > limits.pass() || changes_left(most) >= most) {
        return false;
    }
    const hub_role here = from_.role();
    hub_role closing{.role = move_role::closing,
                     .move = here.move,
                     .other = here.other,
                     .reason = "it is being moved to " + to_.name};
    const auto closed = steady::now();
    try {
        if (here.role != move_role::tracked || !from_.roles.change_role(here.era, closing)) {
            wait_for_decision();
            return false;
        }
    } catch (const backend_error& fault) {
        if (!fault.retryable()) {
            throw;
        }
        // It may have been closed all the same.
        report_obstacle(fault.what());
        wait_for_decision();
        return false;
    }
    closing.era = here.era + 1;
    bool is_moved = false;
    try {
        is_moved = copy_rest_and_hand_over(closing, 2 * most);
    } catch (...) {
        reopen();
        throw;
    }
    if (!is_moved) {
        reopen();
        return false;
    }
    course_.report([&](promotion_progress& it) {
        it.stall = std::chrono::duration_cast<duration>(steady::now() - closed);
        it.state = promotion_state::done;
        it.changed = 0;
    });
    return true;
}

// What decides is the role of the source: the target is opened by whoever sees it.
bool live_mover::copy_rest_and_hand_over(const hub_role& closed, std::size_t most) {
    const auto rest = from_.roles.changes(most + 1);
    if (rest.size() > most || !copy_some(rest, image_copier::verification::skipped)) {
        return false;
    }
    become(move_role::sealed, closed.era);
    const hub_role moved{.role = move_role::moved,
                         .move = closed.move,
                         .other = closed.other,
                         .reason = "its instances have moved to " + to_.name};
    if (!change_role(from_, closed, moved, course_)) {
        become(move_role::following);
        return false;
    }
    static_cast<void>(change_role(to_, mine_, opened(mine_), course_));
    return true;
}

// Unless it has moved, or somebody else did so.
void live_mover::reopen() noexcept {
    try {
        const hub_role here = from_.role();
        if (here.role == move_role::closing) {
            static_cast<void>(from_.roles.change_role(here.era, reopened(here)));
        }
    } catch (const backend_error&) {
        return;  // Whoever waits for the hub does it.
    }
}

}  // namespace perdure::moving
