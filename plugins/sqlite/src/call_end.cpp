#include "call.hpp"
#include "roles.hpp"

// The end of a call: every row that it changed is written once, in its final state.

namespace perdure::sqlite {

namespace {

// Null for zero: a row that nobody holds shows nothing.
template <class Number>
std::optional<Number> unless_zero(Number value) {
    return value == 0 ? std::nullopt : std::optional(value);
}

std::optional<std::int64_t> unless_never(std::int64_t at) {
    return at == never ? std::nullopt : std::optional(at);
}

}  // namespace

void call::write_new(const instance_row& r) {
    const bool is_idle = r.next_at == never;
    const auto& parent = r.birth->parent;
    sql().add_instance.run(
        r.row,
        r.instance.text(),
        r.execution.value,
        r.definition,
        static_cast<int>(r.status),
        is_idle ? std::nullopt : std::optional(r.work_key()),
        unless_never(r.next_at),
        r.not_before,
        r.needs_turn,
        r.suspect,
        r.leased_alone,
        r.expired,
        unless_zero(r.token),
        unless_zero(r.holder),
        r.deliveries,
        r.history_length,
        r.history_version,
        r.inbox_length,
        unless_zero(r.last_committer),
        unless_zero(r.last_committed),
        r.updated_at,
        now_,
        r.birth->start_at,
        parent ? std::optional(std::string_view(parent->instance.text())) : std::nullopt,
        parent ? std::optional(parent->execution.value) : std::nullopt,
        parent ? std::optional(parent->task.value) : std::nullopt);
}

void call::write_changed(instance_row& r) {
    const auto write = [&](statement& form, const auto&... rest) {
        form.run(static_cast<int>(r.status),
                 r.not_before,
                 r.needs_turn,
                 r.leased_alone,
                 r.expired,
                 unless_zero(r.token),
                 unless_zero(r.holder),
                 r.deliveries,
                 r.history_length,
                 r.history_version,
                 r.inbox_length,
                 unless_zero(r.last_committer),
                 unless_zero(r.last_committed),
                 r.updated_at,
                 r.suspect,
                 rest...,
                 r.row);
    };
    const bool is_idle = r.next_at == never;
    const std::int64_t work_key = is_idle ? 0 : r.work_key();
    if (r.has_ended) {
        const payload none;
        const payload& output = r.output != nullptr ? *r.output : none;
        const bool has_failed = r.failure_text != nullptr && !r.failure_text->empty();
        const auto codec = output.is_none() ? std::nullopt : std::optional(output.codec);
        const auto bytes = output.is_none() ? std::nullopt : std::optional(blob{output.bytes});
        const auto failure =
            has_failed ? std::optional(std::string_view(*r.failure_text)) : std::nullopt;
        write(sql().update_and_end, now_, codec, bytes, failure);
    } else if (work_key == r.stored_work_key && r.next_at == r.stored_next_at) {
        write(sql().update_in_place);
    } else {
        write(sql().update_and_move,
              is_idle ? std::nullopt : std::optional(work_key),
              unless_never(r.next_at));
    }
}

void call::write_activities(instance_row& r) {
    for (const scheduled_activity& task : r.scheduled) {
        if (task.is_cancelled) {
            continue;
        }
        const new_activity& added = *task.added;
        const bool is_leased = task.token != 0;
        sql().add_activity.run(r.row,
                               added.task.value,
                               task.execution.value,
                               task.kind,
                               is_leased ? 0 : task.kind,
                               is_leased ? 0 : -std::int64_t{added.priority},
                               task.next_at,
                               unless_zero(task.token),
                               is_leased ? unless_zero(task.holder) : std::nullopt,
                               std::int64_t{added.priority},
                               added.version,
                               added.input.codec,
                               blob{added.input.bytes},
                               added.details);
        if (is_leased) {
            news_.next_due = std::min(news_.next_due, task.next_at);
        } else {
            news_.ready = true;
        }
    }
}

void call::write_back() {
    for (instance_row& r : instances_) {
        if (r.is_erased) {
            continue;
        }
        if (r.birth != nullptr) {
            write_new(r);
        }
        if ((r.birth == nullptr && r.is_changed) || r.has_ended) {
            write_changed(r);
        }
        if (!r.scheduled.empty()) {
            write_activities(r);
        }
        if (r.next_at == never) {
            continue;
        }
        if (r.is_held()) {
            news_.next_due = std::min(news_.next_due, r.next_at);
        } else if (r.next_at > now_ && r.next_at != r.stored_next_at) {
            news_of_due(r.next_at);
        }
    }
    for (const instance_row* r : made_ready_) {
        news_.ready |= !r->is_erased && !r->is_held() && r->next_at <= now_;
    }
}

void call::advance_clock(duration by) {
    clock_.offset = later(clock_.offset, by);
    sql().move_clock.run(clock_.offset);
    news_.due_is_news = true;
}

void call::empty_hub() {
    set_feed(writer_->db, false);
    for (const char* table : {"instances",
                              "tags",
                              "history",
                              "inbox",
                              "message_ids",
                              "activities",
                              "requests",
                              "changed_instances"}) {
        writer_->db.execute(std::string("delete from ") + table);
    }
    writer_->db.execute("update workers set live_until = 0, offers = ''");
    make_plain(sql(), now_);
    news_of_everything();
}

// [TIME-3] Whatever is written with a time keeps the clock, though not more than once a second.
bool call::is_clock_news() const {
    constexpr std::int64_t often_enough = 1'000'000;
    return clock_.ahead != before_.clock.ahead ||
           (clock_.said - before_.clock.said >= often_enough &&
            writer_->db.all_changes() != rows_written_);
}

wake_token call::finish() {
    write_back();
    const hub_state after{clock_, before_.changes + (news_.is_news() ? 1 : 0), {}};
    if (after.changes != before_.changes || last_sequence_ != stored_sequence_ || is_clock_news()) {
        sql().update_hub.run(clock_.ahead, clock_.said, after.changes, last_sequence_);
    }
    sql().commit.run();
    is_finished_ = true;
    writer_->db.count_commit();
    return {notifier_.announce(news_, before_, after)};
}

}  // namespace perdure::sqlite
