#include "backend.hpp"

#include <algorithm>

// The worker side, apart from `commit`: lock, renew, and the ways to return a lease.

namespace perdure::memory {

namespace {

// Fills one answer, up to the room and the weight of the request.
class grant {
  public:
    grant(call& at, const lock_request& asked) : work_(at), request_(asked) {}

    // What this very request has leased before, under the tokens that it gave then [REPEAT-1].
    [[nodiscard]] bool repeat() {
        for (std::size_t n = 0; n < request_.orchestrations + request_.activities; ++n) {
            const auto token = derive_token(request_.request, static_cast<std::uint32_t>(n));
            const auto found = work_.hub.leases.find(token);
            if (found != work_.hub.leases.end() && !work_.find(found->second)->expiry_found) {
                add(found->second);
            }
        }
        return handed_out_ != 0;
    }

    void offer(item_key key) {
        leasable* item = work_.find(key);
        if (item == nullptr || !item->is_ready() || item->suspect != request_.suspects ||
            !has_room(key) || !serves(request_.filter, work_.hub, key)) {
            return;
        }
        work_.detach(*item);
        item->held = derive_token(request_.request, handed_out_);
        item->holder = request_.worker;
        item->lease_until = work_.now + request_.lease_duration;
        item->leased_as_suspect = item->suspect;
        work_.hub.leases.emplace(item->held, key);
        add(key);
    }

    void offer_all(lane from) {
        const auto& all = work_.hub.in(from);
        for (auto next = all.begin(); next != all.end();) {
            const item_key& key = (next++)->item;  // A lease takes the place out of the lane.
            if (from != lane::suspects && !has_room(key)) {
                return;
            }
            offer(key);
        }
    }

    [[nodiscard]] work_batch take() {
        batch_.suspects_waiting = std::ranges::any_of(
            work_.hub.in(lane::suspects),
            [&](const place& waiting) { return serves(request_.filter, work_.hub, waiting.item); });
        batch_.store_time = work_.now;
        batch_.token = {work_.generation()};
        return std::move(batch_);
    }

  private:
    [[nodiscard]] bool has_room(const item_key& key) const {
        const bool is_full = request_.suspects || bytes_ >= request_.bytes;  // [SUSPECT-1]
        return (handed_out_ == 0 || !is_full) &&
               (key.task ? batch_.activities.size() < request_.activities
                         : batch_.orchestrations.size() < request_.orchestrations);
    }

    void add(const item_key& key) {
        ++handed_out_;
        bytes_ += 256;  // Columns weigh something, too.
        if (!key.task) {
            add_orchestration(*work_.find(key.instance));
            return;
        }
        const activity& task = work_.hub.activities.at(key);
        batch_.activities.push_back(task.work);
        batch_.activities.back().held.token = task.held;
        batch_.activities.back().attempt = task.attempt;
        batch_.activities.back().suspect = task.suspect;
        bytes_ += task.work.input.bytes.size() + task.work.details.size();
    }

    void add_orchestration(const instance& target) {
        const instance_record& record = target.record;
        const lease held{target.held};
        const std::vector<history_chunk> no_history;
        const std::vector<inbox_message> no_inbox;
        orchestration_work item{record.instance,
                                record.execution,
                                held,
                                record.name,
                                record.version,
                                record.status,
                                target.history_version,
                                record.history_length,
                                no_history,
                                no_inbox,
                                target.attempt,
                                target.suspect};
        const auto is_full = [&](const auto& list) {
            return !list.empty() && bytes_ >= request_.bytes;
        };
        for (const auto& [order, m] : target.inbox) {
            if (order.first > work_.now || item.inbox.size() == request_.messages ||
                is_full(item.inbox)) {
                break;
            }
            bytes_ += m.event.size();
            item.inbox.push_back({m.sequence, m.visible_at, m.task, m.event});
        }
        const bool has_frame = target.last_committer == request_.worker;  // [LOCK-7]
        for (const history_chunk& chunk : target.history) {
            if (has_frame || is_full(item.history)) {
                break;
            }
            bytes_ += chunk.text.size();
            item.history.push_back(chunk);
        }
        batch_.orchestrations.push_back(std::move(item));
    }

