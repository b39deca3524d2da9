#include "idle_workers.hpp"

#include <perdure/kit/filters.hpp>

#include <algorithm>
#include <cstddef>

namespace perdure {
inline namespace v1 {
namespace detail {

idle_workers::member::~member() = default;

void idle_workers::choice::take(work_batch work) const {
    if (who != nullptr && !work.orchestrations.empty()) {
        who->take(std::move(work));
    }
}

void idle_workers::choice::ask_again() {
    if (who != nullptr) {
        who->ask_again(std::move(space));
    }
}

void idle_workers::join(std::weak_ptr<member> who) {
    const std::lock_guard guard(mutex_);
    std::erase_if(members_, [](const auto& each) { return each.expired(); });
    members_.push_back(std::move(who));
}

std::vector<std::shared_ptr<idle_workers::member>> idle_workers::present() {
    std::vector<std::shared_ptr<member>> all;
    const std::lock_guard guard(mutex_);
    for (const auto& each : members_) {
        if (auto who = each.lock()) {
            all.push_back(std::move(who));
        }
    }
    return all;
}

idle_workers::choice idle_workers::choose(std::span<const new_instance> instances) {
    choice best;
    std::size_t most = 0;
    for (auto& who : present()) {
        auto space = who->offer();
        if (!space) {
            continue;
        }
        const auto has = [&](const new_instance& fresh) {
            const work_filter::definition wanted{fresh.name, fresh.version, fresh.kind};
            return !fresh.start_at && serves(space->next.filter, wanted, fresh.level);
        };
        const auto count = static_cast<std::size_t>(std::ranges::count_if(instances, has));
        if (count > most) {
            most = count;
            best = {std::move(who), std::move(*space)};
        }
    }
    best.space.next.orchestrations = std::min(best.space.next.orchestrations, most);
    return best;
}

idle_workers::choice idle_workers::choose(std::span<const new_message> messages) {
    choice best;
    std::size_t most = 0;
    for (auto& who : present()) {
        const auto has = [&](const new_message& each) { return who->has_frame(each.target); };
        const auto count = static_cast<std::size_t>(std::ranges::count_if(messages, has));
        if (best.who != nullptr && count <= most) {
            continue;
        }
        if (auto space = who->offer()) {
            most = count;
            best = {std::move(who), std::move(*space)};
        }
    }
    best.space.next.orchestrations = std::min(best.space.next.orchestrations, messages.size());
    return best;
}

}  // namespace detail
}  // namespace v1
}  // namespace perdure
