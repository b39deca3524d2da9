#include "worker/crew.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

namespace perdure::dispatch {

crew::crew(std::size_t threads_max, starter begin)
    : cores_(std::max(1U, std::thread::hardware_concurrency())),
      threads_max_(threads_max),
      begin_(std::move(begin)) {}

void crew::add() {
    slot& fresh = *slots_.emplace_back(std::make_unique<slot>());
    try {
        fresh.thread = begin_(fresh);
    } catch (...) {
        slots_.pop_back();
        throw;
    }
    ++awake_;
}

void crew::sleep(slot& me, std::unique_lock<std::mutex>& guard) {
    me.is_awake = false;
    --awake_;
    idle_.push_back(&me);
    // Whoever wakes a thread takes it from the list and counts it as awake.
    me.woken.wait(guard, [&] { return me.is_awake; });
}

void crew::wake_one() {
    if (!idle_.empty()) {
        slot& next = *idle_.back();
        idle_.pop_back();
        next.is_awake = true;
        ++awake_;
        next.woken.notify_one();
    } else if (slots_.size() < threads_max_ && !is_closing_) {
        try {
            add();
        } catch (const std::system_error&) {
            // The machine has no thread to give now. Those that there are go on.
        }
    }
}

void crew::wake_burst(std::size_t wanted) {
    burst_ = std::max(cores_, burst_ * 2);
    for (std::size_t i = 0; i < std::min(burst_, wanted); ++i) {
        wake_one();
    }
}

void crew::mark_blocked(steady::time_point begun_before) noexcept {
    for (const auto& each : slots_) {
        if (each->current && !each->is_blocked && each->since < begun_before) {
            each->is_blocked = true;
            --awake_;
        }
    }
}

void crew::unmark_blocked(slot& me) noexcept {
    if (std::exchange(me.is_blocked, false)) {
        ++awake_;
    }
}

void crew::close() {
    is_closing_ = true;
    while (!idle_.empty()) {
        wake_one();
    }
}

void crew::leave(slot& me) {
    me.has_left = true;
    left_.notify_all();
}

void crew::end(std::unique_lock<std::mutex>& guard) {
    left_.wait(guard, [this] {
        return std::ranges::all_of(
            slots_, [](const auto& each) { return each->has_left || each->current; });
    });
    for (const auto& each : slots_) {
        if (!each->has_left) {
            // Its thread stays until the user code returns.
            each->thread.detach();
        }
    }
    guard.unlock();
    for (const auto& each : slots_) {
        if (each->thread.joinable()) {
            each->thread.join();
        }
    }
}

}  // namespace perdure::dispatch
