#pragma once

#include <perdure/export.hpp>

#include <map>
#include <memory>
#include <stdexcept>
#include <string>

namespace perdure {
inline namespace v1 {

/// Why user code failed, as data: it is written to the history and crosses processes and languages,
/// where the C++ exception it came from does not.
struct failure {
    /// The exception's type, or a name that the author chose; "perdure." begins our own.
    std::string type;
    std::string message;
    std::string stack_trace;
    /// No retry policy tries again.
    bool non_retriable = false;
    std::map<std::string, std::string> properties;
    /// The failure that caused this one, if any.
    std::shared_ptr<const failure> inner;

    failure() = default;
    failure(std::string type_name, std::string text)
        : type(std::move(type_name)), message(std::move(text)) {}

    friend bool operator==(const failure& a, const failure& b) {
        const bool same_inner = a.inner && b.inner ? *a.inner == *b.inner : a.inner == b.inner;
        return same_inner && a.type == b.type && a.message == b.message &&
               a.stack_trace == b.stack_trace && a.non_retriable == b.non_retriable &&
               a.properties == b.properties;
    }
};

/// The types of the failures that Perdure itself makes, for a `catch` and for
/// `retry_policy::non_retriable`. None of them is tried again.
namespace failure_type {
/// A child was terminated, replaced or purged, which is somebody's decision.
inline constexpr const char* terminated = "perdure.terminated";
inline constexpr const char* replaced = "perdure.replaced";
inline constexpr const char* purged = "perdure.purged";
/// A child was not started: its id is taken.
inline constexpr const char* instance_exists = "perdure.instance_exists";
/// An activity was begun as often as a worker allows, and never ended.
inline constexpr const char* attempts_exhausted = "perdure.attempts_exhausted";
/// An input or result cannot be written or read, or is too large; or the store refuses it.
inline constexpr const char* payload_error = "perdure.payload_error";
inline constexpr const char* payload_too_large = "perdure.payload_too_large";
inline constexpr const char* store_rejected = "perdure.store_rejected";
/// The orchestration itself took the task back.
inline constexpr const char* cancelled = "perdure.cancelled";
}  // namespace failure_type

/// The root of every exception that Perdure itself throws.
class PERDURE_EXPORT error : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
    error(const error&) = default;
    error& operator=(const error&) = default;
    ~error() override;
};

/// The caller passed something that cannot be accepted. The text says what was wrong, where, and
/// what is allowed. Nothing was changed.
class PERDURE_EXPORT invalid_input : public error {
  public:
    using error::error;
    invalid_input(const invalid_input&) = default;
    invalid_input& operator=(const invalid_input&) = default;
    ~invalid_input() override;
};

/// Thrown at `co_await` when a scheduled activity or child orchestration failed; carries the
/// recorded failure. User code may throw one itself to choose the recorded type and whether a
/// retry makes sense.
class PERDURE_EXPORT task_failed : public error {
  public:
    explicit task_failed(failure reason);
    task_failed(const task_failed&) = default;
    task_failed& operator=(const task_failed&) = default;
    ~task_failed() override;

    [[nodiscard]] const failure& reason() const noexcept { return *reason_; }

  private:
    std::shared_ptr<const failure> reason_;
};

/// An activity failed, after the retries that its call asked for.
class PERDURE_EXPORT activity_failed : public task_failed {
  public:
    using task_failed::task_failed;
    activity_failed(const activity_failed&) = default;
    activity_failed& operator=(const activity_failed&) = default;
    ~activity_failed() override;
};

/// A child orchestration failed, was terminated, or could not be started.
class PERDURE_EXPORT child_failed : public task_failed {
  public:
    using task_failed::task_failed;
    child_failed(const child_failed&) = default;
    child_failed& operator=(const child_failed&) = default;
    ~child_failed() override;
};

/// What is awaited was taken back by `context::cancel`, so that it can never end.
class PERDURE_EXPORT task_cancelled : public task_failed {
  public:
    using task_failed::task_failed;
    task_cancelled(const task_cancelled&) = default;
    task_cancelled& operator=(const task_cancelled&) = default;
    ~task_cancelled() override;
};

}  // namespace v1
}  // namespace perdure
