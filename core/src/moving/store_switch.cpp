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

store_switch::store_switch(std::shared_ptr<backend> first, std::string description)
    : forwarding_backend(*first), current_(first.get()) {
    stores_.push_back(std::move(first));
    description_ = &descriptions_.emplace_back(std::move(description));
}

template <class Call>
auto store_switch::through(Call call) {
    const auto pass = gate_.enter();
    return call(*current_);
}

// A call whose answer was lost happened where it was made, or not at all: it has to be repeated
// there.
template <class Call>
auto store_switch::through(const request_id& request, Call call) {
    const auto pass = gate_.enter();
    try {
        auto answer = call(*current_);
        forget(request);
        return answer;
    } catch (const backend_error& fault) {
        if (fault.code() == store_fault::outcome_unknown) {
            const std::lock_guard guard(mutex_);
            unanswered_[request] = steady::now();
            unanswered_count_ = unanswered_.size();
        } else if (!fault.retryable()) {
            forget(request);
        }
        throw;
    }
}

void store_switch::forget(const request_id& answered) {
    if (unanswered_count_ != 0) {
        const std::lock_guard guard(mutex_);
        unanswered_.erase(answered);
        unanswered_count_ = unanswered_.size();
    }
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

lease store_switch::in_this_store(lease held) {
    if (has_moved_leases_) {
        const std::lock_guard guard(mutex_);
        if (moved_leases_.contains(held.token)) {
            held.row = 0;
        }
    }
    return held;
}

std::vector<held_item> store_switch::in_this_store(std::span<const held_item> items) {
    std::vector<held_item> all(items.begin(), items.end());
    for (held_item& item : all) {
        item.held = in_this_store(item.held);
    }
    return all;
}

wake_token store_switch::outside(wake_token token) const noexcept {
    return {token.value | (era_ << era_shift)};
}

// ------------------------------------------------------------------------------------------- calls

capabilities store_switch::abilities() const noexcept {
    return current_.load()->abilities();
}

void store_switch::create_hub() {
    through([](backend& store) { store.create_hub(); });
}

void store_switch::delete_hub() {
    through([&](backend& store) {
        store.delete_hub();
        if (touched_.is_noting()) {
            touched_.add_any();
        }
    });
}

hub_status store_switch::status() {
    return through([](backend& store) { return store.status(); });
}

std::string store_switch::identity() {
    return through([](backend& store) { return store.identity(); });
}

create_result store_switch::create(const lock_request& next,
                                   std::span<const new_instance> instances) {
    return through(next.request, [&](backend& store) {
        const auto changed = with_parents(store, noted(instances, &new_instance::instance));
        create_result result = store.create(next, instances);
        touched_.add(changed);
        result.work = given_out(std::move(result.work));
        return result;
    });
}

send_result store_switch::send(const lock_request& next, std::span<const new_message> messages) {
    return through(next.request, [&](backend& store) {
        send_result result = store.send(next, messages);
        touched_.add(noted(messages, &new_message::target));
        result.work = given_out(std::move(result.work));
        return result;
    });
}

std::vector<terminate_outcome> store_switch::terminate(const request_id& request,
                                                       std::span<const termination> terminations) {
    return through(request, [&](backend& store) {
        const auto changed = with_parents(store, noted(terminations, &termination::target));
        auto outcomes = store.terminate(request, terminations);
        touched_.add(changed);
        return outcomes;
    });
}

std::vector<std::optional<instance_record>> store_switch::get(
    std::span<const instance_id> instances) {
    return through([&](backend& store) { return store.get(instances); });
}

instance_page store_switch::query(const instance_filter& filter,
                                  std::size_t limit,
                                  const std::string& after) {
    return through([&](backend& store) { return store.query(filter, limit, after); });
}

std::optional<history_page> store_switch::read_history(const instance_id& instance,
                                                       std::uint64_t from,
                                                       std::size_t bytes) {
    return through([&](backend& store) { return store.read_history(instance, from, bytes); });
}

purge_result store_switch::purge(const purge_request& request) {
    return through(request.request, [&](backend& store) {
        const auto same = [](const instance_id& id) { return id; };
        const auto changed = with_parents(store, noted(request.instances, same));
        auto result = store.purge(request);
        touched_.add(changed);
        if (request.instances.empty() && touched_.is_noting()) {
            touched_.add_any();
        }
        return result;
    });
}

std::vector<unpark_outcome> store_switch::unpark(const request_id& request,
                                                 std::span<const instance_id> instances) {
    return through(request, [&](backend& store) {
        auto outcomes = store.unpark(request, instances);
        touched_.add(noted(instances, [](const instance_id& id) { return id; }));
        return outcomes;
    });
}

work_batch store_switch::lock(const lock_request& request) {
    return through(request.request, [&](backend& store) { return given_out(store.lock(request)); });
}

commit_result store_switch::commit(const commit_request& request) {
    return through(request.next.request, [&](backend& store) {
        std::vector<finished_work> moved;
        commit_request here = request;
        if (has_moved_leases_) {
            moved.assign(request.finished.begin(), request.finished.end());
            for (finished_work& item : moved) {
                item.held = in_this_store(item.held);
            }
            here.finished = moved;
        }
        commit_result result = store.commit(here);
        if (touched_.is_noting()) {
            for (const finished_work& item : request.finished) {
                touched_.add(item);
            }
        }
        result.work = given_out(std::move(result.work));
        return result;
    });
}

std::vector<lease_outcome> store_switch::renew(const renewal& request) {
    return through([&](backend& store) {
        renewal here = request;
        const auto items = in_this_store(request.items);
        here.items = items;
        keep(request);  // Before a mover can find it alive.
        auto outcomes = store.renew(here);
        touched_.add(noted(request.items, &held_item::instance));
        return outcomes;
    });
}

std::vector<lease_outcome> store_switch::return_leases(const lease_return& request) {
    return through(request.request, [&](backend& store) {
        lease_return here = request;
        const auto items = in_this_store(request.items);
        here.items = items;
        auto outcomes = store.return_leases(here);
        touched_.add(noted(request.items, &held_item::instance));
        return outcomes;
    });
}

void store_switch::take_over(const request_id& request, std::span<const worker_id> workers) {
    through([&](backend& store) {
        store.take_over(request, workers);
        const std::lock_guard guard(mutex_);
        for (const worker_id& dead : workers) {
            workers_.erase(dead);
            if (touched_.is_noting()) {
                taken_over_.push_back(dead);
            }
        }
    });
}

work_batch store_switch::given_out(work_batch batch) {
    if (touched_.is_noting()) {
        touched_.add(batch);
    }
    batch.token = outside(batch.token);
    return batch;
}

// ------------------------------------------------------------------------------------------- waits

store_switch::place store_switch::here() {
    return through([&](backend& store) { return place{&store, era_}; });
}

// No wait holds up a move: who waited in the store of before looks at the new one.
std::optional<instance_record> store_switch::wait(const instance_id& instance,
                                                  steady::time_point deadline) {
    const place began = here();
    try {
        auto found = began.store->wait(instance, deadline);
        if (here().era == began.era) {
            return found;
        }
    } catch (const backend_error& fault) {
        if (fault.code() != store_fault::moved || here().era == began.era) {
            throw;
        }
    }
    return get(std::span(&instance, 1)).front();
}

wake_token store_switch::wait_for_work(wake_token token, steady::time_point deadline) {
    const place began = here();
    if (era_of(token) != began.era) {
        return outside({});
    }
    const wake_token inside{token.value & ((std::uint64_t{1} << era_shift) - 1)};
    const wake_token next = began.store->wait_for_work(inside, deadline);
    return here().era == began.era ? outside(next) : outside({});
}

void store_switch::interrupt_waits() noexcept {
    const std::lock_guard guard(mutex_);
    interrupted_ = true;
    for (const auto& store : stores_) {
        store->interrupt_waits();
    }
}

}  // namespace perdure::moving
