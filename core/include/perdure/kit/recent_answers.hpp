#pragma once

#include <perdure/ids.hpp>

#include <any>
#include <cstddef>
#include <deque>
#include <map>
#include <utility>

namespace perdure {
inline namespace v1 {

/// The answers of the last 10,000 calls, for a caller that repeats one [REPEAT-1]. For a store in
/// the memory of its callers: any other one keeps them with its data [REPEAT-3]. One thread at a
/// time.
class recent_answers {
  public:
    static constexpr std::size_t kept_max = 10'000;

    /// What the call with this request id was answered, or else what `act` answers now. When `act`
    /// throws, the call has not been answered.
    template <class Act>
    auto once(const request_id& request, Act act) -> decltype(act()) {
        using answer = decltype(act());
        if (const auto found = kept_.find(request); found != kept_.end()) {
            return std::any_cast<answer>(found->second);
        }
        answer fresh = act();
        kept_.emplace(request, fresh);
        order_.push_back(request);
        if (order_.size() > kept_max) {
            kept_.erase(order_.front());
            order_.pop_front();
        }
        return fresh;
    }

  private:
    std::map<request_id, std::any> kept_;
    std::deque<request_id> order_;
};

}  // namespace v1
}  // namespace perdure
