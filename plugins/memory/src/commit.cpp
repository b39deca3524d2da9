#include "store.hpp"

#include <perdure/kit/commit_steps.hpp>
#include <perdure/kit/outcomes.hpp>

#include <algorithm>

// The one hot call: effects in the order of [BATCH-4], then hand-off; `lock` commits nothing.

namespace perdure::memory {

using item_keys = std::vector<item_key>;

namespace {

// What the steps of a commit do here.
class steps final : public commit_steps {
  public:
    explicit steps(call& work) : work_(work) {}

  private:
    // Whether nothing came between the end of the activity and the turn [SPECULATIVE-1].
    static bool follows(const finished_work& item, const leasable& ended, const instance& target) {
        return ended.key.execution == item.execution && target.record.execution == item.execution &&
               !is_terminal(target.record.status) && !target.queued && !target.is_parked() &&
               target.inbox.empty() && target.history_version == item.turn->history_version &&
               target.last_committed == item.turn->last_committed;  // [VERSION-1]
    }

    std::optional<commit_outcome> accept(const finished_work& item, std::size_t items) override {
        instance* target = work_.find(item.instance);
        if (target == nullptr || !item.held.token) {
            return commit_outcome::lease_lost;
        }
        if (target->last_committed == item.held.token) {
            return commit_outcome::committed;  // [COMMIT-2]
        }
        if (item.activity) {
            leasable* task = work_.holder({item.instance, item.activity->task, item.held});
            if (items > 1 || task == nullptr || !follows(item, *task, *target)) {
                return commit_outcome::turn_declined;
            }
            target->held = task->held;
            target->holder = task->holder;
            work_.erase(*task);
        }
        if (target->held != item.held.token || target->record.execution != item.execution) {
            return commit_outcome::lease_lost;
        }
        target->last_committer = target->holder;
        target->last_committed = target->held;
        target->deliveries = 1;
        target->not_before = {};
        target->suspect = target->needs_turn = false;
        return std::nullopt;
    }

    void start_child(const finished_work& item, const new_child& child) override {  // [COMMIT-4]
        const auto& link = child.instance.parent;
        const instance* found = work_.find(child.instance.instance);
        if (found == nullptr) {
            work_.insert(child.instance);
        } else if (link && found->record.parent != link) {
            work_.post(*work_.find(item.instance),
                       {{0, work_.now, link->task, child.refused_event}, item.execution});
        }
    }

    void apply(const finished_work& item) override {  // [COMMIT-1]
        // Every member has its place here, in another step, or in the order of the steps.
        const auto& [version,
                     committed,
                     consumed,
                     events,
                     status,
                     output,
                     failure,
                     custom_status,
                     activities,
                     cancelled_activities,
                     timers,
                     cancelled_timers,
                     messages,
                     children,
                     next,
                     level] = *item.turn;
        instance& target = *work_.find(item.instance);
        target.record.updated_at = work_.now;
        target.raise_level(level);
        ++target.history_version;
        target.record.custom_status = custom_status.value_or(target.record.custom_status);
        for (const new_activity& added : activities) {
            const item_key key{item.instance, added.task, item.execution};
            activity task{{key, ++work_.hub.last_ticket, added.priority}, added};
            work_.settle(target.activities.emplace(key, std::move(task)).first->second);
        }
        for (const task_id& cancelled : cancelled_activities) {
            if (leasable* task = work_.find({item.instance, cancelled, item.execution})) {
                work_.erase(*task);  // [COMMIT-8]
            }
        }
        for (const new_timer& timer : timers) {  // What ends below takes them along [COMMIT-5].
            work_.post(target, {{0, timer.fire_at, timer.task, timer.event}, item.execution, true});
        }
        std::erase_if(target.inbox, [&](const auto& entry) {  // [COMMIT-3]
            const message& m = entry.second;
            return std::ranges::count(item.turn->consumed, m.sequence) != 0 ||
                   (m.is_timer && std::ranges::count(item.turn->cancelled_timers, m.task) != 0);
        });
        work_.detach(target);
        if (next) {
            continue_as_new(target, *next);
        } else {
            std::ranges::for_each(events, [&](const auto& chunk) { target.append(chunk); });
            target.record.status = status;
        }
        if (is_terminal(target.record.status)) {
            target.record.output = output;
            target.record.failure = failure;
            work_.end(target);  // [COMMIT-5]
        }
        work_.settle(target);
    }

    static void continue_as_new(instance& target, const next_execution& next) {  // [COMMIT-6]
        const execution_id ended = target.record.execution;
        std::erase_if(target.inbox,
                      [&](const auto& entry) { return entry.second.execution == ended; });
        target.record.execution = next.execution;
        target.record.version = next.version;
        target.record.tags = next.tags;
        target.record.start_at.reset();
        target.record.status = orchestration_status::running;
        target.history.clear();
        target.record.history_length = 0;
        target.append({1, "[" + next.start_event + "]"});
        if (next.kept.count != 0) {
            target.append(next.kept);
        }
        target.needs_turn = true;
        target.last_committer = {};  // Nobody has a frame of the new execution [LOCK-7].
    }

