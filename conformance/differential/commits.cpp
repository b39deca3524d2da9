#include "differential/lockstep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

// Commits: checkpoints with all of their parts, completions, and the hand-off.

namespace perdure::conformance {

namespace {

/// A checkpoint whose times are planned ones, and that has neither token nor sequences yet.
struct turn_plan {
    both_of<orchestration_work> from;
    /// The activity that a speculative turn follows from.
    std::optional<both_of<activity_work>> ended;
    /// Its token has committed before [COMMIT-2].
    bool is_again = false;
    std::vector<std::size_t> consumed;
    finished_turn common;
};

struct commit_plan {
    std::vector<turn_plan> turns;
    std::vector<both_of<activity_work>> finished;
    std::vector<std::string> answers;
    arrangement how{};
    lock_plan next;
};

/// What a commit consists of on one side.
struct commit_parts {
    std::vector<finished_turn> turns;
    std::vector<finished_activity> activities;
};

finished_turn turn_on(const side& one, const turn_plan& plan) {
    finished_turn turn = plan.common;
    const orchestration_work& work = plan.from[one.index];
    turn.held = work.held;
    turn.history_version = work.history_version;
    turn.last_committed = work.last_committed;
    for (const std::size_t n : plan.consumed) {
        turn.consumed.push_back(work.inbox[n].sequence);
    }
    for (new_timer& timer : turn.timers) {
        timer.fire_at = one.at(timer.fire_at);
    }
    for (new_message& message : turn.messages) {
        message.visible_at = one.at(message.visible_at);
    }
    for (new_child& child : turn.children) {
        child.instance.start_at = one.at(child.instance.start_at);
    }
    return turn;
}

commit_parts parts_on(const side& one, const commit_plan& plan) {
    commit_parts parts;
    for (const turn_plan& turn : plan.turns) {
        parts.turns.push_back(turn_on(one, turn));
    }
    for (std::size_t n = 0; n < plan.finished.size(); ++n) {
        const activity_work& work = plan.finished[n][one.index];
        parts.activities.push_back(
            {work.instance, work.execution, work.task, work.held, plan.answers[n]});
    }
    return parts;
}

// Mostly all of it; sometimes the first half, sometimes what chance says.
std::vector<std::size_t> plan_consumed(dice& random, std::size_t inbox) {
    const std::size_t manner = random.below(10);
    std::vector<std::size_t> consumed;
    for (std::size_t n = 0; n < inbox; ++n) {
        if (manner > 1 || (manner == 0 ? n < inbox / 2 : random.chance(50))) {
            consumed.push_back(n);
        }
    }
    return consumed;
}

void plan_activities(lockstep& pair, finished_turn& turn) {
    dice& random = pair.random;
    auto& known = pair.scheduled[turn.instance];
    if (!known.empty() && random.chance(20)) {
        turn.cancelled_activities.push_back(random.one_of(known));
        pair.counts.add("activity: cancelled");
    }
    const bool is_busy = pair.activities.held.size() > 12;
    const std::size_t count = !is_busy && random.chance(50) ? random.between(1, 2) : 0;
    for (std::size_t n = 0; n < count; ++n) {
        const task_id task = pair.next_task();
        turn.activities.push_back({task,
                                   random.chance(60) ? "Charge" : "Ship",
                                   random.chance(50) ? "1" : "",
                                   random.chance(70) ? "" : "fast",
                                   static_cast<std::int32_t>(random.below(4)) - 1,
                                   {"json", std::to_string(task.value)},
                                   R"({"policy":1})"});
        pair.counts.add("activity: scheduled");
        if (random.chance(8)) {
            turn.cancelled_activities.push_back(task);
            pair.counts.add("activity: cancelled at once");
        }
        known.push_back(task);
    }
}

void plan_timers(lockstep& pair, finished_turn& turn) {
    dice& random = pair.random;
    auto& known = pair.timers[turn.instance];
    if (!known.empty() && random.chance(20)) {
        turn.cancelled_timers.push_back(random.one_of(known));
        pair.counts.add("timer: cancelled");
    }
    if (random.chance(30)) {
        const task_id task = pair.next_task();
        turn.timers.push_back({task, pair.later(), pair.next_event("timer")});
        pair.counts.add("timer: set");
        if (random.chance(8)) {
            turn.cancelled_timers.push_back(task);
            pair.counts.add("timer: cancelled at once");
        }
        known.push_back(task);
    }
}

void plan_children(lockstep& pair, finished_turn& turn) {
    dice& random = pair.random;
    const auto known = pair.children.find(turn.instance);
    if (known != pair.children.end() && random.chance(5)) {
        turn.children.push_back(known->second);
        return;
    }
    if (!random.chance(35)) {
        return;
    }
    const instance_id id = random.chance(25) ? random.one_of(pair.ids) : pair.an_absent_id();
    new_child child{pair.plan_instance(id), pair.next_event("refused")};
    if (random.chance(75)) {
        child.instance.parent = parent_link{turn.instance, turn.execution, pair.next_task()};
        pair.children.insert_or_assign(turn.instance, child);
    } else {
        child.refused_event.clear();
    }
    turn.children.push_back(std::move(child));
}

void plan_status(lockstep& pair, finished_turn& turn) {
    dice& random = pair.random;
    const std::size_t drawn = random.below(100);
    if (drawn < 5) {
        turn.status = orchestration_status::completed;
        turn.output = {"json", pair.next_event("result")};
    } else if (drawn < 8) {
        turn.status = orchestration_status::failed;
        turn.failure = pair.next_event("failure");
    } else if (drawn == 8 && random.chance(50)) {
        turn.status = orchestration_status::cancelled;
        turn.output = {"json", pair.next_event("cancel")};
    } else if (drawn < 10) {
        turn.status = orchestration_status::terminated;
        turn.output = {"json", pair.next_event("reason")};
    } else if (drawn < 14) {
        turn.status = orchestration_status::suspended;
    } else if (drawn < 20) {
        turn.next = next_execution{pair.next_execution(),
                                   random.chance(50) ? "1" : "2",
                                   pair.next_event("started-anew"),
                                   {},
                                   {}};
        if (turn.next->version == "2" && pair.random.chance(50)) {
            turn.next->tags["colour"] = "red";
        }
        if (random.chance(50)) {
            turn.next->kept = {1, "[" + pair.next_event("kept") + "]"};
        }
    }
    if (random.chance(20)) {
        const bool is_cleared = random.chance(30);
        turn.custom_status = is_cleared ? payload() : payload("json", pair.next_event("progress"));
        pair.counts.add(is_cleared ? "custom status: cleared" : "custom status: set");
    }
}

turn_plan plan_turn(lockstep& pair, both_of<orchestration_work> from) {
    dice& random = pair.random;
    const finished_turn whole = turn_of(from[0]);
    turn_plan plan{std::move(from), {}, pair.committed.contains(whole.held.token), {}, whole};
    const orchestration_work& work = plan.from[0];
    plan.common.consumed.clear();
    plan.common.events.clear();
    plan.consumed = plan_consumed(random, work.inbox.size());
    const std::size_t chunks = random.below(3);
    for (std::size_t n = 0; n < chunks; ++n) {
        plan.common.events.push_back(
            {2, "[" + pair.next_event("decided") + "," + pair.next_event("decided") + "]"});
    }
    plan_activities(pair, plan.common);
    plan_timers(pair, plan.common);
    plan_children(pair, plan.common);
    plan_status(pair, plan.common);
    if (random.chance(15)) {
        plan.common.level = static_cast<feature_level>(random.between(1, 3));
    }
    const std::size_t messages = random.chance(30) ? random.between(1, 2) : 0;
    for (std::size_t n = 0; n < messages; ++n) {
        plan.common.messages.push_back(pair.plan_message());
    }
    return plan;
}

// Mostly after the history that the instance has; an activity may have ended long after it changed.
turn_plan plan_speculative_turn(lockstep& pair, both_of<activity_work> ended) {
    const bool is_wrong = pair.random.chance(10);
    const std::size_t which = pair.random.below(3);
    const auto work_on = [&](const side& one) {
        const activity_work& work = ended[one.index];
        const history_page page =
            one.store().read_history(work.instance, 0, 1).value_or(history_page{{}, 1});
        orchestration_work follows =
            speculative_work_of(work, page.history_version, page.last_committed);
        if (is_wrong) {
            follows.history_version += which == 0 ? 1 : 0;
            follows.history_version -= which == 1 ? 1 : 0;
            follows.last_committed.value += which == 2 ? 1 : 0;
        }
        return follows;
    };
    turn_plan plan = plan_turn(pair, pair.on_both(work_on));
    plan.common.activity = ended_activity{ended[0].task, pair.next_event("answer")};
    plan.ended = std::move(ended);
    return plan;
}

std::set<instance_id> touched_by(const commit_plan& plan) {
    std::set<instance_id> touched;
    for (const turn_plan& turn : plan.turns) {
        touched.insert(turn.common.instance);
        for (const new_message& message : turn.common.messages) {
            touched.insert(message.target);
        }
        for (const new_child& child : turn.common.children) {
            touched.insert(child.instance.instance);
        }
    }
    for (const auto& work : plan.finished) {
        touched.insert(work[0].instance);
    }
    return touched;
}

commit_plan plan_commit(lockstep& pair) {
    dice& random = pair.random;
    commit_plan plan;
    plan.next = pair.plan_lock();
    if (random.chance(30)) {
        plan.next.asked = {};
    }
    plan.how = static_cast<arrangement>(random.below(3));
    // Stores may have a short way for one turn, or for one finished activity, alone.
    const bool is_alone = random.chance(35);
    const bool is_turn_alone = is_alone && random.chance(40);
    for (std::size_t n = is_alone ? (is_turn_alone ? 2 : 3) : random.below(3); n < 3; ++n) {
        if (auto work = pair.orchestrations.draw(random)) {
            plan.turns.push_back(plan_turn(pair, std::move(*work)));
        }
    }
    for (std::size_t n = is_alone ? (is_turn_alone ? 5 : 4) : random.below(3); n < 5; ++n) {
        auto work = pair.activities.draw(random);
        if (work && pair.takes_speculative_turns() && random.chance(40)) {
            plan.turns.push_back(plan_speculative_turn(pair, std::move(*work)));
        } else if (work) {
            plan.finished.push_back(std::move(*work));
            plan.answers.push_back(pair.next_event("answer"));
        }
    }
    return plan;
}

void count_turn(lockstep& pair, const turn_plan& plan) {
    const finished_turn& turn = plan.common;
    pair.counts.add(turn.next ? "commit: continued as new"
                              : "commit: " + std::string(to_string(turn.status)));
    if (plan.consumed.size() < plan.from[0].inbox.size()) {
        pair.counts.add("commit: part of the inbox consumed");
    }
}

void settle_turns(lockstep& pair, commit_plan& plan, const commit_answer& result) {
    for (std::size_t n = 0; n < plan.turns.size(); ++n) {
        turn_plan& turn = plan.turns[n];
        const bool is_committed = result.turns[n] == commit_outcome::committed;
        const bool is_again = is_committed && turn.is_again;
        const std::string kind = turn.ended ? "speculative turn: " : "commit: ";
        pair.counts.add(kind + word(result.turns[n]) + (is_again ? " again" : ""));
        if (is_committed && !is_again) {
            count_turn(pair, turn);
            pair.committed.insert(turn.common.held.token);
        }
        if (turn.ended) {
            pair.activities.spend(std::move(*turn.ended));
        } else {
            pair.orchestrations.spend(std::move(turn.from));
        }
    }
    for (std::size_t n = 0; n < plan.finished.size(); ++n) {
        const lease_token token = plan.finished[n][0].held.token;
        const bool is_committed = result.activities[n] == commit_outcome::committed;
        const bool is_again = is_committed && !pair.committed.insert(token).second;
        pair.counts.add("completion: " + word(result.activities[n]) + (is_again ? " again" : ""));
        pair.activities.spend(std::move(plan.finished[n]));
    }
    pair.counts.add("commit: dropped messages", result.dropped_messages);
}

void count_children(lockstep& pair,
                    const commit_plan& plan,
                    const std::vector<instance_id>& touched,
                    const std::vector<std::optional<instance_record>>& records) {
    for (const turn_plan& turn : plan.turns) {
        for (const new_child& child : turn.common.children) {
            const auto at = std::ranges::find(touched, child.instance.instance) - touched.begin();
            const auto& found = records[std::size_t(at)];
            const bool is_started = found && found->execution == child.instance.execution;
            const char* started = child.instance.parent ? "child: started" : "child: detached";
            pair.counts.add(is_started ? started : "child: refused");
        }
    }
}

std::set<instance_id> newly_committed(const commit_plan& plan, const commit_answer& result) {
    std::set<instance_id> committed;
    for (std::size_t n = 0; n < plan.turns.size(); ++n) {
        if (!plan.turns[n].is_again && result.turns[n] == commit_outcome::committed) {
            committed.insert(plan.turns[n].common.instance);
        }
    }
    return committed;
}

void count_hand_off(lockstep& pair,
                    const std::set<instance_id>& committed,
                    const work_batch& work) {
    pair.counts.add("hand-off: orchestration", work.orchestrations.size());
    pair.counts.add("hand-off: activity", work.activities.size());
    if (work.orchestrations.empty() && work.activities.empty()) {
        pair.counts.add("hand-off: nothing");
    }
    for (const orchestration_work& item : work.orchestrations) {
        pair.counts.add("hand-off: the same instance", committed.contains(item.instance) ? 1 : 0);
    }
}

}  // namespace

void commit_some(lockstep& pair) {
    commit_plan plan = plan_commit(pair);
    if (plan.turns.empty() && plan.finished.empty()) {
        return;
    }
    const request_id request = pair.next_request();
    std::string what;
    for (const turn_plan& turn : plan.turns) {
        what += turn.common.instance.text() + " ";
        if (turn.ended) {
            what += fmt::format("speculative, after {}, ", turn.common.activity->task.value);
        }
    }
    for (const auto& work : plan.finished) {
        what += fmt::format("{}/{} ", work[0].instance.text(), work[0].task.value);
    }
    what += fmt::format(
        "and room for {} and {}", plan.next.asked.orchestrations, plan.next.asked.activities);
    const auto results = pair.change("commit", what, [&](const side& one) {
        const commit_parts parts = parts_on(one, plan);
        return commit_to(one.store(),
                         parts.turns,
                         parts.activities,
                         lockstep::request_of(plan.next, request),
                         plan.how);
    });
    const std::set<instance_id> all = touched_by(plan);
    const std::vector<instance_id> touched(all.begin(), all.end());
    const std::set<instance_id> committed = newly_committed(plan, results[0]);
    count_hand_off(pair, committed, results[0].work);
    // [HANDOFF-1]
    pair.compare("the committed instances among the handed out", [&](const side& one) {
        const auto& handed_out = results[one.index].work.orchestrations;
        return std::ranges::count_if(
            handed_out, [&](const auto& work) { return committed.contains(work.instance); });
    });
    settle_turns(pair, plan, results[0]);
    pair.take({results[0].work, results[1].work}, request, plan.next);
    count_children(pair, plan, touched, pair.look(touched));
}

}  // namespace perdure::conformance
