#include "moving/store_switch.hpp"

#include <algorithm>
#include <iterator>
#include <ranges>
#include <utility>

namespace perdure::moving {

namespace {

using steady = std::chrono::steady_clock;

// A wake token carries the number of the store that it is from.
constexpr unsigned era_shift = 48;

std::uint64_t era_of(wake_token token) {
    return token.value >> era_shift;
}

wake_token outside(wake_token token, std::uint64_t era) {
    return {token.value | (era << era_shift)};
}

wake_token inside(wake_token token) {
    return {token.value & ((std::uint64_t{1} << era_shift) - 1)};
}

// Whether a hub that is closed for a moment has moved is known sooner than this, as long as its
// store can be reached.
constexpr auto decided_within = std::chrono::seconds(5);

}  // namespace

// The ids of these items, while changes are noted.
template <class Items, class IdOf>
std::vector<instance_id> store_switch::noted(const Items& items, IdOf id_of) const {
    std::vector<instance_id> ids;
    if (touched_.is_noting()) {
        std::ranges::transform(items, std::back_inserter(ids), id_of);
    }
    return ids;
}

store_switch::store_switch(std::shared_ptr<backend> first,
                           std::string description,
                           store_opener opens)
    : forwarding_backend(*first), opens_(std::move(opens)) {
    here_ = &places_.emplace_back(std::move(first), std::move(description));
}

// A store that has moved refuses a call before anything has happened, so it is made where the hub
// is.
template <class Call>
auto store_switch::through(Call call) {
    const auto deadline = steady::now() + decided_within;
    for (;;) {
        const place* asked = nullptr;
        try {
            const auto pass = gate_.enter();
            asked = &here();
            return call(*asked);
        } catch (const backend_error& fault) {
            if (fault.code() != store_fault::moved || !follow(*asked, deadline)) {
                throw;
            }
        }
    }
}

template <class Call>
auto store_switch::through(const request_id& request, Call call) {
    if (const place* earlier = earlier_place_of(request)) {
        const auto pass = gate_.enter();
        try {
            return remembered(request, *earlier, call);
        } catch (const backend_error& fault) {
            if (fault.code() != store_fault::moved) {
                throw;
            }
            forget(request);  // It did not happen there.
        }
    }
    return through([&](const place& asked) { return remembered(request, asked, call); });
}

// A call whose answer was lost happened where it was made, or not at all: it has to be repeated
// there.
template <class Call>
auto store_switch::remembered(const request_id& request, const place& asked, Call call) {
    try {
        auto answer = call(asked);
        forget(request);
        return answer;
    } catch (const backend_error& fault) {
        if (fault.code() == store_fault::outcome_unknown) {
            remember(request, asked);
        } else if (!fault.retryable()) {
            forget(request);
        }
        throw;
    }
}

void store_switch::remember(const request_id& unanswered, const place& asked) {
    const std::lock_guard guard(mutex_);
    unanswered_[unanswered] = {steady::now(), &asked};
    unanswered_count_ = unanswered_.size();
}

void store_switch::forget(const request_id& answered) {
    if (unanswered_count_ != 0) {
        const std::lock_guard guard(mutex_);
        unanswered_.erase(answered);
        unanswered_count_ = unanswered_.size();
    }
}

// Where else than here the call has been made; null for none.
const store_switch::place* store_switch::earlier_place_of(const request_id& request) {
    if (unanswered_count_ == 0) {
        return nullptr;
    }
    const std::lock_guard guard(mutex_);
    const auto found = unanswered_.find(request);
    return found == unanswered_.end() || found->second.where == &here() ? nullptr
                                                                        : found->second.where;
}

// The instances themselves, and their parents, who hear of an end from outside.
std::vector<instance_id> store_switch::with_parents(backend& store, std::vector<instance_id> ids) {
    if (!ids.empty()) {
        for (const auto& found : store.get(ids)) {
            if (found && found->parent) {
                ids.push_back(found->parent->instance);
            }
        }
    }
    return ids;
}

// A row is the address in the store that gave it, so another one must not look there.
lease store_switch::known_to(const place& asked, lease held) {
    if (asked.era != 0 && !recent_.contains(held.token)) {
        held.row = 0;
    }
    return held;
}

std::vector<held_item> store_switch::known_to(const place& asked,
                                              std::span<const held_item> items) {
    std::vector<held_item> all(items.begin(), items.end());
    for (held_item& item : all) {
        item.held = known_to(asked, item.held);
    }
    return all;
}

work_batch store_switch::given_out(const place& by, work_batch batch) {
    if (touched_.is_noting()) {
        touched_.add(batch);
    }
    if (by.era != 0 && &by == &here()) {
        recent_.add(batch);
    }
    batch.token = outside(batch.token, by.era);
    return batch;
}

// ------------------------------------------------------------------------------------------- calls

capabilities store_switch::abilities() const noexcept {
    return here().store->abilities();
}

void store_switch::create_hub() {
    through([](const place& asked) { asked.store->create_hub(); });
}

void store_switch::delete_hub() {
    through([&](const place& asked) {
        asked.store->delete_hub();
        if (touched_.is_noting()) {
            touched_.add_any();
        }
    });
}

hub_status store_switch::status() {
    return through([](const place& asked) { return asked.store->status(); });
}

std::string store_switch::identity() {
    return through([](const place& asked) { return asked.store->identity(); });
}

create_result store_switch::create(const lock_request& next,
                                   std::span<const new_instance> instances) {
    return through(next.request, [&](const place& asked) {
        const auto changed = with_parents(*asked.store, noted(instances, &new_instance::instance));
        create_result result = asked.store->create(next, instances);
        touched_.add(changed);
        result.work = given_out(asked, std::move(result.work));
        return result;
    });
}

send_result store_switch::send(const lock_request& next, std::span<const new_message> messages) {
    return through(next.request, [&](const place& asked) {
        send_result result = asked.store->send(next, messages);
        touched_.add(noted(messages, &new_message::target));
        result.work = given_out(asked, std::move(result.work));
        return result;
    });
}

std::vector<terminate_outcome> store_switch::terminate(const request_id& request,
                                                       std::span<const termination> terminations) {
    return through(request, [&](const place& asked) {
        const auto changed = with_parents(*asked.store, noted(terminations, &termination::target));
        auto outcomes = asked.store->terminate(request, terminations);
        touched_.add(changed);
        return outcomes;
    });
}

std::vector<std::optional<instance_record>> store_switch::get(
    std::span<const instance_id> instances) {
    return through([&](const place& asked) { return asked.store->get(instances); });
}

instance_page store_switch::query(const instance_filter& filter,
                                  std::size_t limit,
                                  const std::string& after) {
    return through([&](const place& asked) { return asked.store->query(filter, limit, after); });
}

std::optional<history_page> store_switch::read_history(const instance_id& instance,
                                                       std::uint64_t from,
                                                       std::size_t bytes) {
    return through(
        [&](const place& asked) { return asked.store->read_history(instance, from, bytes); });
}

purge_result store_switch::purge(const purge_request& request) {
    return through(request.request, [&](const place& asked) {
        const auto same = [](const instance_id& id) { return id; };
        const auto changed = with_parents(*asked.store, noted(request.instances, same));
        auto result = asked.store->purge(request);
        touched_.add(changed);
        if (request.instances.empty() && touched_.is_noting()) {
            touched_.add_any();
        }
        return result;
    });
}

std::vector<unpark_outcome> store_switch::unpark(const request_id& request,
                                                 std::span<const instance_id> instances) {
    return through(request, [&](const place& asked) {
        auto outcomes = asked.store->unpark(request, instances);
        touched_.add(noted(instances, [](const instance_id& id) { return id; }));
        return outcomes;
    });
}

work_batch store_switch::lock(const lock_request& request) {
    return through(request.request, [&](const place& asked) {
        return given_out(asked, asked.store->lock(request));
    });
}

commit_result store_switch::commit(const commit_request& request) {
    return through(request.next.request, [&](const place& asked) {
        std::vector<finished_work> moved;
        commit_request here = request;
        const auto is_elsewhere = [&](const finished_work& item) {
            return known_to(asked, item.held) != item.held;
        };
        if (asked.era != 0 && std::ranges::any_of(request.finished, is_elsewhere)) {
            moved.assign(request.finished.begin(), request.finished.end());
            for (finished_work& item : moved) {
                item.held = known_to(asked, item.held);
            }
            here.finished = moved;
        }
        commit_result result = asked.store->commit(here);
        if (touched_.is_noting()) {
            for (const finished_work& item : request.finished) {
                touched_.add(item);
            }
        }
        result.work = given_out(asked, std::move(result.work));
        return result;
    });
}

std::vector<lease_outcome> store_switch::renew(const renewal& request) {
    return through([&](const place& asked) {
        renewal here = request;
        const auto items = known_to(asked, request.items);
        here.items = items;
        keep(request);  // Before a mover can find it alive.
        auto outcomes = asked.store->renew(here);
        touched_.add(noted(request.items, &held_item::instance));
        return outcomes;
    });
}

std::vector<lease_outcome> store_switch::return_leases(const lease_return& request) {
    return through(request.request, [&](const place& asked) {
        lease_return here = request;
        const auto items = known_to(asked, request.items);
        here.items = items;
        auto outcomes = asked.store->return_leases(here);
        touched_.add(noted(request.items, &held_item::instance));
        return outcomes;
    });
}

void store_switch::take_over(const request_id& request, std::span<const worker_id> workers) {
    through([&](const place& asked) {
        asked.store->take_over(request, workers);
        const std::lock_guard guard(mutex_);
        for (const worker_id& dead : workers) {
            workers_.erase(dead);
            if (touched_.is_noting()) {
                taken_over_.push_back(dead);
            }
        }
    });
}

// ------------------------------------------------------------------------------------------- waits

// Not while this process puts another store in its place.
bool store_switch::is_asked_still(const place& asked) {
    const auto pass = gate_.enter();
    return &here() == &asked;
}

// No wait holds up a move: who waited in the store of before looks at the new one.
std::optional<instance_record> store_switch::wait(const instance_id& instance,
                                                  steady::time_point deadline) {
    const place& asked = here();
    try {
        auto found = asked.store->wait(instance, deadline);
        if (is_asked_still(asked)) {
            return found;
        }
    } catch (const backend_error& fault) {
        const bool is_elsewhere =
            fault.code() == store_fault::moved &&
            (!is_asked_still(asked) || follow(asked, steady::now() + decided_within));
        if (!is_elsewhere) {
            throw;
        }
    }
    return get(std::span(&instance, 1)).front();
}

wake_token store_switch::wait_for_work(wake_token token, steady::time_point deadline) {
    const place& asked = here();
    if (era_of(token) != asked.era) {
        return outside({}, asked.era);
    }
    const wake_token next = asked.store->wait_for_work(inside(token), deadline);
    return is_asked_still(asked) ? outside(next, asked.era) : outside({}, here().era);
}

void store_switch::interrupt_waits() noexcept {
    const std::lock_guard guard(mutex_);
    interrupted_ = true;
    for (const place& each : places_) {
        each.store->interrupt_waits();
    }
}

}  // namespace perdure::moving
