#pragma once

#include <perdure/activity.hpp>
#include <perdure/orchestration.hpp>

#include <concepts>
#include <string>
#include <type_traits>
#include <utility>

namespace perdure {
inline namespace v1 {

namespace detail {
/// The encoded input of a call.
template <class In>
payload encode_input(const In& input) {
    static_assert(encodable<In>,
                  "no codec for this type: include <perdure/codec_cereal.hpp> and give it a cereal "
                  "serialize(), or specialise perdure::codec for it");
    return codec<In>::encode(input);
}

/// Whatever becomes an `In`. A constant temporary goes the way of the braces: a call with either has
/// the same parameter.
template <class Input, class In>
concept input_for = std::convertible_to<Input, const In&> && !std::same_as<Input, const In>;
}  // namespace detail

/// What an orchestration may ask of the engine: to schedule, to wait, and for what is the same at
/// every replay. Belongs to one execution and lives as long as its frame; used between turns, for
/// example by the destructor of a local, it does nothing.
///
/// Every call that schedules does so at once; awaiting the handle is a second act.
class PERDURE_EXPORT context {
  public:
    explicit context(detail::turn& owner) noexcept : turn_(&owner) {}
    context(const context&) = delete;
    context& operator=(const context&) = delete;
    ~context() = default;

    /// Schedules an activity. An input that has a name, or a temporary that g++ 12 gets right in an
    /// awaiting expression, may be awaited at once; otherwise the handle must be named before:
    /// `auto handle = ctx.call(...); co_await handle;`.
    template <class In, class Out, detail::input_for<In> Input>
    detail::handle_for<Out, Input> call(const activity<In, Out>& what,
                                        Input&& input,
                                        const call_options& options = call_options()) {
        return scheduled<detail::handle_for<Out, Input>>(
            what, detail::encode_input<In>(std::forward<Input>(input)), options);
    }
    /// The same with an input in braces.
    template <class In, class Out>
    detail::handle_for_braces<Out, In> call(const activity<In, Out>& what,
                                            const std::type_identity_t<In>&& braced,
                                            const call_options& options = call_options()) {
        return scheduled<detail::handle_for_braces<Out, In>>(
            what, detail::encode_input<In>(braced), options);
    }
    template <class Out>
    task_handle<Out> call(const activity<void, Out>& what,
                          const call_options& options = call_options()) {
        return scheduled<task_handle<Out>>(what, payload(), options);
    }

    /// Starts a child orchestration; its result or failure comes back. A child id that is taken
    /// fails the handle. Inputs as above.
    template <class In, class Out, detail::input_for<In> Input>
    detail::handle_for<Out, Input> call(const orchestrator<In, Out>& what,
                                        Input&& input,
                                        const child_options& options = child_options()) {
        return started<detail::handle_for<Out, Input>>(
            what, detail::encode_input<In>(std::forward<Input>(input)), options);
    }
    template <class In, class Out>
    detail::handle_for_braces<Out, In> call(const orchestrator<In, Out>& what,
                                            const std::type_identity_t<In>&& braced,
                                            const child_options& options = child_options()) {
        return started<detail::handle_for_braces<Out, In>>(
            what, detail::encode_input<In>(braced), options);
    }
    template <class Out>
    task_handle<Out> call(const orchestrator<void, Out>& what,
                          const child_options& options = child_options()) {
        return started<task_handle<Out>>(what, payload(), options);
    }

    /// Starts an orchestration that nobody waits for; returns its id. It has no parent: no
    /// termination of this instance reaches it. Without effect when the id is taken.
    template <class In, class Out>
    instance_id start_detached(const orchestrator<In, Out>& what,
                               const std::type_identity_t<In>& input,
                               const child_options& options = child_options()) {
        return turn_->start_detached(what.name, detail::encode_input<In>(input), options);
    }

    /// A timer that ends after `delay`, counted from `now()`. It survives restarts, however long; one
    /// of `duration::max()`, or of any length that ends beyond `timestamp::max()`, never ends.
    task_handle<void> create_timer(any_duration delay) {
        return create_timer(saturating_add(now(), delay.value()));
    }
    task_handle<void> create_timer(timestamp fire_at);

    /// Takes back what has not ended, so that it never ends: an activity that nobody executes yet is
    /// not executed, one that is being executed is asked to stop when its lease is renewed next; a
    /// wait for an event leaves the event to the next wait. `when_any` passes it over, awaiting it
    /// throws `task_cancelled`. What has ended stays as it is. A child orchestration is an instance
    /// of its own and cannot be taken back: `invalid_input`.
    template <class T>
    void cancel(const task_handle<T>& what) {
        turn_->cancel(what.slot());
    }
    /// The same for a timer; anything else is refused with `invalid_input`.
    void cancel_timer(const task_handle<void>& timer) { turn_->cancel_timer(timer.slot()); }
    /// Takes back all that a `when_any` waited for, but what ended first and child orchestrations.
    void cancel_losers(const first_of& first);

    /// Waits for the next external event of this name (case counts). An event that nobody has read
    /// is kept until somebody reads it; those of one name are read in the order of their arrival,
    /// whichever wait reads them.
    template <class T>
    task_handle<T> wait_for_event(std::string_view name) {
        return task_handle<T>(*turn_, turn_->wait_for_event(name, std::nullopt),
                              &detail::slot_value<T>);
    }
    /// The same for a limited time; nothing when the time was up first. An event that comes later
    /// is kept for the next wait.
    template <class T>
    task_handle<std::optional<T>> wait_for_event(std::string_view name, any_duration timeout) {
        return task_handle<std::optional<T>>(*turn_, turn_->wait_for_event(name, timeout.value()),
                                             &detail::slot_value_or_timeout<T>);
    }
    /// Sends an external event to another instance. Dropped when that is missing or has ended.
    template <class T>
    void send_event(const instance_id& target, std::string_view name, const T& content) {
        turn_->send_event(target, name, codec<T>::encode(content));
    }

    /// Ends this execution when the orchestration returns, and begins the next one with this input
    /// and an empty history. Return its value, or just return from an `orchestration<void>`.
    template <class T>
    continued continue_as_new(const T& input,
                              const continue_options& options = continue_options()) {
        turn_->continue_as_new(codec<T>::encode(input), options);
        return continued();
    }

    /// Shows this value to whoever looks at the instance.
    template <class T>
    void set_custom_status(const T& status) {
        turn_->set_custom_status(codec<T>::encode(status));
    }
    void clear_custom_status() { turn_->set_custom_status(payload()); }

    /// Writes to the engine's log, once: silent while replaying.
    void log(log_level level, std::string text) { turn_->log(level, std::move(text)); }

    /// The time of this turn, the same at every replay.
    [[nodiscard]] timestamp now() const noexcept { return turn_->now(); }
    /// A random UUID, the same at every replay.
    [[nodiscard]] uuid new_id();
    /// 64 random bits, the same at every replay.
    [[nodiscard]] std::uint64_t random() { return turn_->random(); }
    /// True while old history is repeated. For diagnostics only: never decide by it.
    [[nodiscard]] bool is_replaying() const noexcept { return turn_->is_replaying(); }

    [[nodiscard]] const instance_id& instance() const noexcept { return turn_->instance(); }
    [[nodiscard]] execution_id execution() const noexcept { return turn_->execution(); }
    [[nodiscard]] const std::string& name() const noexcept { return turn_->start().name; }
    [[nodiscard]] const std::string& version() const noexcept { return turn_->start().version; }
    [[nodiscard]] const tag_map& tags() const noexcept { return turn_->start().tags; }
    [[nodiscard]] const std::optional<parent_link>& parent() const noexcept {
        return turn_->start().parent;
    }

  private:
    friend detail::turn& detail::turn_of(context& ctx) noexcept;

    template <class Handle, class In, class Out>
    Handle scheduled(const activity<In, Out>& what, payload input, const call_options& options) {
        return Handle(*turn_, turn_->schedule_activity(what.name, std::move(input), options),
                      &detail::slot_value<Out>);
    }
    template <class Handle, class In, class Out>
    Handle started(const orchestrator<In, Out>& what, payload input, const child_options& options) {
        return Handle(*turn_, turn_->start_child(what.name, std::move(input), options),
                      &detail::slot_value<Out>);
    }

    detail::turn* turn_;
};

}  // namespace v1
}  // namespace perdure
