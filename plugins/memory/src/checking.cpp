#include "images.hpp"

// What only this store can see: that every item stands in the list that it says, and every list holds
// items that say so. Nobody can damage these from outside, so nothing is repaired.

namespace perdure::memory {

namespace {

constexpr bool even_if_closed = true;

std::string what_is_wrong(const call& work, const leasable& item, bool has_work) {
    if (!item.queued) {
        return has_work ? "it has work, and stands in no list" : "";
    }
    const auto places = work.hub.lists.find(item.queued->in);
    const bool is_there = places != work.hub.lists.end() && places->second.contains(*item.queued);
    return is_there ? "" : "it does not stand in the list that it says";
}

bool has_work(const instance& owner) {
    return !is_terminal(owner.record.status) && !owner.is_parked() &&
           (owner.needs_turn || !owner.inbox.empty());
}

}  // namespace

check_page images_of_store::check(const std::string& /*after*/, std::size_t limit) {
    const call work(hub(), even_if_closed);
    check_page page;
    std::size_t queued = 0;
    const auto look_at = [&](const leasable& item, bool should_wait) {
        queued += item.queued ? 1 : 0;
        std::string wrong = what_is_wrong(work, item, should_wait);
        if (!wrong.empty() && page.violations.size() < limit) {
            page.violations.push_back({.broken = invariant::work_is_found,
                                       .instance = item.key.instance,
                                       .execution = item.key.execution,
                                       .number = item.key.task.value,
                                       .found = std::move(wrong)});
        }
    };
    for (const auto& [id, owner] : work.hub.instances) {
        look_at(owner, has_work(owner));
        for (const auto& [key, task] : owner.activities) {
            look_at(task, true);
        }
    }
    for (const auto& [which, places] : work.hub.lists) {
        queued -= places.size();
    }
    if (queued != 0) {
        page.violations.push_back(
            {.broken = invariant::no_orphans, .found = "a list holds what is no item"});
    }
    return page;
}

std::size_t images_of_store::repair(std::span<const violation> /*found*/) {
    return 0;
}

}  // namespace perdure::memory
