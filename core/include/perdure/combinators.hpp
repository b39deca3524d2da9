#pragma once

#include <perdure/task_handle.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

// Waiting for several things at once. All of them take handles, schedule nothing, and leave what
// they do not wait for open.

namespace perdure {
inline namespace v1 {

namespace detail {

/// How a `void` result stands in a tuple or vector.
template <class T>
using value_or_unit = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class T>
value_or_unit<T> read_value(const task_handle<T>& handle) {
    if constexpr (std::is_void_v<T>) {
        handle.read()(handle.owner(), handle.slot());
        return {};
    } else {
        return handle.read()(handle.owner(), handle.slot());
    }
}

/// The slots that something waits for, and how many of them must be done.
class PERDURE_EXPORT slot_group {
  public:
    enum class goal { one, all };

    slot_group(turn* owner, std::vector<task_slot*> slots, goal wanted);

    [[nodiscard]] bool is_reached() const noexcept;
    [[nodiscard]] bool is_one() const noexcept { return goal_ == goal::one; }
    /// The done slot whose end came first; null when none is done.
    [[nodiscard]] const task_slot* first_done() const noexcept;
    /// The failed slot whose end came first; null when none failed.
    [[nodiscard]] const task_slot* first_failed() const noexcept;
    [[nodiscard]] const std::vector<task_slot*>& slots() const noexcept { return slots_; }
    [[nodiscard]] turn* owner() const noexcept { return owner_; }

  private:
    turn* owner_;
    std::vector<task_slot*> slots_;
    goal goal_;
};

/// Suspends until the group's goal is reached.
class PERDURE_EXPORT group_waiter final : public waiter {
  public:
    explicit group_waiter(slot_group group);
    group_waiter(const group_waiter&) = delete;
    group_waiter& operator=(const group_waiter&) = delete;
    ~group_waiter();

    /// Whether the goal is reached without suspending.
    [[nodiscard]] bool is_ready();
    void suspend(std::coroutine_handle<> handle);
    [[nodiscard]] const slot_group& group() const noexcept { return group_; }

  private:
    void wake() noexcept override;

    slot_group group_;
    std::size_t open_ = 0;
    bool woken_ = false;
    std::coroutine_handle<> suspended_;
};

/// What a combinator returns: a group, and how its value is made once the goal is reached.
template <class Value>
class [[nodiscard]] combined {
  public:
    combined(slot_group group, std::function<Value(const slot_group&)> make)
        : group_(std::move(group)), make_(std::move(make)) {}

    class awaiter {
      public:
        explicit awaiter(combined&& source)
            : waiter_(std::move(source.group_)), make_(std::move(source.make_)) {}
        awaiter(const awaiter&) = delete;
        awaiter& operator=(const awaiter&) = delete;
        ~awaiter() = default;

        [[nodiscard]] bool await_ready() { return waiter_.is_ready(); }
        void await_suspend(std::coroutine_handle<> handle) { waiter_.suspend(handle); }
        Value await_resume() { return make_(waiter_.group()); }

      private:
        group_waiter waiter_;
        std::function<Value(const slot_group&)> make_;
    };

  private:
    slot_group group_;
    std::function<Value(const slot_group&)> make_;
};

}  // namespace detail

/// The outcome of one task, value or failure, without an exception.
template <class T>
class outcome {
  public:
    explicit outcome(detail::value_or_unit<T> value) : value_(std::move(value)) {}
    explicit outcome(std::shared_ptr<const failure> reason) : value_(std::move(reason)) {}

    [[nodiscard]] bool has_failed() const noexcept { return value_.index() == 1; }
    /// The value; throws `task_failed` if there is none.
    [[nodiscard]] const detail::value_or_unit<T>& value() const {
        if (has_failed()) {
            throw task_failed(reason());
        }
        return std::get<0>(value_);
    }
    /// The failure; only if there is one.
    [[nodiscard]] const failure& reason() const { return *std::get<1>(value_); }

  private:
    std::variant<detail::value_or_unit<T>, std::shared_ptr<const failure>> value_;
};

/// Which of several tasks ended first.
class first_of {
  public:
    first_of(const std::vector<detail::task_slot*>& all, std::size_t index)
        : all_(all), index_(index) {}

    template <class T>
    [[nodiscard]] bool is(const task_handle<T>& handle) const noexcept {
        return &handle.slot() == all_[index_];
    }
    /// Its place among the arguments, from 0.
    [[nodiscard]] std::size_t index() const noexcept { return index_; }
    /// What was awaited, in the order of the arguments.
    [[nodiscard]] const std::vector<detail::task_slot*>& slots() const noexcept { return all_; }

  private:
    std::vector<detail::task_slot*> all_;
    std::size_t index_;
};

namespace detail {
PERDURE_EXPORT first_of which_first(const slot_group& group);
PERDURE_EXPORT void throw_first_failure(const slot_group& group);

template <class T>
outcome<T> read_outcome(const task_handle<T>& handle) {
    if (handle.slot().reason) {
        return outcome<T>(handle.slot().reason);
    }
    return outcome<T>(read_value(handle));
}

template <class T>
std::vector<task_slot*> slots_of(const std::vector<task_handle<T>>& handles) {
    std::vector<task_slot*> slots;
    slots.reserve(handles.size());
    for (const auto& handle : handles) {
        slots.push_back(&handle.slot());
    }
    return slots;
}

template <class T>
turn* owner_of(const std::vector<task_handle<T>>& handles) {
    return handles.empty() ? nullptr : &handles.front().owner();
}
}  // namespace detail

// A handle whose call took a temporary that g++ 12 would destroy twice: name the input, or the
// handle, in a statement before.
template <class... Handles>
    requires(detail::lacks_a_name<Handles> || ...)
detail::name_the_input_or_the_handle_first when_all(
    Handles&&... name_the_input_or_the_handle_first) = delete;
template <class... Handles>
    requires(detail::lacks_a_name<Handles> || ...)
detail::name_the_input_or_the_handle_first when_all_settled(
    Handles&&... name_the_input_or_the_handle_first) = delete;
template <class... Handles>
    requires(detail::lacks_a_name<Handles> || ...)
detail::name_the_input_or_the_handle_first when_any(
    Handles&&... name_the_input_or_the_handle_first) = delete;

/// Waits for all, then gives their values as a tuple, `std::monostate` for void. If some failed, the
/// failure that is earliest in the history is thrown, after all have ended.
template <class First, class... Rest>
auto when_all(task_handle<First> first, task_handle<Rest>... rest) {
    using value = std::tuple<detail::value_or_unit<First>, detail::value_or_unit<Rest>...>;
    return detail::combined<value>(
        detail::slot_group(&first.owner(), {&first.slot(), &rest.slot()...},
                           detail::slot_group::goal::all),
        [first, rest...](const detail::slot_group& group) {
            detail::throw_first_failure(group);
            return value(detail::read_value(first), detail::read_value(rest)...);
        });
}

/// The same for any number of handles of one type: a vector of their values, in the same order.
template <class T>
auto when_all(std::vector<task_handle<T>> handles) {
    using value = std::vector<detail::value_or_unit<T>>;
    detail::slot_group group(detail::owner_of(handles), detail::slots_of(handles),
                             detail::slot_group::goal::all);
    return detail::combined<value>(
        std::move(group), [handles = std::move(handles)](const detail::slot_group& reached) {
            detail::throw_first_failure(reached);
            value values;
            values.reserve(handles.size());
            for (const auto& handle : handles) {
                values.push_back(detail::read_value(handle));
            }
            return values;
        });
}

/// Waits for all and gives an `outcome` for each; throws nothing.
template <class First, class... Rest>
auto when_all_settled(task_handle<First> first, task_handle<Rest>... rest) {
    using value = std::tuple<outcome<First>, outcome<Rest>...>;
    return detail::combined<value>(
        detail::slot_group(&first.owner(), {&first.slot(), &rest.slot()...},
                           detail::slot_group::goal::all),
        [first, rest...](const detail::slot_group&) {
            return value(detail::read_outcome(first), detail::read_outcome(rest)...);
        });
}

template <class T>
auto when_all_settled(std::vector<task_handle<T>> handles) {
    using value = std::vector<outcome<T>>;
    detail::slot_group group(detail::owner_of(handles), detail::slots_of(handles),
                             detail::slot_group::goal::all);
    return detail::combined<value>(
        std::move(group), [handles = std::move(handles)](const detail::slot_group&) {
            value outcomes;
            outcomes.reserve(handles.size());
            for (const auto& handle : handles) {
                outcomes.push_back(detail::read_outcome(handle));
            }
            return outcomes;
        });
}

/// Waits until one has ended and tells which: the one whose end is earliest in the history. The
/// others stay open, and their results are ignored unless they are awaited later; an activity goes
/// on unless it is taken back (`context::cancel_losers`), and an event that nobody reads stays
/// unread.
template <class First, class... Rest>
auto when_any(task_handle<First> first, task_handle<Rest>... rest) {
    return detail::combined<first_of>(
        detail::slot_group(&first.owner(), {&first.slot(), &rest.slot()...},
                           detail::slot_group::goal::one),
        &detail::which_first);
}

/// The same for a vector, which must not be empty.
template <class T>
auto when_any(const std::vector<task_handle<T>>& handles) {
    if (handles.empty()) {
        throw invalid_input("when_any: the vector of handles is empty, so nothing can end first");
    }
    return detail::combined<first_of>(
        detail::slot_group(detail::owner_of(handles), detail::slots_of(handles),
                           detail::slot_group::goal::one),
        &detail::which_first);
}

}  // namespace v1
}  // namespace perdure
