#include "grant.hpp"

#include <algorithm>
#include <charconv>

namespace perdure::sqlite {

namespace {

// Columns weigh something, too, although nobody counts them exactly.
constexpr std::size_t item_overhead = 256;

timestamp time_at(std::int64_t at) {
    return timestamp(duration(at));
}

}  // namespace

grant::grant(call& work, const lock_request& request)
    : work_(work),
      request_(request),
      work_keys_(work.names().work_keys_of(work.sql().names, request.filter)),
      worker_(work.names().worker(work.sql().names, request.worker)),
      has_suspects_(work.find_expired_leases()) {}

bool grant::is_full() const noexcept {
    return !is_empty() && (request_.suspects || bytes_ >= request_.bytes);
}

std::size_t grant::orchestration_room() const noexcept {
    return is_full() ? 0 : request_.orchestrations - batch_.orchestrations.size();
}

std::size_t grant::activity_room() const noexcept {
    return is_full() ? 0 : request_.activities - batch_.activities.size();
}

std::uint64_t grant::next_token(std::int64_t row, std::uint64_t task) {
    leased_ += std::to_string(row);
    leased_ += ':';
    leased_ += std::to_string(task);
    leased_ += ' ';
    return derive_token(request_.request, ordinal_++).value;
}

void grant::repeat(std::string_view leased) {
    std::uint32_t ordinal = 0;
    const char* next = leased.data();
    const char* const last = leased.data() + leased.size();
    while (next != last) {
        std::int64_t row = 0;
        std::uint64_t task = 0;
        next = std::from_chars(next, last, row).ptr + 1;
        next = std::from_chars(next, last, task).ptr + 1;
        const std::uint64_t token = derive_token(request_.request, ordinal++).value;
        if (task == 0) {
            instance_row* target = work_.find_row(row);
            if (target != nullptr && target->token == token && target->is_held()) {
                add(*target);
            }
            continue;
        }
        std::optional<uuid> execution;
        {
            rows found = work_.sql().find_activity.query(row, task, token);
            // What stands under a work key of its own was found to be expired.
            if (found.next() && found.number(8) == 0) {
                execution = found.id(0);
            }
        }
        if (execution) {
            add_activity(
                {.row = row, .task = static_cast<std::int64_t>(task), .execution = *execution},
                token);
        }
    }
}

void grant::offer(instance_row& target) {
    const bool is_ready = !target.is_erased && !target.is_held() && target.next_at <= work_.now();
    if (is_ready && target.suspect == request_.suspects && orchestration_room() != 0 &&
        work_keys_.serves_definition(target.definition)) {
        lease(target);
    }
}

void grant::lease(instance_row& target) {
    target.token = next_token(target.row, 0);
    target.holder = worker_;
    target.next_at = lease_end(work_.now(), request_.lease_duration);
    target.leased_alone = target.suspect;
    target.expired = false;
    target.is_changed = true;
    add(target);
}

void grant::add(instance_row& target) {
    definition_key key = work_.names().key_of(work_.sql().names, target.definition);
    orchestration_work& item = batch_.orchestrations.emplace_back(
        orchestration_work{.instance = target.instance,
                           .execution = target.execution,
                           .held = {{target.token}, static_cast<std::uint64_t>(target.row)},
                           .name = std::move(key.name),
                           .version = std::move(key.version),
                           .status = target.status,
                           .history_version = target.history_version,
                           .last_committed = {target.last_committed},
                           .history_length = target.history_length,
                           .deliveries = target.deliveries + 1,
                           .suspect = target.suspect,
                           .kind = key.kind});
    bytes_ += item_overhead;
    if (target.stored_messages > 0) {
        add_inbox(target, item.inbox);
    } else {
        add_arrivals(target, item.inbox);
    }
    if (target.last_committer != worker_) {
        add_history(target, item.history);  // [LOCK-7]
    }
}

// [LOCK-5]
void grant::add_inbox(const instance_row& target, std::vector<inbox_message>& inbox) {
    const auto limit = static_cast<std::int64_t>(request_.messages);
    rows found = work_.sql().inbox.query(target.row, work_.now(), limit);
    while ((inbox.empty() || bytes_ < request_.bytes) && found.next()) {
        const std::string_view event = found.text(3);
        bytes_ += event.size();
        inbox.push_back({static_cast<std::uint64_t>(found.number(0)),
                         time_at(found.number(1)),
                         {static_cast<std::uint64_t>(found.number(2))},
                         std::string(event)});
    }
}

// The same without a poll into the table: all of the inbox came during this call.
void grant::add_arrivals(const instance_row& target, std::vector<inbox_message>& inbox) {
    std::vector<const arrival*> visible;
    for (const arrival& message : target.arrivals) {
        if (message.due <= work_.now()) {
            visible.push_back(&message);
        }
    }
    std::sort(visible.begin(), visible.end(), [](const arrival* a, const arrival* b) {
        return std::pair(a->due, a->sequence) < std::pair(b->due, b->sequence);
    });
    for (const arrival* message : visible) {
        if (inbox.size() == request_.messages || (!inbox.empty() && bytes_ >= request_.bytes)) {
            return;
        }
        bytes_ += message->event.size();
        inbox.push_back({static_cast<std::uint64_t>(message->sequence),
                         time_at(message->visible_at),
                         message->task,
                         std::string(message->event)});
    }
}

void grant::add_history(const instance_row& target, std::vector<history_chunk>& history) {
    rows found = work_.sql().history.query(target.row);
    while ((history.empty() || bytes_ < request_.bytes) && found.next()) {
        history.push_back({static_cast<std::uint64_t>(found.number(0)),
                           static_cast<std::uint32_t>(found.number(1)),
                           found.string(2)});
        bytes_ += history.back().text.size();
    }
}

void grant::offer_scheduled(instance_row& owner) {
    for (scheduled_activity& task : owner.scheduled) {
        if (task.is_cancelled || activity_room() == 0 || request_.suspects ||
            !work_keys_.serves_kind(task.kind)) {
            continue;
        }
        const new_activity& added = *task.added;
        task.token = next_token(owner.row, added.task.value);
        task.holder = worker_;
        task.next_at = lease_end(work_.now(), request_.lease_duration);
        bytes_ += item_overhead + added.input.bytes.size() + added.details.size();
        batch_.activities.push_back({.instance = owner.instance,
                                     .execution = task.execution,
                                     .task = added.task,
                                     .held = {{task.token}, static_cast<std::uint64_t>(owner.row)},
                                     .name = added.name,
                                     .version = added.version,
                                     .queue = added.queue,
                                     .input = added.input,
                                     .details = added.details});
    }
}

void grant::fill() {
    if (request_.suspects && !has_suspects_) {
        return;
    }
    if (orchestration_room() != 0) {
        fill_orchestrations();
    }
    if (activity_room() != 0) {
        fill_activities();
    }
}

// The longest ready of all definitions. The table does not yet show what this call has changed, so
// an instance is looked at before it counts.
void grant::fill_orchestrations() {
    const std::size_t room = orchestration_room();
    std::vector<std::pair<std::int64_t, instance_row*>> ready;
    for (const std::int64_t definition : work_keys_.definitions) {
        const std::int64_t work_key = request_.suspects ? -definition : definition;
        std::size_t count = 0;
        rows found = work_.sql().ready_instances.query(work_key, work_.now());
        while (count < room && found.next()) {
            instance_row* target = work_.find_row(found.number(0));
            const bool is_ready =
                target != nullptr && !target->is_held() && target->next_at <= work_.now() &&
                target->suspect == request_.suspects && target->definition == definition;
            if (is_ready) {
                ready.emplace_back(target->next_at, target);
                ++count;
            }
        }
    }
    // What this call has found to be expired stands under no work key of the table yet.
    for (instance_row* target : work_.made_ready()) {
        if (request_.suspects && work_keys_.serves_definition(target->definition)) {
            ready.emplace_back(target->next_at, target);
        }
    }
    std::sort(ready.begin(), ready.end(), [](const auto& a, const auto& b) {
        return std::pair(a.first, a.second->row) < std::pair(b.first, b.second->row);
    });
    for (const auto& [since, target] : ready) {
        offer(*target);
    }
}

void grant::collect_activities(std::int64_t work_key,
                               std::size_t room,
                               std::vector<activity_key>& found) {
    std::int64_t rank = std::numeric_limits<std::int64_t>::min();
    std::size_t left = room;
    while (left != 0) {
        const auto next = work_.sql().next_rank.number(work_key, rank);
        if (!next) {
            return;
        }
        rank = *next;
        rows ready = work_.sql().ready_activities.query(
            work_key, rank, work_.now(), static_cast<std::int64_t>(left));
        while (ready.next()) {
            found.push_back({rank, ready.number(0), ready.number(1), ready.number(2), ready.id(3)});
            --left;
        }
    }
}

void grant::fill_activities() {
    const std::size_t room = activity_room();
    std::vector<activity_key> ready;
    for (const std::int64_t kind : work_keys_.kinds) {
        collect_activities(request_.suspects ? -kind : kind, room, ready);
    }
    std::sort(ready.begin(), ready.end());
    for (const activity_key& key : ready) {
        if (activity_room() == 0) {
            return;
        }
        lease_activity(key);
    }
}

void grant::lease_activity(const activity_key& key) {
    const std::uint64_t token = next_token(key.row, static_cast<std::uint64_t>(key.task));
    const std::int64_t until = lease_end(work_.now(), request_.lease_duration);
    work_.sql().lease_activity.run(until, token, worker_, key.row, key.task, key.execution);
    work_.news_of_lease(until);
    add_activity(key, token);
}

void grant::add_activity(const activity_key& key, std::uint64_t token) {
    rows found = work_.sql().activity_work.query(key.row, key.task, key.execution);
    if (!found.next()) {
        throw backend_error(store_fault::corrupt, "an activity belongs to no instance");
    }
    name_pair kind = work_.names().kind_text(work_.sql().names, found.number(1));
    batch_.activities.push_back({.instance = instance_id(found.string(0)),
                                 .execution = {key.execution},
                                 .task = {static_cast<std::uint64_t>(key.task)},
                                 .held = {{token}, static_cast<std::uint64_t>(key.row)},
                                 .name = std::move(kind.first),
                                 .version = found.string(2),
                                 .queue = std::move(kind.second),
                                 .input = {found.string(3), found.string(4)},
                                 .details = found.string(5),
                                 .deliveries = static_cast<std::uint32_t>(found.number(6)) + 1,
                                 .suspect = found.number(7) != 0});
    const activity_work& item = batch_.activities.back();
    bytes_ += item_overhead + item.input.bytes.size() + item.details.size();
}

bool grant::is_waiting_suspect(const instance_row& target) const noexcept {
    return target.suspect && !target.is_erased && !target.is_held() &&
           target.next_at <= work_.now();
}

// The work keys of the table are looked at before this call is written back, so what it changes in
// them is taken from the rows at hand.
bool grant::suspects_wait() {
    if (!has_suspects_) {
        return false;
    }
    for (const std::int64_t definition : work_keys_.definitions) {
        rows found = work_.sql().ready_instances.query(-definition, work_.now());
        while (found.next()) {
            const instance_row* target = work_.find_row(found.number(0));
            if (target != nullptr && is_waiting_suspect(*target)) {
                return true;
            }
        }
    }
    for (const instance_row* target : work_.made_ready()) {
        if (is_waiting_suspect(*target) && work_keys_.serves_definition(target->definition)) {
            return true;
        }
    }
    return std::any_of(work_keys_.kinds.begin(), work_keys_.kinds.end(), [&](std::int64_t kind) {
        std::vector<activity_key> found;
        collect_activities(-kind, 1, found);
        return !found.empty();
    });
}

work_batch grant::take() {
    batch_.suspects_waiting = suspects_wait();
    batch_.store_time = time_at(work_.now());
    return std::move(batch_);
}

}  // namespace perdure::sqlite
