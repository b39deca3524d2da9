#pragma once

#include <perdure/backend.hpp>

#include <atomic>
#include <mutex>
#include <set>
#include <vector>

namespace perdure::moving {

/// The instances that calls may have changed since they were noted last: what a copy that follows
/// has to copy again. Safe from any thread.
class touched_instances {
  public:
    struct changes {
        std::set<instance_id> instances;
        /// A call has changed instances that it does not name.
        bool any = false;
    };

    void begin() noexcept { is_noting_ = true; }
    void end() noexcept;
    [[nodiscard]] bool is_noting() const noexcept { return is_noting_; }

    void add(const instance_id& touched);
    void add(const std::vector<instance_id>& touched);
    void add_any();
    void add(const work_batch& handed_out);
    void add(const finished_work& finished);

    [[nodiscard]] std::size_t size();
    [[nodiscard]] changes take();

  private:
    std::atomic<bool> is_noting_{false};
    std::mutex mutex_;
    changes noted_;
};

}  // namespace perdure::moving