    commit_outcome complete(const finished_work& item) override {  // [COMMIT-7]
        const auto& [id, execution, held, ended, turn] = item;
        instance* target = work_.find(id);
        leasable* task = work_.holder({id, ended->task, held});
        if (!ended->task || task == nullptr || task->key.execution != execution) {
            const auto is_its_message = [&](const auto& entry) {  // [COMMIT-2]
                return item.held.token && entry.second.completed_by == item.held.token;
            };
            const bool repeated = target && std::ranges::any_of(target->inbox, is_its_message);
            return repeated ? commit_outcome::committed : commit_outcome::lease_lost;
        }
        work_.erase(*task);
        if (!target->awaits({id, ended->task, execution})) {
            return commit_outcome::instance_is_terminal;  // [COMMIT-5]
        }
        work_.post(*target,
                   {{0, work_.now, ended->task, ended->event}, execution, false, held.token});
        return commit_outcome::committed;
    }

    send_outcome send(const new_message& message) override { return work_.send(message); }

    call& work_;
};

// Fills one answer, up to the room and the weight of the request.
class grant {
  public:
    grant(call& at, const lock_request& asked) : work_(at), request_(asked) {}

    // In the order of [HANDOFF-1]: what is preferred, then the lists. How many it handed out.
    std::uint32_t fill(const item_keys& preferred) {
        work_.expire_leases();
        for (const bool is_task : {false, true}) {
            for (const item_key& key : preferred) {
                if (leasable* item = work_.find(key); item && bool(key.task) == is_task) {
                    offer(*item);
                }
            }
        }
        for (const list from : {list::orchestrations, list::activities, list::suspects}) {
            const auto& all = work_.hub.lists[from];
            for (auto next = all.begin(); next != all.end();) {
                leasable& item = *(next++)->item;  // A lease takes the place out of the list.
                if (from != list::suspects && !has_room(item)) {
                    break;
                }
                offer(item);
            }
        }
        return handed_out_;
    }

    // Hands out again what is still leased of so many items, and not just leased [REPEAT-1].
    void repeat(std::uint32_t count) {
        for (std::uint32_t n = handed_out_; n < count; ++n) {
            const auto found = work_.hub.leases.find(derive_token(request_.request, n));
            if (found != work_.hub.leases.end() && found->second->is_leased(work_.now)) {
                add(*found->second);
            }
        }
    }

    work_batch take() {
        batch_.suspects_waiting = std::ranges::any_of(
            work_.hub.lists[list::suspects],
            [&](const place& waiting) { return serves(request_.filter, *waiting.item); });
        batch_.store_time = work_.now;
        batch_.token = work_.announce();
        return std::move(batch_);
    }

  private:
    void offer(leasable& item) {
        if (!item.is_ready() || item.is_suspect() != request_.suspects || !has_room(item) ||
            !serves(request_.filter, item)) {
            return;
        }
        item.deliveries += item.suspect && item.has_expired() ? 1U : 0U;  // [SUSPECT-2]
        item.suspect = item.is_suspect();
        work_.detach(item);
        item.held = derive_token(request_.request, handed_out_);
        item.holder = request_.worker;
        work_.hub.leases.emplace(item.held, &item);
        work_.enqueue(item, list::leased, saturating_add(work_.now, request_.lease_duration));
        add(item);
    }

    void add(const leasable& item) {
        ++handed_out_;
        bytes_ += 256;  // Columns weigh something, too.
        if (!item.key.task) {
            add_orchestration(static_cast<const instance&>(item));
            return;
        }
        const new_activity& task = static_cast<const activity&>(item).scheduled;
        bytes_ += task.input.bytes.size() + task.details.size();
        batch_.activities.push_back({item.key.instance,
                                     item.key.execution,
                                     item.key.task,
                                     {item.held},
                                     task.name,
                                     task.version,
                                     task.queue,
                                     task.input,
                                     task.details,
                                     item.deliveries,
                                     item.suspect});
    }

    [[nodiscard]] bool has_room(const leasable& item) const {
        const bool is_full = request_.suspects || bytes_ >= request_.bytes;  // [SUSPECT-1]
        return (handed_out_ == 0 || !is_full) &&
               (item.key.task ? batch_.activities.size() < request_.activities
                              : batch_.orchestrations.size() < request_.orchestrations);
    }

    void add_orchestration(const instance& target) {
        const instance_record& record = target.record;
        orchestration_work item{.instance = record.instance,
                                .execution = record.execution,
                                .held = {target.held},
                                .name = record.name,
                                .version = record.version,
                                .status = record.status,
                                .history_version = target.history_version,
                                .last_committed = target.last_committed,
                                .history_length = record.history_length,
                                .deliveries = target.deliveries,
                                .suspect = target.suspect,
                                .kind = record.kind};
        const auto is_full = [&](const auto& list) {
            return !list.empty() && bytes_ >= request_.bytes;
        };
        for (const auto& [order, m] : target.inbox) {
            if (order.first > work_.now || item.inbox.size() == request_.messages ||
                is_full(item.inbox)) {
                break;
            }
            bytes_ += m.event.size();
            item.inbox.push_back(m);
        }
        for (const history_chunk& chunk : target.history) {
            if (target.last_committer == request_.worker || is_full(item.history)) {  // [LOCK-7]
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
    std::uint32_t handed_out_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace

commit_result commit(call& work, const commit_request& request) noexcept {
    grant given(work, request.next);
    auto [result, count] = work.hub.answers.once(request.next.request, [&] {
        steps taken(work);
        commit_result applied = taken.apply_all(request.finished);
        item_keys preferred = each(
            taken.accepted(), [](const finished_work* item) { return item_key{item->instance}; });
        std::ranges::copy(work.made_ready, std::back_inserter(preferred));
        return std::pair(std::move(applied), given.fill(preferred));
    });
    given.repeat(count);
    result.work = given.take();
    return result;
}

}  // namespace perdure::memory
