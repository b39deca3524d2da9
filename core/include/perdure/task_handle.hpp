#pragma once

#include <perdure/detail/turn.hpp>

#include <algorithm>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace perdure {
inline namespace v1 {

template <class T>
class task_handle;

namespace detail {

/// Reads the value of a finished slot; the result is `T`, by value.
template <class T>
T slot_value(turn& owner, task_slot& slot) {
    if (slot.kind == event_kind::event_raised) {
        owner.read_event(slot);
    }
    if (slot.reason) {
        throw_failure(slot);
    }
    if constexpr (!std::is_void_v<T>) {
        try {
            return decode_value<T>(slot.result);
        } catch (const payload_error& problem) {
            if (slot.kind != event_kind::event_raised) {
                owner.report_undecodable(slot, problem.what());
            }
            throw;
        }
    } else {
        static_cast<void>(owner);
    }
}

/// The value of a wait with a timeout: nothing when the time was up first.
template <class T>
std::optional<T> slot_value_or_timeout(turn& owner, task_slot& slot) {
    if (slot.timed_out) {
        return std::nullopt;
    }
    return slot_value<T>(owner, slot);
}

/// Suspends a coroutine until one slot is done.
template <class T>
class slot_awaiter final : public waiter {
  public:
    using reader = T (*)(turn&, task_slot&);

    slot_awaiter(turn& owner, task_slot& slot, reader read) noexcept
        : owner_(owner), slot_(slot), read_(read) {}
    slot_awaiter(const slot_awaiter&) = delete;
    slot_awaiter& operator=(const slot_awaiter&) = delete;
    ~slot_awaiter() {
        if (suspended_) {
            std::erase(slot_.waiters, static_cast<waiter*>(this));
        }
    }

    [[nodiscard]] bool await_ready() {
        task_slot* const one = &slot_;
        owner_.await({&one, 1});
        return slot_.is_settled();
    }
    void await_suspend(std::coroutine_handle<> handle) {
        suspended_ = handle;
        slot_.waiters.push_back(this);
    }
    T await_resume() { return read_(owner_, slot_); }

  private:
    void wake() noexcept override { owner_.push(suspended_); }

    turn& owner_;
    task_slot& slot_;
    reader read_;
    std::coroutine_handle<> suspended_;
};

}  // namespace detail

/// Something that was scheduled: an activity, a timer, a child orchestration, or a wait for an
/// external event. `co_await` it for its value, any number of times; a failure is thrown.
///
/// A small value to copy freely. It belongs to the execution that made it and must not be kept
/// outside of its orchestration. Destroying it cancels nothing.
template <class T>
class [[nodiscard]] task_handle {
  public:
    using reader = T (*)(detail::turn&, detail::task_slot&);

    task_handle(detail::turn& owner, detail::task_slot& slot, reader reads) noexcept
        : owner_(&owner), slot_(&slot), read_(reads) {}

    /// True once its end has been seen, so that awaiting it will not suspend. Of a wait for an event:
    /// an event is there for it, which another wait can still read first.
    [[nodiscard]] bool is_done() const noexcept { return slot_->done; }
    [[nodiscard]] bool has_failed() const noexcept { return slot_->reason != nullptr; }
    [[nodiscard]] task_id id() const noexcept { return slot_->id; }

    [[nodiscard]] detail::turn& owner() const noexcept { return *owner_; }
    [[nodiscard]] detail::task_slot& slot() const noexcept { return *slot_; }
    [[nodiscard]] reader read() const noexcept { return read_; }

  private:
    detail::turn* owner_;
    detail::task_slot* slot_;
    reader read_;
};

/// A handle whose call took a value that g++ 12 would destroy twice in an awaiting expression: it is
/// awaited, or given to a combinator, only under a name of its own, in a statement of its own.
template <class T>
class [[nodiscard]] named_task_handle : public task_handle<T> {
  public:
    using task_handle<T>::task_handle;
};

namespace detail {

#if defined(PERDURE_ALLOW_AGGREGATE_TEMPORARIES)
inline constexpr bool allows_temporaries = true;
#else
/// Users of a compiler known to be right may define PERDURE_ALLOW_AGGREGATE_TEMPORARIES.
inline constexpr bool allows_temporaries = false;
#endif

/// A copy of its bytes is a value of its own, so that no compiler can destroy one too often.
template <class T>
inline constexpr bool plain_bytes =
    std::is_trivially_destructible_v<T> && std::is_trivially_move_constructible_v<T>;

/// A temporary of such a type must not be made in an awaiting expression: g++ before version 15
/// destroys the members of a braced aggregate twice there (docs/replay.md).
template <class T>
inline constexpr bool must_be_named =
    !allows_temporaries && std::is_aggregate_v<T> && !plain_bytes<T>;
// What is made from such a temporary, most likely.
template <class T>
inline constexpr bool must_be_named<std::optional<T>> = must_be_named<T>;
template <class First, class Second>
inline constexpr bool must_be_named<std::pair<First, Second>> =
    must_be_named<First> || must_be_named<Second>;
template <class... Parts>
inline constexpr bool must_be_named<std::tuple<Parts...>> = (must_be_named<Parts> || ...);
template <class... Parts>
inline constexpr bool must_be_named<std::variant<Parts...>> = (must_be_named<Parts> || ...);

/// The handle of a call whose input was deduced as `Input&&`.
template <class Out, class Input>
using handle_for = std::conditional_t<!std::is_lvalue_reference_v<Input> &&
                                          must_be_named<std::remove_cv_t<Input>>,
                                      named_task_handle<Out>,
                                      task_handle<Out>>;
/// The handle of a call whose input stands in braces, where nobody can see what is made inside.
template <class Out, class In>
using handle_for_braces = std::conditional_t<allows_temporaries || plain_bytes<In>,
                                             task_handle<Out>,
                                             named_task_handle<Out>>;

template <class Handle>
inline constexpr bool lacks_a_name = false;
template <class T>
inline constexpr bool lacks_a_name<named_task_handle<T>> = true;

/// What the functions that refuse such a handle return: the compiler's message tells the cure.
struct name_the_input_or_the_handle_first;

}  // namespace detail
}  // namespace v1
}  // namespace perdure
