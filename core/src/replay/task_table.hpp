#pragma once

#include <perdure/detail/turn.hpp>

#include <deque>
#include <memory>
#include <vector>

namespace perdure::replay {

/// A call that may be tried again: what to repeat, and how often it has been tried.
struct retried_call {
    retry_policy policy;
    std::string name;
    payload input;
    call_options activity;
    child_options child;
    event_kind kind{};
    task_id first_task{};
    timestamp first_at{};
    unsigned attempt = 1;
};

/// What a task id stands for, until its end has come.
struct open_task {
    enum class purpose { author, retry_delay, event_timeout };

    event_kind kind{};
    purpose why = purpose::author;
    bool open = true;
    /// What the author waits for; null for a detached child.
    detail::task_slot* slot = nullptr;
    std::shared_ptr<retried_call> call;
    /// Of a child: its instance id.
    std::string child;
};

/// Everything that one execution has scheduled, by task id, and the slots that its code waits for.
class task_table {
  public:
    /// A slot at an address that stays.
    detail::task_slot& make_slot(event_kind kind, std::string_view name) {
        auto& slot = slots_.emplace_back();
        slot.kind = kind;
        slot.name = name;
        return slot;
    }

    /// The next task id, with an entry for it; the slot's id is that of its newest task.
    open_task& schedule(event_kind kind, detail::task_slot* slot) {
        auto& task = tasks_.emplace_back();
        task.kind = kind;
        task.slot = slot;
        if (slot != nullptr) {
            slot->id = last_id();
            ++awaited_;
        }
        return task;
    }
    /// Nothing that comes for this task matters any more.
    void close(open_task& task) noexcept {
        task.open = false;
        awaited_ -= task.slot != nullptr ? 1U : 0U;
    }
    /// Whether this is an open activity, and the only open task that anybody may wait for.
    [[nodiscard]] bool awaits_only(task_id id) noexcept {
        const open_task* task = find(id);
        return task != nullptr && task->open && task->kind == event_kind::task_scheduled &&
               awaited_ == 1;
    }
    [[nodiscard]] task_id last_id() const noexcept { return {tasks_.size()}; }

    /// Null for an id that was never given.
    [[nodiscard]] open_task* find(task_id id) noexcept {
        return id.value == 0 || id.value > tasks_.size() ? nullptr : &tasks_[id.value - 1];
    }

    /// The place of what ends now among all ends and events.
    [[nodiscard]] std::uint64_t next_end() noexcept { return ++ends_; }

    /// Marks a slot as ended and wakes who waits for it.
    void finish(detail::task_slot& slot) {
        slot.done = true;
        slot.done_order = next_end();
        wake(slot);
    }
    static void wake(detail::task_slot& slot) {
        for (detail::waiter* waiting : std::exchange(slot.waiters, {})) {
            waiting->wake();
        }
    }

    [[nodiscard]] std::size_t bytes() const noexcept {
        return tasks_.size() * sizeof(open_task) + slots_.size() * sizeof(detail::task_slot);
    }

  private:
    std::deque<detail::task_slot> slots_;
    std::deque<open_task> tasks_;
    std::uint64_t ends_ = 0;
    std::size_t awaited_ = 0;
};

}  // namespace perdure::replay
