#include "images.hpp"

#include <perdure/adjustable_clock.hpp>
#include <perdure/kit/filters.hpp>
#include <perdure/kit/invariant.hpp>
#include <perdure/kit/outcomes.hpp>
#include <perdure/plugin.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <ranges>

// The contract's methods, except for the inside of `commit` and of the hand-out.

namespace perdure::memory {

namespace {

using instance_ids = std::span<const instance_id>;
using lease_outcomes = std::vector<lease_outcome>;

// One call that does the same to each item, and is answered once [REPEAT-1].
template <class Items, class Act>
auto change_each(store& hub, const request_id& request, const Items& items, Act act) {
    call work(hub);
    return hub.answers.once(request, [&]() noexcept {
        return each(items, [&](const auto& item) { return std::invoke(act, work, item); });
    });
}

std::optional<instance_record> described(const call& work, const instance* found) {
    auto record = found ? std::optional(found->record) : std::nullopt;
    if (found) {
        record->inbox_length = found->inbox.size();
        record->leased_by = found->is_leased(work.now) ? found->holder.text : std::string();
    }
    return record;
}

std::string name_of(const leasable& item) {
    return item.key.task ? work_name(static_cast<const activity&>(item).scheduled)
                         : work_name(static_cast<const instance&>(item).record);
}

// The hubs that have a name, for as long as somebody has them open: the one mutable global, because
// a name has to mean the same everywhere in the process.
std::shared_ptr<store> open_store(const std::string& name) {
    static std::mutex mutex;
    static std::map<std::string, std::weak_ptr<store>> open_hubs;
    const std::lock_guard guard(mutex);
    auto hub = name.empty() ? nullptr : open_hubs[name].lock();
    if (!hub) {
        open_hubs[name] = hub = std::make_shared<store>();
    }
    return hub;
}

/// The readable reference backend: everything in maps of this process, behind one mutex. Safe from
/// any thread; owns none. The hub lives as long as an object that shares it.
class memory_backend final : public backend, public adjustable_clock, public images_of_store {
  public:
    explicit memory_backend(const backend_config& config) : shared_(open_store(config.address)) {
        option_reader options(config);
        has_test_clock_ = options.flag("test_clock", false);
        options.finish();
    }

    capabilities abilities() const noexcept override {
        return {.durable = false,
                .multi_process = false,
                .test_clock = true,
                .speculative_turns = true};
    }

    // [HUB-1] holds because the hub came into being when it was opened.
    void create_hub() override {}

    void delete_hub() override {
        call work(hub_, true);
        while (!hub_.instances.empty()) {
            work.erase(hub_.instances.begin()->second);
        }
        hub_.workers.clear();
        hub_.answers = {};
        hub_.closed_reason.clear();
    }

    hub_status status() override {
        call work(hub_, true);
        hub_status result{.schema_version = "memory", .store_time = work.now};
        const auto is_parked = [](const auto& entry) { return entry.second.is_parked(); };
        result.parked = std::size_t(std::ranges::count_if(hub_.instances, is_parked));
        std::ranges::copy(std::views::keys(hub_.workers), std::back_inserter(result.live_workers));
        for (const auto& [in, places] : hub_.lists) {
            for (const place& waiting : places) {
                const leasable& item = *waiting.item;
                if (in == list::later || item.is_leased(work.now)) {
                    continue;
                }
                const bool is_awaited = work.find(item.key.instance)->awaits(item.key);
                ++(!is_awaited     ? result.leftover_activities
                   : item.key.task ? result.ready_activities
                                   : result.ready_orchestrations);
                const auto has_it = [&](const auto& w) { return serves(&w.second.filter, item); };
                auto& names = is_awaited ? result.unserved : result.unserved_leftovers;
                if (std::ranges::none_of(hub_.workers, has_it) &&
                    std::ranges::count(names, name_of(item)) == 0) {
                    names.push_back(name_of(item));
                }
            }
        }
        return result;
    }