    call& work_;
    const lock_request& request_;
    work_batch batch_;
    std::size_t bytes_ = 0;
    std::uint32_t handed_out_ = 0;
};

}  // namespace

bool serves(const work_filter* filter, store& hub, const item_key& key) {
    if (filter == nullptr) {
        return true;
    }
    if (key.task) {
        const activity_work& task = hub.activities.at(key).work;
        return std::ranges::count(filter->activities, task.name) != 0 &&
               std::ranges::count(filter->queues, task.queue) != 0;
    }
    const instance_record& record = hub.instances.at(key.instance).record;
    const work_filter::definition wanted{record.name, record.version};
    return std::ranges::count(filter->orchestrations, wanted) != 0;
}

work_batch hand_out(call& work, const lock_request& request, std::span<const item_key> preferred) {
    work.find_expired_leases();
    grant given(work, request);
    if (given.repeat()) {
        return given.take();
    }
    for (const item_key& key : preferred) {
        given.offer(key);
    }
    if (request.suspects) {
        given.offer_all(lane::suspects);
    } else {
        given.offer_all(lane::orchestrations);
        given.offer_all(lane::activities);
    }
    return given.take();
}

work_batch memory_backend::lock(const lock_request& request) {
    call work(*hub_);
    return hand_out(work, request, {});
}

std::vector<lease_outcome> memory_backend::renew(const renewal& request) {
    call work(*hub_);
    live_worker& worker = work.hub.workers[request.worker];
    worker.until = work.now + request.lease_duration;
    worker.filter = request.filter != nullptr ? *request.filter : worker.filter;
    return each(request.items, [&](const held_item& item, auto) {
        const auto key = work.holder(item);
        if (!key) {
            return lease_outcome::lease_lost;  // [RENEW-1]
        }
        leasable& held = *work.find(*key);
        held.lease_until = worker.until;
        held.expiry_found = false;
        work.unqueue(held);
        return lease_outcome::done;
    });
}

// Ends the leases of the items; `change` says what else happens to the n-th one.
template <class Change>
static std::vector<lease_outcome> return_leases(call& work,
                                                const request_id& request,
                                                std::span<const held_item> items,
                                                Change change) {
    return each(items, [&](const held_item& returned, std::size_t n) {
        const auto is_repeat = [&](const auto& entry) {  // [REPEAT-1]
            return returned.held.token && entry.second.returned == returned.held.token &&
                   entry.second.returned_by == request;
        };
        const auto key = work.holder(returned);
        if (!key) {
            const bool done = std::ranges::any_of(work.hub.instances, is_repeat) ||
                              std::ranges::any_of(work.hub.activities, is_repeat);
            return done ? lease_outcome::done : lease_outcome::lease_lost;
        }
        leasable& item = *work.find(*key);
        work.detach(item);
        item.returned = returned.held.token;
        item.returned_by = request;
        change(item, n);
        work.settle(*key);
        return lease_outcome::done;
    });
}

// [GIVE-1]
std::vector<lease_outcome> memory_backend::give_back(const request_id& request,
                                                     std::span<const held_item> items) {
    call work(*hub_);
    return return_leases(work, request, items, [](leasable&, auto) {});
}

// [ABANDON-1]
std::vector<lease_outcome> memory_backend::abandon(const request_id& request,
                                                   std::span<const held_item> items,
                                                   duration delay) {
    call work(*hub_);
    return return_leases(work, request, items, [&](leasable& item, auto) {
        ++item.attempt;
        item.not_before = work.now + delay;
    });
}

// [PARK-1]
std::vector<lease_outcome> memory_backend::park(const request_id& request,
                                                std::span<const held_item> items,
                                                std::span<const std::string> reasons) {
    const auto is_activity = [](const held_item& item) { return bool(item.task); };
    if (std::ranges::any_of(items, is_activity) || items.size() != reasons.size()) {
        throw backend_error(store_fault::rejected, "park: orchestrations, and a reason for each");
    }
    call work(*hub_);
    return return_leases(work, request, items, [&](leasable& item, std::size_t n) {
        auto& target = static_cast<instance&>(item);
        target.parked = true;
        target.record.parked_reason = reasons[n];
        target.record.updated_at = work.now;
    });
}

// [TAKEOVER-1]
void memory_backend::take_over(const request_id& /*request*/, std::span<const worker_id> workers) {
    call work(*hub_);
    for (const auto& [token, key] : work.hub.leases) {
        leasable& item = *work.find(key);
        if (std::ranges::count(workers, item.holder) != 0) {
            item.lease_until = std::min(item.lease_until, work.now);
        }
    }
    for (const worker_id& worker : workers) {
        work.hub.workers.erase(worker);
    }
    work.find_expired_leases();
}

wake_token memory_backend::wait_for_work(wake_token token, steady_time deadline) {
    call work(*hub_);
    while (true) {
        const auto due = work.next_due();
        const std::uint64_t generation = work.generation();
        const auto now = std::chrono::steady_clock::now();
        if (interrupted_ || generation != token.value || now >= deadline) {
            return {generation};
        }
        // One more than the difference, because the store's clock drops the fraction.
        const auto next = due ? now + (*due - work.now) + duration(1) : deadline;
        work.wait_until(work.hub.work_changed, std::min(deadline, next));
    }
}

void memory_backend::interrupt_waits() noexcept {
    const std::lock_guard guard(hub_->mutex);
    interrupted_ = true;
    hub_->work_changed.notify_all();
    hub_->instance_ended.notify_all();
}

}  // namespace perdure::memory
