#include "moving/course.hpp"
#include "moving/mover.hpp"

#include <perdure/backend_error.hpp>

#include <utility>

namespace perdure {
inline namespace v1 {

namespace {

bool is_over(const promotion_progress& progress) {
    return progress.state != promotion_state::copying &&
           progress.state != promotion_state::following;
}

}  // namespace

void promotion::course::report(const std::function<void(promotion_progress&)>& change) {
    promotion_progress now;
    {
        const std::lock_guard guard(mutex_);
        change(progress_);
        now = progress_;
        changed_.notify_all();
    }
    if (watch) {
        watch(now);
    }
}

promotion_progress promotion::course::progress() {
    const std::lock_guard guard(mutex_);
    return progress_;
}

bool promotion::course::is_to_end() {
    const std::lock_guard guard(mutex_);
    return is_to_end_;
}

void promotion::course::ask_to_end() {
    const std::lock_guard guard(mutex_);
    is_to_end_ = true;
    changed_.notify_all();
}

void promotion::course::pause(duration length) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, length, [&] { return is_to_end_; });
}

promotion_progress promotion::course::wait_for_end() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return is_over(progress_); });
    return progress_;
}

promotion_progress promotion::progress() const {
    return course_->progress();
}

bool promotion::wait() const {
    const promotion_progress ended = course_->wait_for_end();
    if (ended.state == promotion_state::failed) {
        throw backend_error(store_fault::rejected, "the promotion has failed: " + ended.problem);
    }
    return ended.state == promotion_state::done;
}

bool promotion::abort() const {
    course_->ask_to_end();
    return course_->wait_for_end().state == promotion_state::aborted;
}

}  // namespace v1

namespace moving {

promotion store_switch::promote(std::shared_ptr<backend> to, std::string to_description) {
    if (to.get() == this) {
        throw backend_error(store_fault::rejected, "a hub cannot be promoted to itself");
    }
    const std::lock_guard guard(mutex_);
    if (mover_.joinable()) {
        const auto state = course_->progress().state;
        if (state == promotion_state::copying || state == promotion_state::following) {
            throw backend_error(store_fault::rejected, "the hub is being promoted already");
        }
        mover_.join();
    }
    course_ = std::make_shared<promotion::course>();
    auto moves = std::make_unique<mover>(*this, std::move(to), std::move(to_description), *course_);
    mover_ = std::thread([course = course_, moves = std::move(moves)] { moves->run(); });
    return promotion(course_);
}

store_switch::~store_switch() {
    if (mover_.joinable()) {
        course_->ask_to_end();
        mover_.join();
    }
}

}  // namespace moving
}  // namespace perdure