    bool advance_clock(duration by) override {
        if (has_test_clock_) {
            const std::lock_guard guard(hub_.mutex);
            hub_.clock_advanced += by;
        }
        const call looks(hub_, true);  // It notices what has fallen due.
        return has_test_clock_;
    }

    // Neither this nor `send` hands out work [HANDOFF-3]: here a look costs next to nothing.
    create_result create(const lock_request& next,
                         std::span<const new_instance> instances) override {
        const auto create_one = [](call& work, const new_instance& fresh) {
            instance* found = work.find(fresh.instance);
            if (found != nullptr && found->created_as == fresh.execution) {
                return create_outcome{create_code::created};  // [CREATE-3]
            }
            if (found != nullptr) {
                const auto status = found->record.status;
                if (std::ranges::count(fresh.replaceable, status) == 0) {
                    return create_outcome{create_code::already_exists, status};  // [CREATE-1]
                }
                work.erase_and_tell(*found, fresh.replaced_event);  // [CREATE-2]
            }
            work.insert(fresh);
            return create_outcome{create_code::created};
        };
        return {change_each(hub_, next.request, instances, create_one)};
    }

    send_result send(const lock_request& next, std::span<const new_message> messages) override {
        return {change_each(hub_, next.request, messages, &call::send)};
    }

    std::vector<terminate_outcome> terminate(const request_id& request,
                                             std::span<const termination> wishes) override {
        return change_each(hub_, request, wishes, &call::terminate);
    }

    std::vector<std::optional<instance_record>> get(instance_ids ids) override {
        call work(hub_);
        return each(ids, [&](const auto& id) { return described(work, work.find(id)); });
    }

    // [READ-2] is the order of the map.
    instance_page query(const instance_filter& filter,
                        std::size_t limit,
                        const std::string& after) override {
        instance_page page;
        const call work(hub_);
        for (const auto& [id, found] : hub_.instances) {
            if (id.text() <= after || !matches(filter, found.record)) {
                continue;
            }
            if (page.instances.size() == limit) {
                page.next = page.instances.back().instance.text();
                break;
            }
            page.instances.push_back(*described(work, &found));
        }
        return page;
    }

    std::optional<history_page> read_history(const instance_id& id,
                                             std::uint64_t from,
                                             std::size_t bytes) override {
        call work(hub_, true);
        const instance* found = work.find(id);
        if (found == nullptr) {
            return std::nullopt;
        }
        history_page page{found->record.execution, found->history_version, found->last_committed};
        page.history_length = found->record.history_length;
        std::size_t weight = 0;
        for (const history_chunk& chunk : found->history) {
            if (chunk.first + chunk.count > from && (page.chunks.empty() || weight < bytes)) {
                weight += chunk.text.size();
                page.chunks.push_back(chunk);
            }
        }
        return page;
    }

    std::optional<instance_record> wait(const instance_id& id, steady_time deadline) override {
        const auto poll = [&] { return std::move(get({&id, 1}).front()); };
        return hub_.waiting.wait_for_end(deadline, interrupted_, poll);
    }

    purge_result purge(const purge_request& request) override {
        call work(hub_);
        return hub_.answers.once(request.request, [&] {
            std::vector<instance_id> ids = request.instances;
            for (const auto& [id, target] : hub_.instances) {
                const bool is_meant = request.force || is_terminal(target.record.status);
                if (request.instances.empty() && is_meant &&
                    matches(request.filter, target.record)) {
                    ids.push_back(id);
                }
            }
            const auto within = std::span(ids).first(std::min(ids.size(), request.limit));
            const auto purge_this = [&](const instance_id& id) {  // [PURGE-1]
                instance* target = work.find(id);
                if (!target || (!is_terminal(target->record.status) && !request.force)) {
                    return target ? purge_outcome::not_terminal : purge_outcome::no_such_instance;
                }
                work.erase_and_tell(*target, request.parent_event);
                return purge_outcome::purged;
            };
            purge_result result{0, ids.size() > within.size(), each(within, purge_this)};
            result.purged = std::size_t(std::ranges::count(result.outcomes, purge_outcome::purged));
            result.outcomes.resize(request.instances.size());
            return result;
        });
    }

