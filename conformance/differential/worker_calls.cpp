#include "differential/lockstep.hpp"

#include <fmt/format.h>

// What workers do, apart from commit.

namespace perdure::conformance {

work_filter random_filter(dice& random) {
    work_filter all{{{"Order", "1"}, {"Order", "2"}, {"Refund", "1"}},
                    {"Charge", "Ship"},
                    {std::string(), "fast"}};
    all.level = static_cast<feature_level>(random.chance(60) ? 3 : random.between(1, 3));
    if (random.chance(75)) {
        return all;
    }
    all.orchestrations.erase(all.orchestrations.begin() + std::ptrdiff_t(random.below(3)));
    all.activities.erase(all.activities.begin() + std::ptrdiff_t(random.below(2)));
    if (random.chance(50)) {
        all.queues.erase(all.queues.begin() + std::ptrdiff_t(random.below(2)));
    }
    return all;
}

void lock_some(lockstep& pair) {
    const lock_plan plan = pair.plan_lock();
    const request_id request = pair.next_request();
    const std::string what = fmt::format("{} for {} and {}, {} messages at most",
                                         plan.worker.text,
                                         plan.asked.orchestrations,
                                         plan.asked.activities,
                                         plan.messages);
    const auto batches = pair.change("lock", what, [request, plan](const side& one) {
        return one.store().lock(lockstep::request_of(plan, request));
    });
    const work_batch& got = batches[0];
    pair.counts.add("lock: orchestration", got.orchestrations.size());
    pair.counts.add("lock: activity", got.activities.size());
    pair.counts.add("lock: nothing", got.orchestrations.empty() && got.activities.empty() ? 1 : 0);
    for (const orchestration_work& work : got.orchestrations) {
        pair.counts.add("item: inbox cut", work.inbox.size() == plan.messages ? 1 : 0);
    }
    pair.take(batches, request, plan);
}

void lock_all_suspects(lockstep& pair) {
    lock_plan plan = pair.plan_lock();
    // Of one kind, because which kind goes first is left open.
    plan.asked = pair.random.chance(45) ? room{30, 0} : room{0, 30};
    plan.suspects = true;
    const request_id request = pair.next_request();
    const auto batches = pair.change("lock", "suspects", [request, plan](const side& one) {
        return one.store().lock(lockstep::request_of(plan, request));
    });
    pair.take(batches, request, plan);
}

namespace {

/// Leased items of either kind, drawn from the holdings until they are put back.
struct drawn_items {
    std::vector<both_of<orchestration_work>> orchestrations;
    std::vector<both_of<activity_work>> activities;

