#include "backend.hpp"

#include <algorithm>

// The hub itself, and everything that only reads.

namespace perdure::memory {

memory_backend::memory_backend(std::shared_ptr<store> hub, clock chosen)
    : hub_(std::move(hub)), clock_(chosen) {}

capabilities memory_backend::abilities() const noexcept {
    return {.durable = false, .multi_process = false, .test_clock = true, .commit_lanes = 1};
}

// [HUB-1] holds because the hub came into being when it was opened.
void memory_backend::create_hub() {}

void memory_backend::delete_hub() {
    call work(*hub_);
    while (!work.hub.instances.empty()) {
        work.erase(work.hub.instances.begin()->first);
    }
    work.hub.workers.clear();
    work.hub.commits = {};
    work.hub.purges = {};
}

bool memory_backend::advance_clock(duration by) {
    if (by < duration::zero()) {
        throw backend_error(store_fault::rejected, "advance_clock: the clock only moves forward");
    }
    if (clock_ == clock::test) {
        call(*hub_).advance_clock(by);
    }
    return clock_ == clock::test;
}

hub_status memory_backend::status() {
    hub_status result;
    call work(*hub_);
    store& hub = work.hub;
    result.schema_version = "memory";
    result.store_time = work.now;
    std::erase_if(hub.workers, [&](const auto& entry) { return entry.second.until <= work.now; });
    for (const auto& [id, worker] : hub.workers) {
        result.live_workers.push_back(id);
    }
    std::set<std::string> unserved;
    const auto count_if_ready =
        [&](const leasable& item, const item_key& key, auto& count, const std::string& text) {
            if (!item.is_ready() && (!item.held || work.is_leased(item))) {
                return;
            }
            ++count;
            const auto is_served_by = [&](const auto& entry) {
                return serves(&entry.second.filter, hub, key);
            };
            if (std::ranges::none_of(hub.workers, is_served_by)) {
                unserved.insert(text);
            }
        };
    for (const auto& [id, target] : hub.instances) {
        result.parked += target.parked ? 1U : 0U;
        const auto& [name, version] = std::tie(target.record.name, target.record.version);
        const std::string text = "orchestration " + name + (version.empty() ? "" : " " + version);
        count_if_ready(target, {id}, result.ready_orchestrations, text);
    }
    for (const auto& [key, task] : hub.activities) {
        count_if_ready(task, key, result.ready_activities, "activity " + task.work.name);
    }
    result.unserved.assign(unserved.begin(), unserved.end());
    return result;
}

bool matches(const instance_filter& filter, const instance& found) {
    const instance_record& record = found.record;
    const auto is = [](const auto& wanted, const auto& value) {
        return !wanted || *wanted == value;
    };
    const auto is_within = [](const auto& from, const auto& to, const auto& at) {
        return (!from || (at && *at >= *from)) && (!to || (at && *at <= *to));
    };
    const auto tag = record.tags.find(filter.tag ? filter.tag->first : std::string());
    return (filter.statuses.empty() || std::ranges::count(filter.statuses, record.status) != 0) &&
           is(filter.name, record.name) && is(filter.version, record.version) &&
           (!filter.tag || (tag != record.tags.end() && tag->second == filter.tag->second)) &&
           (!filter.parent || (record.parent && record.parent->instance == *filter.parent)) &&
           is(filter.parked, found.parked) &&
           record.instance.text().starts_with(filter.id_prefix) &&
           is_within(filter.created_from, filter.created_to, std::optional(record.created_at)) &&
           is_within(filter.completed_from, filter.completed_to, record.completed_at);
}

static instance_record described(const call& work, const instance& found) {
    instance_record record = found.record;
    record.inbox_length = found.inbox.size();
    record.leased_by = work.is_leased(found) ? found.holder.text : std::string();
    return record;
}

std::vector<std::optional<instance_record>> memory_backend::get(
    std::span<const instance_id> instances) {
    call work(*hub_);
    return each(instances, [&](const instance_id& id, auto) {
        const instance* found = work.find(id);
        return found ? std::optional(described(work, *found)) : std::nullopt;
    });
}

// [READ-2] is the order of the map.
instance_page memory_backend::query(const instance_filter& filter,
                                    std::size_t limit,
                                    const std::string& after) {
    if (limit == 0) {
        throw backend_error(store_fault::rejected, "query: a page holds at least one instance");
    }
    instance_page page;
    call work(*hub_);
    for (const auto& [id, found] : work.hub.instances) {
        if (id.text() <= after || !matches(filter, found)) {
            continue;
        }
        if (page.instances.size() == limit) {
            page.next = page.instances.back().instance.text();
            break;
        }
        page.instances.push_back(described(work, found));
    }
    return page;
}

std::optional<history_page> memory_backend::read_history(const instance_id& instance,
                                                         std::uint64_t from,
                                                         std::size_t bytes) {
    call work(*hub_);
    const auto* found = work.find(instance);
    if (found == nullptr) {
        return std::nullopt;
    }
    const instance_record& record = found->record;
    history_page page{record.execution, found->history_version, record.history_length, {}};
    std::size_t weight = 0;
    for (const history_chunk& chunk : found->history) {
        if (chunk.first + chunk.count > from && (page.chunks.empty() || weight < bytes)) {
            weight += chunk.text.size();
            page.chunks.push_back(chunk);
        }
    }
    return page;
}

bool memory_backend::wait(std::span<const instance_id> instances, steady_time deadline) {
    call work(*hub_);
    const auto has_ended = [&](const instance_id& id) {
        const instance* found = work.find(id);
        return found == nullptr || is_terminal(found->record.status);
    };
    while (true) {
        const bool ended = std::ranges::any_of(instances, has_ended);
        if (ended || interrupted_ || std::chrono::steady_clock::now() >= deadline) {
            return ended;
        }
        work.wait_until(work.hub.instance_ended, deadline);
    }
}

}  // namespace perdure::memory