    std::vector<unpark_outcome> unpark(const request_id& request, instance_ids ids) override {
        return change_each(hub_, request, ids, [](call& work, const instance_id& id) {
            instance* target = work.find(id);
            if (target == nullptr || !target->is_parked() || target->history_version == 0) {
                return target ? unpark_outcome::not_parked : unpark_outcome::no_such_instance;
            }
            target->suspect = false;
            target->record.parked_reason.clear();
            target->record.updated_at = work.now;
            target->deliveries = 1;
            work.settle(*target);
            return unpark_outcome::unparked;
        });
    }

    work_batch lock(const lock_request& request) override {
        call work(hub_);
        return memory::commit(work, {.next = request}).work;  // A commit of nothing.
    }

    commit_result commit(const commit_request& request) override {
        commit_request regular = request;
        regular.next.suspects = false;  // [HANDOFF-1]
        call work(hub_);
        for (const finished_work& item : request.finished) {  // While nothing has changed.
            if (leasable* it = item.turn ? work.holder({item.instance, {}, item.held}) : nullptr) {
                const auto& target = static_cast<const instance&>(*it);
                refuse_unless_it_follows(*item.turn, target.history_version, target.last_committed);
            }
        }
        return memory::commit(work, regular);
    }

    lease_outcomes renew(const renewal& request) override {
        call work(hub_);
        live_worker& worker = hub_.workers[request.worker];
        worker.until = saturating_add(work.now, request.lease_duration);
        worker.filter = request.filter != nullptr ? *request.filter : worker.filter;
        return each(request.items, [&](const held_item& item) {
            leasable* held = work.holder(item);
            if (held != nullptr) {
                work.enqueue(*held, list::leased, worker.until);
            }
            return held ? lease_outcome::done : lease_outcome::lease_lost;  // [RENEW-1]
        });
    }

    lease_outcomes return_leases(const lease_return& request) override {
        const auto return_one = [&](call& work, const held_item& returned) {
            leasable* item = work.holder(returned);
            if (item == nullptr) {
                return lease_outcome::lease_lost;
            }
            work.detach(*item);
            auto* target = returned.task ? nullptr : static_cast<instance*>(item);
            if (request.kind == return_kind::abandon) {  // [ABANDON-1]
                ++item->deliveries;
                item->not_before = saturating_add(work.now, request.delay);
            } else if (target != nullptr && request.kind == return_kind::give_back) {  // [GIVE-1]
                target->raise_level(request.needed);                                   // [LEVEL-3]
            } else if (target != nullptr) {                                            // [PARK-1]
                target->record.parked_reason = request.reason;
                target->record.updated_at = work.now;
            }
            work.settle(*item);
            return lease_outcome::done;
        };
        return change_each(hub_, request.request, request.items, return_one);
    }

    // [TAKEOVER-1]
    void take_over(const request_id& /*request*/, std::span<const worker_id> dead) override {
        call work(hub_);
        for (const auto& [token, item] : hub_.leases) {
            if (item->is_leased(work.now) && std::ranges::count(dead, item->holder) != 0) {
                work.enqueue(*item, list::leased, work.now);
            }
        }
        std::ranges::for_each(dead, [&](const auto& worker) { hub_.workers.erase(worker); });
        work.expire_leases();
    }

    wake_token wait_for_work(wake_token token, steady_time deadline) override {
        return hub_.waiting.wait_for_work(token, deadline, interrupted_);
    }

    void interrupt_waits() noexcept override { hub_.waiting.interrupt(interrupted_); }

  private:
    store& hub() noexcept override { return hub_; }
    const std::shared_ptr<store> shared_;
    store& hub_ = *shared_;
    bool has_test_clock_ = false;
    std::atomic<bool> interrupted_ = false;
};

std::unique_ptr<backend> open_memory(const backend_config& config) {
    return std::make_unique<memory_backend>(config);
}

}  // namespace

}  // namespace perdure::memory

PERDURE_PLUGIN("memory", PERDURE_VERSION_TEXT, perdure::memory::open_memory);
