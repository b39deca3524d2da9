#include "worker/served_work.hpp"

#include <set>
#include <utility>

namespace perdure::dispatch {

served_work::served_work(const registry& known,
                         source_ptr changing,
                         std::vector<std::string> queues)
    : known_(known),
      coroutines_(replay::coroutines_of(known)),
      changing_(std::move(changing)),
      queues_(std::move(queues)) {}

std::unique_ptr<replay::turn_machine> served_work::make(const orchestration_work& work,
                                                        const replay::turn_limits& limits) const {
    auto machine = coroutines_->make(work, limits);
    return machine || !changing_ ? std::move(machine) : changing_->make(work, limits);
}

filter_ptr served_work::filter() {
    const std::lock_guard guard(mutex_);
    // The number first: a change that comes in between is then noticed by the next call.
    const std::uint64_t present = changing_ ? changing_->revision() : 0;
    if (!filter_ || present != revision_) {
        revision_ = present;
        filter_ = make_filter();
    }
    return filter_;
}

filter_ptr served_work::make_filter() const {
    std::set<work_filter::definition> names;
    const auto add = [&](const replay::definition_source& source) {
        for (auto& [name, version] : source.orchestrations()) {
            names.insert({name, version});
        }
    };
    add(*coroutines_);
    if (changing_) {
        add(*changing_);
    }
    work_filter made;
    made.orchestrations.assign(names.begin(), names.end());
    for (const auto* definition : known_.activities()) {
        made.activities.push_back(definition->name);
    }
    made.queues = queues_;
    made.level = supported_feature_level();
    return std::make_shared<const work_filter>(std::move(made));
}

}  // namespace perdure::dispatch
