#pragma once

#include <perdure/ids.hpp>

#include <any>
#include <cstddef>
#include <deque>
#include <map>
#include <typeindex>
#include <typeinfo>
#include <utility>

namespace perdure {
inline namespace v1 {

/// The answers of the last 10,000 calls, for a caller that repeats one [REPEAT-1]. For a store in
/// the memory of its callers: any other one keeps them with its data [REPEAT-3]. One thread at a
/// time. A call of another kind with the same id is a call of its own: so a `lock` in doubt after a
/// `create` that handed out nothing [HANDOFF-3].
class recent_answers {
  public:
    static constexpr std::size_t kept_max = 10'000;

    /// What the call with this request id was answered, or else what `act` answers now. When `act`
    /// throws, the call has not been answered.
    template <class Act>
    auto once(const request_id& request, Act act) -> decltype(act()) {
        using answer = decltype(act());
        const call named{request, typeid(answer)};
        if (const auto found = kept_.find(named); found != kept_.end()) {
            return std::any_cast<answer>(found->second);
        }
        answer fresh = act();
        kept_.emplace(named, fresh);
        order_.push_back(named);
        if (order_.size() > kept_max) {
            kept_.erase(order_.front());
            order_.pop_front();
        }
        return fresh;
    }

  private:
    using call = std::pair<request_id, std::type_index>;

    std::map<call, std::any> kept_;
    std::deque<call> order_;
};

}  // namespace v1
}  // namespace perdure
