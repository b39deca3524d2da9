#pragma once

#include <perdure/combinators.hpp>
#include <perdure/task_handle.hpp>

#include <coroutine>
#include <exception>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

// The coroutine type of orchestrations.

namespace perdure {
inline namespace v1 {

class context;
template <class T>
class orchestration;

/// The typed name of an orchestration: one constant that clients, parents and the registry share.
///
///     inline constexpr perdure::orchestrator<order, receipt> checkout{"Checkout"};
template <class In, class Out>
struct orchestrator {
    using input = In;
    using result = Out;

    explicit constexpr orchestrator(const char* registered_name) : name(registered_name) {}

    const char* name;
};

/// What `context::continue_as_new` returns, for `co_return`.
class continued {
  public:
    continued() {}  // NOLINT: a user-provided constructor keeps it from being an aggregate
};

namespace detail {

PERDURE_EXPORT turn& turn_of(context& ctx) noexcept;

template <class T>
inline constexpr bool kept_by_value = !std::is_reference_v<T> && !std::is_pointer_v<T> &&
                                      !std::is_same_v<std::remove_cv_t<T>, std::string_view>;

class promise_base {
  public:
    explicit promise_base(context& ctx) : owner_(&turn_of(ctx)) {}

    std::suspend_always initial_suspend() noexcept { return {}; }
    struct hand_over {
        bool await_ready() noexcept { return false; }
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> handle) noexcept {
            auto& self = handle.promise();
            if (self.continuation_) {
                self.owner_->push(self.continuation_);
            }
        }
        void await_resume() noexcept {}
    };
    hand_over final_suspend() noexcept { return {}; }
    void unhandled_exception() noexcept { thrown_ = std::current_exception(); }

    template <class T>
    auto await_transform(const task_handle<T>& handle) {
        return slot_awaiter<T>(handle.owner(), handle.slot(), handle.read());
    }
    template <class T>
    auto await_transform(const named_task_handle<T>& handle) {
        return slot_awaiter<T>(handle.owner(), handle.slot(), handle.read());
    }
    /// The call took a value that g++ 12 would destroy twice here. Cure: give the value a name, or
    /// give the handle a name and await it in the next statement.
    template <class T>
    name_the_input_or_the_handle_first await_transform(
        named_task_handle<T>&& name_the_input_or_the_handle_first) = delete;
    template <class Value>
    auto await_transform(combined<Value>&& group) {
        return typename combined<Value>::awaiter(std::move(group));
    }
    template <class T>
    auto await_transform(orchestration<T>&& inner) {
        return typename orchestration<T>::awaiter(inner.handle());
    }
    template <class T>
    auto await_transform(orchestration<T>& inner) {
        return typename orchestration<T>::awaiter(inner.handle());
    }

    void rethrow() const {
        if (thrown_) {
            std::rethrow_exception(thrown_);
        }
    }

    turn* owner_;
    std::coroutine_handle<> continuation_;
    std::exception_ptr thrown_;
};

template <class T>
class promise : public promise_base {
  public:
    template <class... Args>
    explicit promise(context& ctx, const Args&...) : promise_base(ctx) {}
    template <class Closure, class... Args>
        requires(!std::is_same_v<std::remove_cvref_t<Closure>, context>)
    explicit promise(const Closure&, context& ctx, const Args&...) : promise_base(ctx) {}

    orchestration<T> get_return_object();
    template <class U = T>
    void return_value(U&& value) {
        if constexpr (std::is_same_v<std::remove_cvref_t<U>, continued>) {
            value_.reset();
        } else {
            value_.emplace(std::forward<U>(value));
        }
    }
    T take() {
        rethrow();
        return std::move(*value_);
    }
    /// Nothing when the orchestration continues as new.
    [[nodiscard]] const std::optional<T>& value() const noexcept { return value_; }

  private:
    std::optional<T> value_;
};

template <>
class promise<void> : public promise_base {
  public:
    template <class... Args>
    explicit promise(context& ctx, const Args&...) : promise_base(ctx) {}
    template <class Closure, class... Args>
        requires(!std::is_same_v<std::remove_cvref_t<Closure>, context>)
    explicit promise(const Closure&, context& ctx, const Args&...) : promise_base(ctx) {}

    orchestration<void> get_return_object();
    void return_void() noexcept {}
    void take() const { rethrow(); }
};

}  // namespace detail

/// An orchestration's coroutine. Its first parameter is `context&`; the others are taken by value,
/// because the frame outlives the call.
///
/// Awaiting one from another orchestration executes it inline, as a part of the same history;
/// `context::call` with an `orchestrator` starts a child instance instead. Nothing of it is executed
/// before it is awaited. The frame may be destroyed at any `co_await` and rebuilt elsewhere from
/// history: docs/replay.md says what follows from that.
template <class T = void>
class [[nodiscard]] orchestration {
  public:
    using promise_type = detail::promise<T>;
    using handle_type = std::coroutine_handle<promise_type>;

    explicit orchestration(handle_type handle) noexcept : handle_(handle) {}
    orchestration(orchestration&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
    orchestration& operator=(orchestration&&) = delete;
    orchestration(const orchestration&) = delete;
    orchestration& operator=(const orchestration&) = delete;
    ~orchestration() {
        if (handle_) {
            handle_.destroy();
        }
    }

    [[nodiscard]] handle_type handle() const noexcept { return handle_; }

    class awaiter {
      public:
        explicit awaiter(handle_type inner) noexcept : inner_(inner) {}
        awaiter(const awaiter&) = delete;
        awaiter& operator=(const awaiter&) = delete;
        ~awaiter() = default;

        [[nodiscard]] bool await_ready() const noexcept { return inner_.done(); }
        void await_suspend(std::coroutine_handle<> outer) {
            inner_.promise().continuation_ = outer;
            inner_.promise().owner_->push(inner_);
        }
        T await_resume() { return inner_.promise().take(); }

      private:
        handle_type inner_;
    };

  private:
    handle_type handle_;
};

namespace detail {

template <class T>
orchestration<T> promise<T>::get_return_object() {
    return orchestration<T>(std::coroutine_handle<promise<T>>::from_promise(*this));
}

inline orchestration<void> promise<void>::get_return_object() {
    return orchestration<void>(std::coroutine_handle<promise<void>>::from_promise(*this));
}

/// Checks the parameters of an orchestration: a function (context&, values...), or a captureless
/// lambda with the same.
template <class... Parameters>
struct parameter_check {
    static_assert(sizeof...(Parameters) < 0,
                  "the first parameter of an orchestration is perdure::context&");
};
template <class... Values>
struct parameter_check<context&, Values...> {
    static_assert((kept_by_value<Values> && ...),
                  "an orchestration outlives its caller: take parameters after context& by value, "
                  "not as references, pointers or string_view");
};
template <class Closure, class... Values>
    requires(!std::is_same_v<Closure, context&>)
struct parameter_check<Closure, context&, Values...> : parameter_check<context&, Values...> {};

}  // namespace detail
}  // namespace v1
}  // namespace perdure

template <class T, class... Parameters>
struct std::coroutine_traits<perdure::orchestration<T>, Parameters...>
    : perdure::detail::parameter_check<Parameters...> {
    using promise_type = perdure::detail::promise<T>;
};
