#pragma once

#include <perdure/codec.hpp>
#include <perdure/history.hpp>
#include <perdure/ids.hpp>

#include <atomic>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <variant>

// Activities do the work that has effects. They are executed at least once: after a crash, again.

namespace perdure {
inline namespace v1 {

/// The typed name of an activity: one constant that the caller and the registry share.
///
///     inline constexpr perdure::activity<order_lines, reservation> reserve_stock{"ReserveStock"};
template <class In, class Out>
struct activity {
    using input = In;
    using result = Out;

    explicit constexpr activity(const char* registered_name) : name(registered_name) {}

    const char* name;
};

/// What an activity knows about the call that it answers. Lives as long as the call; the members
/// may be read from any thread.
class activity_context {
  public:
    instance_id instance;
    execution_id execution{};
    /// The task that this attempt is.
    task_id task{};
    /// The first task of the call: the same for every attempt that a retry policy makes.
    task_id first_task{};
    /// Which attempt of the call's retry policy this is, from 1.
    unsigned attempt = 1;
    /// Which delivery of this attempt this is, from 1; more than 1 after a crash, a lost lease, or
    /// an `activity_done` that was dropped. One that a worker gave up because it stopped is not
    /// counted.
    unsigned delivery = 1;
    std::string name;
    tag_map tags;
    /// Asked to stop when the lease is lost, and when the worker stops and has waited long enough.
    /// What the activity ends with from then on, a result or a failure, is thrown away, and it is
    /// executed again, because nobody else can tell a partial result from a whole one: see
    /// `keep_result`.
    std::stop_token cancelled;

    /// Instance, execution and first task as text: the same over redeliveries and retries, different
    /// for every other call. Hand it to systems that can recognise a repetition.
    [[nodiscard]] std::string idempotency_key() const {
        return instance.text() + "/" + to_string(execution.value) + "/" +
               std::to_string(first_task.value);
    }

    /// Says that what the activity ends with is whole, although it was or will be asked to stop:
    /// it is recorded as long as the worker holds the lease. May be called from any thread.
    void keep_result() const noexcept {
        if (keeps_result) {
            *keeps_result = true;
        }
    }

    /// Belongs to the engine; use `keep_result`.
    std::shared_ptr<std::atomic<bool>> keeps_result;
};

/// How an activity ended.
using activity_result = std::variant<payload, failure>;
/// Called when an activity has ended, from any thread; only the first call counts. When the last
/// copy is destroyed without a call, the delivery has failed: the activity is delivered again.
using activity_done = std::function<void(activity_result)>;

template <class T>
class activity_task;

namespace detail {

[[nodiscard]] PERDURE_EXPORT failure describe_activity_exception(const std::exception_ptr& thrown);

template <class T>
struct activity_promise_value {
    std::optional<T> value;
    template <class U = T>
    void return_value(U&& result) {
        value.emplace(std::forward<U>(result));
    }
    payload encode() { return codec<T>::encode(*value); }
};

template <>
struct activity_promise_value<void> {
    void return_void() noexcept {}
    payload encode() { return payload(); }
};

}  // namespace detail

/// An activity written as a coroutine: it may await whatever resumes it, on any thread; the worker's
/// thread is free meanwhile. The frame destroys itself when the activity has ended.
template <class T>
class [[nodiscard]] activity_task {
  public:
    struct promise_type : detail::activity_promise_value<T> {
        activity_done done;
        std::exception_ptr thrown;

        activity_task get_return_object() {
            return activity_task(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        struct finish {
            bool await_ready() noexcept { return false; }
            void await_suspend(std::coroutine_handle<promise_type> handle) noexcept {
                auto& self = handle.promise();
                auto tell = std::move(self.done);
                activity_result result;
                try {
                    if (self.thrown) {
                        std::rethrow_exception(self.thrown);
                    }
                    result = self.encode();
                } catch (...) {
                    result = detail::describe_activity_exception(std::current_exception());
                }
                handle.destroy();
                tell(std::move(result));
            }
            void await_resume() noexcept {}
        };
        finish final_suspend() noexcept { return {}; }
        void unhandled_exception() noexcept { thrown = std::current_exception(); }
    };

    activity_task(activity_task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
    activity_task& operator=(activity_task&&) = delete;
    activity_task(const activity_task&) = delete;
    activity_task& operator=(const activity_task&) = delete;
    ~activity_task() {
        if (handle_) {
            handle_.destroy();
        }
    }

    /// Begins; `done` is called when it has ended, perhaps before this returns.
    void start(activity_done done) && {
        auto handle = std::exchange(handle_, {});
        handle.promise().done = std::move(done);
        handle.resume();
    }

  private:
    explicit activity_task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}

    std::coroutine_handle<promise_type> handle_;
};

}  // namespace v1
}  // namespace perdure
