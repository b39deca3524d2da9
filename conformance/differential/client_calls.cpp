#include "differential/lockstep.hpp"

#include <fmt/format.h>

#include <algorithm>

// What clients do: create, send, terminate, purge, release.

namespace perdure::conformance {

namespace {

std::string names_of(const std::vector<instance_id>& ids) {
    std::string text;
    for (const instance_id& id : ids) {
        text += (text.empty() ? "" : " ") + id.text();
    }
    return text;
}

// Any statuses, the lasting ones more often.
std::vector<orchestration_status> some_statuses(dice& random) {
    std::vector<orchestration_status> chosen;
    for (const auto status : {orchestration_status::completed,
                              orchestration_status::failed,
                              orchestration_status::terminated,
                              orchestration_status::pending,
                              orchestration_status::running,
                              orchestration_status::suspended}) {
        if (random.chance(is_terminal(status) ? 70 : 35)) {
            chosen.push_back(status);
        }
    }
    return chosen;
}

}  // namespace

void create_some(lockstep& pair) {
    dice& random = pair.random;
    std::vector<new_instance> planned;
    std::vector<instance_id> touched;
    for (const instance_id& id : pair.some_ids(3)) {
        if (id.text() == "never-created") {
            continue;
        }
        const auto known = pair.creations.find(id);
        const bool is_again = known != pair.creations.end() && random.chance(12);
        planned.push_back(is_again ? known->second : pair.plan_instance(id));
        if (!is_again && random.chance(50)) {
            planned.back().replaceable = some_statuses(random);
        }
        touched.push_back(id);
    }
    const auto before = pair.look(touched);
    const request_id request = pair.next_request();
    const lock_plan brought = pair.plan_room();
    const auto answers =
        pair.change("create", names_of(touched), [request, planned, brought](const side& one) {
            std::vector<new_instance> instances = planned;
            for (new_instance& fresh : instances) {
                fresh.start_at = one.at(fresh.start_at);
            }
            return one.store().create(lockstep::request_of(brought, request), instances);
        });
    for (std::size_t n = 0; n < planned.size(); ++n) {
        const instance_id& id = planned[n].instance;
        if (answers[0].outcomes[n].code == create_code::already_exists) {
            pair.counts.add("create: already_exists");
            continue;
        }
        const auto known = pair.creations.find(id);
        const bool is_again =
            known != pair.creations.end() && known->second.execution == planned[n].execution;
        const std::string what = is_again                         ? "same again"
                                 : !before[n]                     ? "created"
                                 : is_terminal(before[n]->status) ? "replaced after its end"
                                                                  : "replaced before its end";
        pair.counts.add("create: " + what);
        pair.creations.insert_or_assign(id, planned[n]);
    }
    pair.take_from_client({answers[0].work, answers[1].work}, request, brought);
    pair.look(touched);
}

void send_some(lockstep& pair) {
    std::vector<new_message> planned;
    std::vector<instance_id> touched;
    const std::size_t count = pair.random.between(1, 3);
    for (std::size_t n = 0; n < count; ++n) {
        planned.push_back(pair.plan_message());
        touched.push_back(planned.back().target);
    }
    const request_id request = pair.next_request();
    const lock_plan brought = pair.plan_room();
    const auto answers =
        pair.change("send", names_of(touched), [request, planned, brought](const side& one) {
            std::vector<new_message> messages = planned;
            for (new_message& message : messages) {
                message.visible_at = one.at(message.visible_at);
            }
            return one.store().send(lockstep::request_of(brought, request), messages);
        });
    for (std::size_t n = 0; n < planned.size(); ++n) {
        const execution_id& wanted = planned[n].execution;
        const bool is_old = wanted != execution_id() &&
                            wanted != pair.executions[planned[n].target] &&
                            answers[0].outcomes[n] == send_outcome::accepted;
        pair.counts.add("send: " +
                        (is_old ? "for an earlier execution" : word(answers[0].outcomes[n])));
    }
    pair.take_from_client({answers[0].work, answers[1].work}, request, brought);
    pair.look(touched);
}

void terminate_some(lockstep& pair) {
    const std::vector<instance_id> targets = pair.some_ids(2);
    std::vector<termination> planned;
    for (const instance_id& id : targets) {
        planned.push_back(pair.plan_termination(id));
    }
    const request_id request = pair.next_request();
    const auto answers =
        pair.change("terminate", names_of(targets), [request, planned](const side& one) {
            return one.store().terminate(request, planned);
        });
    for (const terminate_outcome outcome : answers[0]) {
        pair.counts.add("terminate: " + word(outcome));
    }
    pair.look(targets);
}

namespace {

void purge_by_id(lockstep& pair) {
    purge_request wish;
    wish.request = pair.next_request();
    wish.instances = pair.some_ids(3);
    wish.force = pair.random.chance(40);
    wish.parent_event = pair.next_event("child-purged");
    const std::string kind = wish.force ? "purge by force: " : "purge: ";
    const auto answers = pair.change("purge",
                                     (wish.force ? "by force " : "") + names_of(wish.instances),
                                     [wish](const side& one) { return one.store().purge(wish); });
    for (const purge_outcome outcome : answers[0].outcomes) {
        pair.counts.add(kind + word(outcome));
    }
    pair.look(wish.instances);
}

// Which ones are taken first is left open, so it goes on until nothing is left.
void purge_by_filter(lockstep& pair) {
    const std::size_t limit = pair.random.between(1, 2);
    const instance_filter planned = random_instance_filter(pair);
    const std::string event = pair.next_event("child-purged");
    const bool is_forced = pair.random.chance(5);
    while (true) {
        const request_id request = pair.next_request();
        const auto answers = pair.change("purge", "by filter", [&](const side& one) {
            purge_request wish;
            wish.request = request;
            wish.filter = at(one, planned);
            wish.limit = limit;
            wish.force = is_forced;
            wish.parent_event = event;
            return one.store().purge(wish);
        });
        pair.counts.add("purge by filter: purged", answers[0].purged);
        if (!answers[0].more) {
            break;
        }
        pair.counts.add("purge by filter: more");
    }
    pair.look(pair.ids);
}

}  // namespace

void purge_some(lockstep& pair) {
    if (pair.random.chance(85)) {
        purge_by_id(pair);
    } else {
        purge_by_filter(pair);
    }
}

void release_some(lockstep& pair) {
    std::vector<instance_id> targets = pair.some_ids(2);
    if (!pair.parked.empty() && pair.random.chance(80)) {
        targets.push_back(pair.parked.back());
        pair.parked.pop_back();
    }
    std::ranges::sort(targets);
    targets.erase(std::ranges::unique(targets).begin(), targets.end());
    const request_id request = pair.next_request();
    const auto answers =
        pair.change("release", names_of(targets), [request, targets](const side& one) {
            return one.store().unpark(request, targets);
        });
    for (const unpark_outcome outcome : answers[0]) {
        pair.counts.add("release: " + word(outcome));
    }
    pair.look(targets);
}

}  // namespace perdure::conformance
