#pragma once

#include <perdure/codec.hpp>
#include <perdure/history.hpp>
#include <perdure/retry.hpp>

#include <coroutine>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// The seam between the templates that an author uses and the replay core. Not for direct use.

namespace perdure {
inline namespace v1 {

/// Settings of one call of an activity; every one has a default.
class call_options {
  public:
    call_options() {}  // NOLINT: a user-provided constructor keeps it from being an aggregate

    call_options& retry(retry_policy policy) {
        retry_ = std::move(policy);
        return *this;
    }
    /// Only workers that serve this queue take the activity.
    call_options& queue(std::string name) {
        queue_ = std::move(name);
        return *this;
    }
    /// Higher goes first; the default is 0.
    call_options& priority(int level) {
        priority_ = level;
        return *this;
    }
    call_options& tag(std::string key, std::string value) {
        tags_.insert_or_assign(std::move(key), std::move(value));
        return *this;
    }

    std::optional<retry_policy> retry_;
    std::string queue_;
    int priority_ = 0;
    tag_map tags_;
};

/// Settings of the start of a child orchestration.
class child_options {
  public:
    child_options() {}  // NOLINT: a user-provided constructor keeps it from being an aggregate

    /// The child's id; by default one is made from the execution id and the task id.
    child_options& id(instance_id chosen) {
        id_ = std::move(chosen);
        return *this;
    }
    /// Each attempt is a new instance; with a chosen id the attempt number is appended.
    child_options& retry(retry_policy policy) {
        retry_ = std::move(policy);
        return *this;
    }
    child_options& version(std::string text) {
        version_ = std::move(text);
        return *this;
    }
    /// Added to the parent's tags, which a child inherits.
    child_options& tag(std::string key, std::string value) {
        tags_.insert_or_assign(std::move(key), std::move(value));
        return *this;
    }

    std::optional<instance_id> id_;
    std::optional<retry_policy> retry_;
    std::optional<std::string> version_;
    tag_map tags_;
};

/// Settings of continue-as-new.
class continue_options {
  public:
    continue_options() {}  // NOLINT: a user-provided constructor keeps it from being an aggregate

    /// External events that nobody has read are dropped; by default the next execution gets them.
    continue_options& drop_unread_events() {
        keep_events_ = false;
        return *this;
    }
    continue_options& version(std::string text) {
        version_ = std::move(text);
        return *this;
    }

    bool keep_events_ = true;
    std::optional<std::string> version_;
};

enum class log_level : std::uint8_t { debug, info, warning, error };

namespace detail {

/// Something suspended that wants to hear of the end of a task.
class waiter {
  public:
    virtual void wake() noexcept = 0;

  protected:
    ~waiter() = default;
};

/// One thing that the code scheduled or waits for. Owned by the turn, at a stable address, for as
/// long as the frame lives.
struct task_slot {
    task_id id{};
    event_kind kind{};
    /// Of a wait for an event that nobody has read: an event is there for it now.
    bool done = false;
    /// Of a wait for an event: the time was up first.
    bool timed_out = false;
    /// Taken back by the author: it never ends, and has a reason that says so.
    bool cancelled = false;
    /// The position of its end among all ends and events of this execution, from 1.
    std::uint64_t done_order = 0;
    std::string name;
    payload result;
    std::shared_ptr<const failure> reason;
    std::vector<waiter*> waiters;

    /// Whether nothing more will come for it.
    [[nodiscard]] bool is_settled() const noexcept { return done || cancelled; }
};

/// What the authoring templates ask of the replay core. One thread at a time.
class PERDURE_EXPORT turn {
  public:
    virtual task_slot& schedule_activity(std::string_view name,
                                         payload input,
                                         const call_options& options) = 0;
    virtual task_slot& start_child(std::string_view name,
                                   payload input,
                                   const child_options& options) = 0;
    /// A child that nobody waits for; returns its id.
    virtual instance_id start_detached(std::string_view name,
                                       payload input,
                                       const child_options& options) = 0;
    virtual task_slot& create_timer(timestamp fire_at) = 0;
    virtual void cancel(task_slot& slot) = 0;
    virtual void cancel_timer(task_slot& slot) = 0;
    /// The code is about to await these.
    virtual void await(std::span<task_slot* const> slots) = 0;
    /// The value of a wait for an event is read.
    virtual void read_event(task_slot& slot) = 0;
    virtual task_slot& wait_for_event(std::string_view name, std::optional<duration> timeout) = 0;
    virtual void send_event(const instance_id& target, std::string_view name, payload content) = 0;
    virtual void continue_as_new(payload input, const continue_options& options) = 0;
    virtual void set_custom_status(payload status) = 0;
    virtual void log(log_level level, std::string text) = 0;

    [[nodiscard]] virtual timestamp now() const noexcept = 0;
    [[nodiscard]] virtual std::uint64_t random() = 0;
    [[nodiscard]] virtual bool is_replaying() const noexcept = 0;
    [[nodiscard]] virtual const instance_id& instance() const noexcept = 0;
    [[nodiscard]] virtual execution_id execution() const noexcept = 0;
    [[nodiscard]] virtual const history_event& start() const noexcept = 0;

    /// Queues a coroutine for resumption; the turn resumes in FIFO order and nowhere else.
    virtual void push(std::coroutine_handle<> handle) = 0;
    /// A recorded value cannot be decoded: the turn ends with a fault that user code cannot swallow.
    virtual void report_undecodable(const task_slot& slot, const std::string& problem) = 0;

  protected:
    turn() = default;
    turn(const turn&) = default;
    turn& operator=(const turn&) = default;
    ~turn() = default;
};

/// Throws the failure of a slot as the exception that fits its kind.
[[noreturn]] PERDURE_EXPORT void throw_failure(const task_slot& slot);

/// An exception that left user code, as data. Call within a catch block or with a caught exception.
[[nodiscard]] PERDURE_EXPORT failure describe_exception(const std::exception_ptr& thrown);

/// The root of an orchestration's coroutines.
class PERDURE_EXPORT root_frame {
  public:
    root_frame() = default;
    root_frame(const root_frame&) = delete;
    root_frame& operator=(const root_frame&) = delete;
    virtual ~root_frame();

    [[nodiscard]] virtual std::coroutine_handle<> handle() const noexcept = 0;
    /// The result of a finished root; throws what its code threw.
    [[nodiscard]] virtual payload result() = 0;
};

}  // namespace detail
}  // namespace v1
}  // namespace perdure
