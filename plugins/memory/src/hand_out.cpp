#include "call.hpp"

#include <algorithm>

// Handing out work, for `lock` and for the second half of `commit`.

namespace perdure::memory {

// Fills one answer, up to the room and the weight of the request.
class grant {
  public:
    grant(call& at, const lock_request& asked) : work_(at), request_(asked) {}

    std::uint32_t handed_out = 0;

    void offer_all(lane from) {
        const auto& all = work_.hub.lanes[from];
        for (auto next = all.begin(); next != all.end();) {
            const item_key key = (next++)->item;  // A lease takes the place out of the lane.
            if (from != lane::suspects && !has_room(key)) {
                return;
            }
            offer(key);
        }
    }

    void offer(const item_key& key) {
        leasable* item = work_.find(key);
        if (item == nullptr || !item->is_ready() || item->suspect != request_.suspects ||
            !has_room(key) || !serves(request_.filter, key, *item)) {
            return;
        }
        work_.detach(*item);
        item->held = derive_token(request_.request, handed_out);
        item->holder = request_.worker;
        item->leased_as_suspect = item->suspect;
        work_.hub.leases.emplace(item->held, key);
        work_.enqueue(key, lane::leased, work_.now + request_.lease_duration);
        add(key, *item);
    }

    // Hands out again what is still leased of that many items [REPEAT-1].
    void repeat(std::uint32_t count) {
        for (std::uint32_t n = 0; n < count; ++n) {
            const auto found = work_.hub.leases.find(derive_token(request_.request, n));
            const leasable* item =
                found == work_.hub.leases.end() ? nullptr : work_.find(found->second);
            if (item != nullptr && item->is_in(lane::leased)) {
                add(found->second, *item);
            }
        }
    }

    work_batch take() {
        batch_.suspects_waiting =
            std::ranges::any_of(work_.hub.lanes[lane::suspects], [&](const place& waiting) {
                return serves(request_.filter, waiting.item, *work_.find(waiting.item));
            });
        batch_.store_time = work_.now;
        batch_.token = {work_.generation()};
        return std::move(batch_);
    }

  private:
    [[nodiscard]] bool has_room(const item_key& key) const {
        const bool is_full = request_.suspects || bytes_ >= request_.bytes;  // [SUSPECT-1]
        return (handed_out == 0 || !is_full) &&
               (key.task ? batch_.activities.size() < request_.activities
                         : batch_.orchestrations.size() < request_.orchestrations);
    }

    void add(const item_key& key, const leasable& item) {
        ++handed_out;
        bytes_ += 256;  // Columns weigh something, too.
        if (!key.task) {
            add_orchestration(static_cast<const instance&>(item));
            return;
        }
        const new_activity& task = static_cast<const activity&>(item).scheduled;
        bytes_ += task.input.bytes.size() + task.details.size();
        batch_.activities.push_back({key.instance,
                                     key.execution,
                                     key.task,
                                     {item.held},
                                     task.name,
                                     task.version,
                                     task.queue,
                                     task.input,
                                     task.details,
                                     item.attempt,
                                     item.suspect});
    }

    void add_orchestration(const instance& target) {
        const instance_record& record = target.record;
        orchestration_work item{record.instance,
                                record.execution,
                                {target.held},
                                record.name,
                                record.version,
                                record.status,
                                target.history_version,
                                record.history_length,
                                {},
                                {},
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
};

work_batch hand_out(call& work,
                    const lock_request& request,
                    std::span<const item_key> preferred) noexcept {
    work.expire_leases();
    grant given(work, request);
    bool is_repeat = true;
    const auto count = work.hub.hand_outs.once(request.request, [&] {
        is_repeat = false;
        std::ranges::for_each(preferred, [&](const item_key& key) { given.offer(key); });
        const std::vector regular{lane::orchestrations, lane::activities};
        for (const lane from : request.suspects ? std::vector{lane::suspects} : regular) {
            given.offer_all(from);
        }
        return given.handed_out;
    });
    if (is_repeat) {
        given.repeat(count);
    }
    return given.take();
}

bool serves(const work_filter* filter, const item_key& key, const leasable& item) {
    if (filter == nullptr) {
        return true;
    }
    if (key.task) {
        const new_activity& task = static_cast<const activity&>(item).scheduled;
        return std::ranges::count(filter->activities, task.name) != 0 &&
               std::ranges::count(filter->queues, task.queue) != 0;
    }
    const instance_record& record = static_cast<const instance&>(item).record;
    const work_filter::definition wanted{record.name, record.version};
    return std::ranges::count(filter->orchestrations, wanted) != 0;
}

}  // namespace perdure::memory
