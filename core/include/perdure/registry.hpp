#pragma once

#include <perdure/activity.hpp>
#include <perdure/context.hpp>
#include <perdure/detail/standard_library.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace perdure {
inline namespace v1 {

/// An orchestration as the engine calls it.
struct orchestration_definition {
    std::string name;
    std::string version;
    /// Makes the root coroutine; throws `payload_error` when the input cannot be decoded.
    std::function<std::unique_ptr<detail::root_frame>(context&, const payload& input)> begin;
};

/// An activity as the engine calls it.
struct activity_definition {
    std::string name;
    /// Begins one execution; `done` is called once, perhaps later and from another thread. May
    /// throw instead of calling it.
    std::function<void(const activity_context&, const payload& input, activity_done done)> start;
};

namespace detail {

template <class T>
class root_frame_of final : public root_frame {
  public:
    explicit root_frame_of(orchestration<T> root) : root_(std::move(root)) {}

    [[nodiscard]] std::coroutine_handle<> handle() const noexcept override {
        return root_.handle();
    }
    [[nodiscard]] payload result() override {
        root_.handle().promise().rethrow();
        if constexpr (std::is_void_v<T>) {
            return payload();
        } else {
            const auto& value = root_.handle().promise().value();
            return value ? codec<T>::encode(*value) : payload();
        }
    }

  private:
    orchestration<T> root_;
};

template <class T>
struct is_activity_task : std::false_type {};
template <class T>
struct is_activity_task<activity_task<T>> : std::true_type {};

/// Calls `function` with the context if it takes one, and with the input if there is one.
template <class In, class Function, class... Input>
decltype(auto) call_activity(Function& function,
                             const activity_context& ctx,
                             const Input&... input) {
    if constexpr (std::is_invocable_v<Function&, const activity_context&, const Input&...>) {
        return function(ctx, input...);
    } else {
        return function(input...);
    }
}

/// Starts what an activity's function returned: a coroutine, a value, or nothing.
template <class Out, class Invoke>
void finish_activity(Invoke&& invoke, activity_done& done) {
    using returned = decltype(invoke());
    if constexpr (is_activity_task<returned>::value) {
        invoke().start(std::move(done));
    } else if constexpr (std::is_void_v<Out>) {
        invoke();
        done(payload());
    } else {
        Out value = invoke();
        done(codec<Out>::encode(value));
    }
}

}  // namespace detail

/// The orchestrations and activities that a worker executes. Fill it before starting a worker; a
/// started worker reads it from many threads, so it must not change then.
class PERDURE_EXPORT registry {
  public:
    /// Throws `backend_error` (configuration) when the program's standard library was built otherwise
    /// than core's.
    // NOLINTNEXTLINE: not explicit, because nobody calls it with an argument
    registry(detail::same_library = detail::same_library(PERDURE_STANDARD_LIBRARY)) {}

    /// Adds an orchestration: a function or captureless lambda `orchestration<Out>(context&, In)`,
    /// or `(context&)` for input void. Throws `invalid_input` if name and version are taken.
    template <class In, class Out, class Function>
    registry& add(const orchestrator<In, Out>& what, Function function, std::string version = {}) {
        static_assert(std::is_pointer_v<Function> || std::is_empty_v<Function>,
                      "an orchestration has no captures: its frame outlives the closure; pass what "
                      "it needs as input");
        add_orchestration({what.name, std::move(version),
                           [function](context& ctx, const payload& input) mutable
                           -> std::unique_ptr<detail::root_frame> {
                               if constexpr (std::is_void_v<In>) {
                                   static_cast<void>(input);
                                   return std::make_unique<detail::root_frame_of<Out>>(
                                       function(ctx));
                               } else {
                                   return std::make_unique<detail::root_frame_of<Out>>(
                                       function(ctx, detail::decode_value<In>(input)));
                               }
                           }});
        return *this;
    }

    /// Adds an activity: anything that can be called with `(const activity_context&, const In&)` or
    /// `(const In&)` (no input for void) and returns `Out` or `activity_task<Out>`. Called from many
    /// threads at once. A coroutine takes its input by value.
    template <class In, class Out, class Function>
    registry& add(const activity<In, Out>& what, Function function) {
        add_activity({what.name,
                      [function = std::move(function)](const activity_context& ctx,
                                                       const payload& input,
                                                       activity_done done) mutable {
                          if constexpr (std::is_void_v<In>) {
                              static_cast<void>(input);
                              auto invoke = [&]() -> decltype(auto) {
                                  return detail::call_activity<In>(function, ctx);
                              };
                              detail::finish_activity<Out>(invoke, done);
                          } else {
                              const In value = detail::decode_value<In>(input);
                              auto invoke = [&]() -> decltype(auto) {
                                  return detail::call_activity<In>(function, ctx, value);
                              };
                              detail::finish_activity<Out>(invoke, done);
                          }
                      }});
        return *this;
    }

    void add_orchestration(orchestration_definition definition);
    void add_activity(activity_definition definition);

    /// Null when there is none.
    [[nodiscard]] const orchestration_definition* find_orchestration(
        const std::string& name, const std::string& version) const;
    [[nodiscard]] const activity_definition* find_activity(const std::string& name) const;

    [[nodiscard]] std::vector<const orchestration_definition*> orchestrations() const;
    [[nodiscard]] std::vector<const activity_definition*> activities() const;

  private:
    std::map<std::pair<std::string, std::string>, orchestration_definition> orchestrations_;
    std::map<std::string, activity_definition> activities_;
};

}  // namespace v1
}  // namespace perdure
