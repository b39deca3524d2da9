#pragma once

#include <perdure/backend.hpp>
#include <perdure/export.hpp>

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace perdure {
inline namespace v1 {
namespace detail {

/// The workers of a hub's handles in this process: a call that makes something ready takes it along
/// for one of them that has nothing to do, as a commit does for its own worker. Safe from any
/// thread.
class PERDURE_EXPORT idle_workers {
  public:
    /// What a worker has room for, and the filter that the request points to.
    struct room {
        lock_request next{};
        std::shared_ptr<const work_filter> filter{};
    };

    class member {
      public:
        member() = default;
        member(const member&) = delete;
        member& operator=(const member&) = delete;
        virtual ~member() = default;

        /// Nothing when it has work, or looks for some.
        [[nodiscard]] virtual std::optional<room> offer(std::size_t turns) = 0;
        /// What was leased for it; when it has stopped meanwhile, it gives that back.
        virtual void take(work_batch work) = 0;
    };

    void join(std::weak_ptr<member> who) {
        const std::lock_guard guard(mutex_);
        std::erase_if(members_, [](const auto& each) { return each.expired(); });
        members_.push_back(std::move(who));
    }

    /// What `call` answers, made with the room of a worker for so many turns, or with none. What it
    /// leases goes to that worker. After an error the leases end by expiry: by then the call was
    /// repeated for longer than they last.
    template <class Call>
    auto hand_out(const request_id& request, std::size_t turns, const Call& call) {
        auto [who, space] = find(turns);
        space.next.request = request;
        auto [outcomes, work] = call(std::as_const(space.next));
        if (who != nullptr && !(work.orchestrations.empty() && work.activities.empty())) {
            who->take(std::move(work));
        }
        return std::move(outcomes);
    }

  private:
    [[nodiscard]] std::pair<std::shared_ptr<member>, room> find(std::size_t turns) {
        const std::lock_guard guard(mutex_);
        for (const auto& each : members_) {
            if (auto who = each.lock()) {
                if (auto space = who->offer(turns)) {
                    return {std::move(who), std::move(*space)};
                }
            }
        }
        return {};
    }

    std::mutex mutex_;
    std::vector<std::weak_ptr<member>> members_;
};

}  // namespace detail
}  // namespace v1
}  // namespace perdure
