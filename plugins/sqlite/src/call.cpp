#include "call.hpp"

#include <algorithm>

namespace perdure::sqlite {

namespace {

// How many write transactions share one trimming of the answers, how many answers it takes at most,
// and for how long an answer is kept at least [REPEAT-3].
constexpr std::int64_t trim_answers_every = 16;
constexpr std::int64_t trimmed_max = 64;
constexpr std::int64_t answer_age_max = 60'000'000;
// What is known of a worker stays for so long after its life.
constexpr std::int64_t dead_worker_age_max = 3'600'000'000;

std::int64_t work_key_of(std::int64_t number, bool is_leased, bool suspect) {
    return is_leased ? 0 : (suspect ? -number : number);
}

}  // namespace

std::int64_t instance_row::work_key() const noexcept {
    return work_key_of(definition, is_held(), suspect);
}

call::call(store& hub, notifier& announcer, urgency how, in_closed_hub use)
    : hub_(hub), notifier_(announcer), turn_(hub.write_mutex(), how), writer_(&hub.open_writer()) {
    try {
        begin(use);
    } catch (const backend_error&) {
        roll_back();
        throw;
    }
}

call::call(store& hub, notifier& announcer, const request_id& request)
    : hub_(hub),
      notifier_(announcer),
      turn_(hub.write_mutex(), urgency::ordinary),
      writer_(&hub.open_writer()) {
    try {
        begin(in_closed_hub::refused, &request);
    } catch (const backend_error&) {
        roll_back();
        throw;
    }
}

call::call(store& hub, notifier& announcer, std::chrono::steady_clock::time_point deadline)
    : hub_(hub),
      notifier_(announcer),
      turn_(hub.write_mutex(), deadline),
      writer_(&hub.open_writer()) {
    const auto left = std::chrono::ceil<duration>(deadline - std::chrono::steady_clock::now());
    const duration before = writer_->db.set_busy_timeout(std::max(left, duration::zero()));
    try {
        begin(in_closed_hub::allowed);
        writer_->db.set_busy_timeout(before);
    } catch (const backend_error& fault) {
        writer_->db.set_busy_timeout(before);
        roll_back();
        if (fault.code() == store_fault::conflict) {
            throw backend_error(
                store_fault::unavailable,
                "a call of another process is still under way: nothing has changed");
        }
        throw;
    }
}

void call::begin(in_closed_hub use, const request_id* request) {
    sql().begin.run();
    rows hub = sql().hub.query();
    if (!hub.next()) {
        throw backend_error(store_fault::corrupt, "the hub's own row is missing");
    }
    before_ = state_of_hub(hub);
    const bool is_refused = use == in_closed_hub::refused && is_closed();
    if (is_refused && (request == nullptr || !find_answer(*request))) {
        before_.require_open();
    }
    stored_sequence_ = last_sequence_ = hub.number(6);
    clock_ = before_.clock.going_on();
    now_ = clock_.said;
    rows_written_ = writer_->db.all_changes();
}

call::~call() {
    if (!is_finished_) {
        roll_back();
    }
}

void call::roll_back() noexcept {
    hub_.names().forget();
    try {
        if (writer_->db.in_transaction()) {
            sql().rollback.run();
        }
    } catch (const backend_error&) {
        // A connection that cannot even roll back is of no use to the next call.
        hub_.close_writer();
    }
}

std::optional<earlier_answer> call::find_answer(const request_id& request) {
    rows found = sql().find_request.query(request.value);
    if (!found.next()) {
        return std::nullopt;
    }
    return earlier_answer{found.string(0), found.string(1)};
}

void call::keep_answer(const request_id& request,
                       std::string_view outcomes,
                       std::string_view leased) {
    sql().add_request.run(request.value, now_, outcomes, leased);
    if (hub_.next_answer() % trim_answers_every == 0) {
        sql().trim_requests.run(trimmed_max, now_ - answer_age_max);
    }
}

// Nobody hurries while the hub is at rest, and a burst leaves many answers.
void call::tidy() {
    sql().trim_requests.run(8 * trimmed_max, now_ - answer_age_max);
    sql().trim_workers.run(now_ - dead_worker_age_max);
}

instance_row* call::keep(rows& found) {
    const auto known = by_row_.find(found.number(0));
    if (known != by_row_.end()) {
        return known->second;
    }
    instance_row& r = instances_.emplace_back(instance_id(found.string(1)));
    r.row = found.number(0);
    r.execution = {found.id(2)};
    r.definition = found.number(3);
    r.status = static_cast<orchestration_status>(found.number(4));
    r.stored_work_key = found.number(5);
    r.stored_next_at = found.is_null(6) ? never : found.number(6);
    r.next_at = r.stored_next_at;
    r.not_before = found.number(7);
    r.needs_turn = found.number(8) != 0;
    r.suspect = found.number(9) != 0;
    r.leased_alone = found.number(10) != 0;
    r.expired = found.number(11) != 0;
    r.token = static_cast<std::uint64_t>(found.number(12));
    r.holder = found.number(13);
    r.deliveries = static_cast<std::uint32_t>(found.number(14));
    r.history_length = static_cast<std::uint64_t>(found.number(15));
    r.history_version = static_cast<std::uint64_t>(found.number(16));
    r.inbox_length = found.number(17);
    r.stored_messages = r.inbox_length;
    r.last_committer = found.number(18);
    r.last_committed = static_cast<std::uint64_t>(found.number(19));
    r.updated_at = found.number(20);
    r.parked = found.number(21) != 0;
    by_row_.emplace(r.row, &r);
    by_id_.emplace(r.instance.text(), &r);
    return &r;
}

instance_row* call::find(const instance_id& id) {
    const auto known = by_id_.find(id.text());
    if (known != by_id_.end()) {
        return known->second;
    }
    rows found = sql().find_instance.query(id.text());
    return found.next() ? keep(found) : nullptr;
}

instance_row* call::find_row(std::int64_t row) {
    const auto known = by_row_.find(row);
    if (known != by_row_.end()) {
        return known->second->is_erased ? nullptr : known->second;
    }
    rows found = sql().find_row.query(row);
    return found.next() ? keep(found) : nullptr;
}

void call::forget(const instance_row& target) {
    by_row_.erase(target.row);
    by_id_.erase(target.instance.text());
}

instance_row* call::find(const instance_id& id, const lease& held) {
    if (held.row != 0) {
        instance_row* target = find_row(static_cast<std::int64_t>(held.row));
        if (target != nullptr && target->instance == id) {
            return target;
        }
    }
    return find(id);
}

instance_row* call::holder(const held_item& item) {
    instance_row* target = find(item.instance, item.held);
    const bool holds =
        target != nullptr && item.held.token && target->token == item.held.token.value;
    return holds ? target : nullptr;
}

std::optional<held_activity> call::activity_holder(const held_item& item) {
    const instance_row* owner = find(item.instance, item.held);
    if (owner == nullptr || !item.held.token) {
        return std::nullopt;
    }
    rows found = sql().find_activity.query(owner->row, item.task.value, item.held.token.value);
    if (!found.next()) {
        return std::nullopt;
    }
    // One that stands under a work key of its own was found to be expired, which is taken back
    // [LOCK-3].
    const bool has_expired = found.number(8) != 0;
    const std::int64_t leased_alone = found.number(4);
    return held_activity{.instance_row = owner->row,
                         .task = item.task,
                         .execution = {found.id(0)},
                         .kind = found.number(1),
                         .suspect = (has_expired ? leased_alone : found.number(3)) != 0,
                         .deliveries = static_cast<std::uint32_t>(
                             found.number(5) - (has_expired ? leased_alone : 0))};
}

std::int64_t call::new_row() {
    if (last_row_ < 0) {
        last_row_ = sql().last_row.number().value_or(0);
    }
    return ++last_row_;
}

void call::insert(const new_instance& fresh) {
    // Parent and start time: see write_new.
    const auto& [instance,
                 execution,
                 name,
                 version,
                 start_event,
                 parent,
                 tags,
                 start_at,
                 replaceable,
                 replaced_event,
                 kind,
                 level] = fresh;
    instance_row& r = instances_.emplace_back(instance);
    r.row = new_row();
    r.execution = execution;
    r.definition = names().definition(sql().names, {name, version, kind, level});
    r.not_before = start_at ? start_at->time_since_epoch().count() : 0;
    r.needs_turn = true;
    r.history_version = 1;
    r.updated_at = now_;
    r.birth = &fresh;
    // The row of an instance that this call has erased may be used again.
    by_row_.insert_or_assign(r.row, &r);
    by_id_.emplace(r.instance.text(), &r);
    append_event(r, start_event);
    for (const auto& [key, value] : tags) {
        sql().add_tag.run(r.row, key, value);
    }
    settle(r);
}

execution_id call::created_as(const instance_row& target) {
    if (target.birth != nullptr) {
        return target.birth->execution;
    }
    rows found = sql().created_as.query(target.row);
    return found.next() ? execution_id{found.id(0)} : execution_id{};
}

void call::raise_level(instance_row& target, feature_level level) {
    if (level == 1) {
        return;
    }
    definition_key key = names().key_of(sql().names, target.definition);
    if (key.level >= level) {
        return;
    }
    key.level = level;
    target.definition = names().definition(sql().names, key);
    target.is_changed = true;
    if (target.birth == nullptr) {
        // At once, with the work key, because this call may yet look through the work keys of the
        // table.
        sql().set_definition.run(target.definition, target.row);
        if (target.stored_work_key != 0) {
            target.stored_work_key =
                target.stored_work_key < 0 ? -target.definition : target.definition;
        }
    }
}

void call::erase(instance_row& target) {
    sql().remove_history.run(target.row);
    sql().clear_inbox.run(target.row);
    sql().remove_activities.run(target.row);
    sql().remove_tags.run(target.row);
    sql().remove_message_ids.run(target.row);
    if (target.birth == nullptr) {
        sql().remove_instance.run(target.row);
    }
    target.is_erased = true;
    by_id_.erase(target.instance.text());
    news_.ended.push_back(target.instance.text());
}

void call::take_back_expiry(instance_row& target) {
    if (target.expired) {
        target.expired = false;
        target.suspect = target.leased_alone;
        target.deliveries -= target.leased_alone ? 1U : 0U;
    }
}

void call::release_lease(instance_row& target) {
    take_back_expiry(target);
    target.token = 0;
    target.holder = 0;
    target.leave_work_key();
    target.is_changed = true;
}

// When the first message is visible.
std::int64_t call::first_due(const instance_row& target) {
    std::int64_t due = never;
    for (const arrival& message : target.arrivals) {
        due = std::min(due, message.due);
    }
    if (target.stored_messages > 0 && due > now_) {
        due = std::min(due, sql().first_due.number(target.row).value_or(never));
    }
    return due;
}

// When an orchestration may next be handed out; never while there is no reason to.
std::int64_t call::due_time(const instance_row& target) {
    if (is_terminal(target.status) || target.parked) {
        return never;
    }
    if (target.needs_turn) {
        return target.not_before;
    }
    return target.inbox_length == 0 ? never : std::max(target.not_before, first_due(target));
}

void call::settle(instance_row& target, std::int64_t ready_from) {
    if (target.is_held()) {
        return;
    }
    const std::int64_t due = due_time(target);
    if (due == never) {
        target.is_changed |= target.next_at != never;
        target.leave_work_key();
        return;
    }
    const std::int64_t ready_since = std::max(due, ready_from);
    if (target.next_at <= ready_since) {
        // Whatever came since, it is ready since then [LOCK-6].
        return;
    }
    target.next_at = ready_since;
    target.is_changed = true;
    made_ready_.push_back(&target);
}

void call::append_history(instance_row& target, std::uint32_t count, const std::string& text) {
    sql().add_history.run(target.row, target.history_length, count, text);
    target.history_length += count;
}

void call::append_event(instance_row& target, const std::string& event) {
    sql().add_one_event.run(target.row, target.history_length, event);
    ++target.history_length;
}

void call::end(instance_row& target, orchestration_status status) {
    target.status = status;
    target.updated_at = now_;
    target.has_ended = true;
    target.is_changed = true;
    target.parked = false;
    if (target.inbox_length > 0) {
        sql().clear_inbox.run(target.row);
    }
    target.inbox_length = target.stored_messages = 0;
    target.arrivals.clear();
    release_lease(target);
    if (status == orchestration_status::terminated) {
        target.scheduled.clear();
        sql().remove_unleased_activities.run(target.row, now_);
    }
    news_.ended.push_back(target.instance.text());
}

std::optional<parent_link> call::parent(const instance_row& target) {
    if (target.birth != nullptr) {
        return target.birth->parent;
    }
    rows found = sql().parent.query(target.row);
    if (!found.next()) {
        return std::nullopt;
    }
    return parent_link{
        instance_id(found.string(0)), {found.id(1)}, {static_cast<std::uint64_t>(found.number(2))}};
}

void call::queue_activity(const held_activity& task, std::int64_t next_at, std::uint64_t token) {
    const auto kept = token == 0 ? std::nullopt : std::optional(token);
    sql().queue_activity.run(work_key_of(task.kind, false, task.suspect),
                             next_at,
                             task.suspect,
                             task.deliveries,
                             kept,
                             task.instance_row,
                             task.task.value,
                             task.execution.value);
    if (next_at <= now_) {
        news_of_ready();
    } else {
        news_of_due(next_at);
    }
}

// [SUSPECT-1] [SUSPECT-2]
void call::expire(instance_row& target) {
    target.expired = true;
    target.deliveries += target.leased_alone ? 1U : 0U;
    target.suspect = true;
    target.leave_work_key();
    target.is_changed = true;
    settle(target);
}

bool call::find_expired_leases() {
    bool has_suspects = false;
    bool has_expired_instances = false;
    bool has_expired_activities = false;
    {
        rows found = sql().probe.query(now_);
        found.next();
        has_expired_instances = found.number(0) != 0;
        has_expired_activities = found.number(1) != 0;
        has_suspects = found.number(2) != 0 || found.number(3) != 0;
    }
    if (has_expired_instances) {
        rows found = sql().expired_instances.query(now_);
        while (found.next()) {
            instance_row& r = *find_row(found.number(0));
            if (r.is_held() && r.next_at <= now_) {
                expire(r);
            }
        }
    }
    if (has_expired_activities) {
        std::vector<std::pair<held_activity, std::uint64_t>> expired;
        rows found = sql().expired_activities.query(now_);
        while (found.next()) {
            const std::int64_t deliveries = found.number(5) + found.number(4);
            expired.push_back({{.instance_row = found.number(0),
                                .task = {static_cast<std::uint64_t>(found.number(1))},
                                .execution = {found.id(2)},
                                .kind = found.number(3),
                                .suspect = true,
                                .deliveries = static_cast<std::uint32_t>(deliveries)},
                               static_cast<std::uint64_t>(found.number(6))});
        }
        for (const auto& [task, token] : expired) {
            queue_activity(task, now_, token);
        }
    }
    return has_suspects || has_expired_instances || has_expired_activities;
}

void call::news_of_due(std::int64_t at) {
    news_.next_due = std::min(news_.next_due, at);
    news_.due_is_news = true;
}

}  // namespace perdure::sqlite
