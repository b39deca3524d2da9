#include "worker/dispatcher.hpp"

#include <perdure/worker.hpp>

#include <utility>

namespace perdure {
inline namespace v1 {

/// Threads share the dispatcher: one that is stuck in an activity may outlive the worker.
class worker::impl {
  public:
    impl(hub where, registry what, worker_options options)
        : dispatcher(std::make_shared<dispatch::dispatcher>(
              std::move(where), std::move(what), std::move(options))) {}

    const std::shared_ptr<dispatch::dispatcher> dispatcher;
};

worker::worker(hub where, registry what, worker_options options)
    : impl_(std::make_unique<impl>(std::move(where), std::move(what), std::move(options))) {}

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

}  // namespace v1
}  // namespace perdure
