#include "moving/touched_instances.hpp"

#include <utility>

namespace perdure::moving {

void touched_instances::end() noexcept {
    is_noting_ = false;
    static_cast<void>(take());
}

void touched_instances::add(const instance_id& touched) {
    const std::lock_guard guard(mutex_);
    noted_.instances.insert(touched);
}

void touched_instances::add(const std::vector<instance_id>& touched) {
    if (!touched.empty()) {
        const std::lock_guard guard(mutex_);
        noted_.instances.insert(touched.begin(), touched.end());
    }
}

void touched_instances::add_any() {
    const std::lock_guard guard(mutex_);
    noted_.any = true;
}

void touched_instances::add(const work_batch& handed_out) {
    for (const orchestration_work& work : handed_out.orchestrations) {
        add(work.instance);
    }
    for (const activity_work& work : handed_out.activities) {
        add(work.instance);
    }
}

void touched_instances::add(const finished_work& finished) {
    add(finished.instance);
    if (!finished.turn) {
        return;
    }
    for (const new_message& message : finished.turn->messages) {
        add(message.target);
    }
    for (const new_child& child : finished.turn->children) {
        add(child.instance.instance);
    }
}

std::size_t touched_instances::size() {
    const std::lock_guard guard(mutex_);
    return noted_.instances.size();
}

touched_instances::changes touched_instances::take() {
    const std::lock_guard guard(mutex_);
    return std::exchange(noted_, {});
}

}  // namespace perdure::moving