    [[nodiscard]] std::vector<held_item> of(const side& one) const {
        std::vector<held_item> items;
        for (const auto& item : orchestrations) {
            items.push_back(held(item[one.index]));
        }
        for (const auto& item : activities) {
            items.push_back(held(item[one.index]));
        }
        return items;
    }
};

enum class kinds { orchestrations, both };

drawn_items draw_some(lockstep& pair, kinds wanted) {
    drawn_items drawn;
    const std::size_t count = pair.random.between(1, 2);
    for (std::size_t n = 0; n < count; ++n) {
        if (wanted == kinds::both && pair.random.chance(40)) {
            if (auto item = pair.activities.draw(pair.random)) {
                drawn.activities.push_back(std::move(*item));
            }
        } else if (auto item = pair.orchestrations.draw(pair.random)) {
            drawn.orchestrations.push_back(std::move(*item));
        }
    }
    return drawn;
}

std::string names_of(const std::vector<held_item>& items) {
    std::string text;
    for (const held_item& item : items) {
        text += fmt::format(" {}/{}", item.instance.text(), item.task.value);
    }
    return text;
}

enum class afterwards { held, over };

void put_back(lockstep& pair,
              drawn_items drawn,
              const std::vector<lease_outcome>& outcomes,
              afterwards done) {
    std::size_t n = 0;
    const auto put = [&](auto& into, auto& item) {
        if (outcomes[n++] == lease_outcome::done && done == afterwards::held) {
            into.hold(std::move(item));
        } else {
            into.spend(std::move(item));
        }
    };
    for (auto& item : drawn.orchestrations) {
        put(pair.orchestrations, item);
    }
    for (auto& item : drawn.activities) {
        put(pair.activities, item);
    }
}

std::vector<instance_id> instances_of(const drawn_items& drawn) {
    std::vector<instance_id> ids;
    for (const auto& item : drawn.orchestrations) {
        ids.push_back(item[0].instance);
    }
    return ids;
}

template <class Outcomes>
void count(lockstep& pair, const std::string& kind, const Outcomes& outcomes) {
    for (const lease_outcome outcome : outcomes) {
        pair.counts.add(kind + ": " + word(outcome));
    }
}

}  // namespace

void renew_some(lockstep& pair) {
    drawn_items drawn = draw_some(pair, kinds::both);
    const lock_plan plan = pair.plan_lock();
    const std::string what = "renew as " + plan.worker.text + names_of(drawn.of(pair.reference()));
    const auto outcomes = pair.compare(what, [&](const side& one) {
        const std::vector<held_item> items = drawn.of(one);
        return one.store().renew({plan.worker, &plan.filter, plan.lease, items});
    });
    count(pair, "renew", outcomes[0]);
    pair.look(instances_of(drawn));
    put_back(pair, std::move(drawn), outcomes[0], afterwards::held);
}

void give_back_some(lockstep& pair) {
    drawn_items drawn = draw_some(pair, kinds::both);
    const request_id request = pair.next_request();
    const feature_level needed =
        static_cast<feature_level>(pair.random.chance(50) ? pair.random.between(1, 3) : 1);
    const auto outcomes =
        pair.change("give_back",
                    names_of(drawn.of(pair.reference())) + " needed " + std::to_string(needed),
                    [&](const side& one) {
                        return one.store().return_leases({.request = request,
                                                          .items = drawn.of(one),
                                                          .kind = return_kind::give_back,
                                                          .needed = needed});
                    });
    count(pair, "give_back", outcomes[0]);
    pair.look(instances_of(drawn));
    put_back(pair, std::move(drawn), outcomes[0], afterwards::over);
}

void abandon_some(lockstep& pair) {
    drawn_items drawn = draw_some(pair, kinds::both);
    const bool is_delayed = pair.random.chance(50);
    const duration delay =
        is_delayed ? std::chrono::minutes(pair.random.between(1, 4)) + 30s : duration::zero();
    const request_id request = pair.next_request();
    const std::string what =
        (is_delayed ? "with a delay" : "at once") + names_of(drawn.of(pair.reference()));
    const auto outcomes = pair.change("abandon", what, [&](const side& one) {
        return return_to(one.store(), request, drawn.of(one), return_kind::abandon, delay);
    });
    count(pair, "abandon", outcomes[0]);
    for (const lease_outcome outcome : outcomes[0]) {
        const bool is_counted = is_delayed && outcome == lease_outcome::done;
        pair.counts.add("abandon: done, with a delay", is_counted ? 1 : 0);
    }
    pair.look(instances_of(drawn));
    put_back(pair, std::move(drawn), outcomes[0], afterwards::over);
}

void park_some(lockstep& pair) {
    drawn_items drawn = draw_some(pair, kinds::orchestrations);
    const std::vector<instance_id> ids = instances_of(drawn);
    const std::string reason = pair.next_event("why");
    const request_id request = pair.next_request();
    const auto outcomes =
        pair.change("park", names_of(drawn.of(pair.reference())), [&](const side& one) {
            return return_to(one.store(), request, drawn.of(one), return_kind::park, {}, reason);
        });
    count(pair, "park", outcomes[0]);
    for (std::size_t n = 0; n < ids.size(); ++n) {
        if (outcomes[0][n] == lease_outcome::done) {
            pair.parked.push_back(ids[n]);
        }
    }
    pair.look(ids);
    put_back(pair, std::move(drawn), outcomes[0], afterwards::over);
}

void take_over_one(lockstep& pair) {
    const worker_id worker{pair.random.chance(50) ? "w1" : "w2"};
    const request_id request = pair.next_request();
    pair.change("take_over", worker.text, [&](const side& one) {
        one.store().take_over(request, {&worker, 1});
        return one.store().get(pair.ids);
    });
    pair.counts.add("take_over: done");
}

}  // namespace perdure::conformance
