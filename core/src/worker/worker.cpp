#include "worker/dispatcher.hpp"
#include "worker/worker_access.hpp"

#include <perdure/worker.hpp>

#include <utility>

namespace perdure {
inline namespace v1 {

/// Threads share the dispatcher: one that is stuck in an activity may outlive the worker.
class worker::impl {
  public:
    impl(hub where,
         registry what,
         worker_options options,
         dispatch::served_work::source_ptr changing = nullptr)
        : dispatcher(std::make_shared<dispatch::dispatcher>(
              std::move(where), std::move(what), std::move(options), std::move(changing))) {}

    const std::shared_ptr<dispatch::dispatcher> dispatcher;
};

worker::worker(hub where, registry what, worker_options options)
    : impl_(std::make_unique<impl>(std::move(where), std::move(what), std::move(options))) {}

worker::worker(std::unique_ptr<impl> made) : impl_(std::move(made)) {}

worker::~worker() {
    stop();
}

void worker::start() {
    impl_->dispatcher->start();
}

void worker::stop() {
    impl_->dispatcher->stop();
}

const worker_id& worker::id() const noexcept {
    return impl_->dispatcher->id();
}

worker_statistics worker::statistics() const {
    return impl_->dispatcher->statistics();
}

std::unique_ptr<worker> detail::worker_access::make(
    hub where,
    registry what,
    worker_options options,
    std::shared_ptr<const replay::definition_source> changing) {
    auto made = std::make_unique<worker::impl>(
        std::move(where), std::move(what), std::move(options), std::move(changing));
    return std::unique_ptr<worker>(new worker(std::move(made)));
}

}  // namespace v1
}  // namespace perdure
