#pragma once

#include <perdure/hub.hpp>
#include <perdure/orchestration.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace perdure {
inline namespace v1 {

/// What to do when the id of a start is taken.
enum class reuse_policy {
    /// The start fails, whatever the status of the one that exists.
    never,
    /// One that has ended is replaced; otherwise the start fails.
    replace_ended,
    /// One that exists is terminated if need be, and replaced.
    replace_any,
    /// One that exists is left alone, and the start succeeds.
    keep_existing,
};

struct start_options {
    /// By default an id is generated.
    std::optional<instance_id> id;
    reuse_policy reuse = reuse_policy::never;
    /// Not before this time; by default at once.
    std::optional<timestamp> start_at;
    tag_map tags;
    std::string version;
};

/// The id of a start is taken, and the reuse policy does not allow to replace what is there.
class PERDURE_EXPORT already_exists : public error {
  public:
    already_exists(const instance_id& id, orchestration_status found);
    already_exists(const already_exists&) = default;
    already_exists& operator=(const already_exists&) = default;
    ~already_exists() override;

    [[nodiscard]] orchestration_status status() const noexcept { return status_; }

  private:
    orchestration_status status_;
};

/// There is no instance with this id.
class PERDURE_EXPORT no_such_instance : public error {
  public:
    explicit no_such_instance(const instance_id& id);
    no_such_instance(const no_such_instance&) = default;
    no_such_instance& operator=(const no_such_instance&) = default;
    ~no_such_instance() override;
};

/// The instance has ended, and takes no more messages.
class PERDURE_EXPORT instance_has_ended : public invalid_input {
  public:
    explicit instance_has_ended(const instance_id& id);
    instance_has_ended(const instance_has_ended&) = default;
    instance_has_ended& operator=(const instance_has_ended&) = default;
    ~instance_has_ended() override;
};

/// An orchestration that was waited for failed or was terminated.
class PERDURE_EXPORT orchestration_failed : public task_failed {
  public:
    orchestration_failed(const instance_id& id, orchestration_status status, failure reason);
    orchestration_failed(const orchestration_failed&) = default;
    orchestration_failed& operator=(const orchestration_failed&) = default;
    ~orchestration_failed() override;

    [[nodiscard]] orchestration_status status() const noexcept { return status_; }

  private:
    orchestration_status status_;
};

/// The time to wait was up.
class PERDURE_EXPORT wait_timeout : public error {
  public:
    using error::error;
    wait_timeout(const wait_timeout&) = default;
    wait_timeout& operator=(const wait_timeout&) = default;
    ~wait_timeout() override;
};

/// One of many starts.
struct start_request {
    std::string name;
    payload input;
    start_options options;
};

struct raise_options {
    /// Repeated events with the same message id are dropped; by default one is generated.
    std::string message_id;
};

enum class recursion { this_instance_only, with_children };

/// What became of the wish to control an instance.
enum class control_result {
    /// Its next turn will see it.
    accepted,
    /// A termination that took effect at once: no turn was under way or to come.
    ended,
    /// Nothing: a message with this id was accepted before.
    duplicate,
    /// Nothing: the instance has ended.
    had_ended,
};

/// Starts, watches and controls orchestrations. Many threads may share one client; calls that meet
/// share a commit. Needs no worker in this process.
class PERDURE_EXPORT client {
  public:
    explicit client(hub where);
    client(const client&) = delete;
    client& operator=(const client&) = delete;
    ~client();

    /// Starts an orchestration and returns its id. Durable when it returns. Throws
    /// `already_exists`.
    template <class In, class Out>
    instance_id start(const orchestrator<In, Out>& what,
                      const std::type_identity_t<In>& input,
                      const start_options& options = {}) {
        return start_encoded({what.name, codec<In>::encode(input), options});
    }
    template <class Out>
    instance_id start(const orchestrator<void, Out>& what, const start_options& options = {}) {
        return start_encoded({what.name, payload(), options});
    }
    /// Starts many with generated ids, in as few commits as possible.
    template <class In, class Out>
    std::vector<instance_id> start_many(const orchestrator<In, Out>& what,
                                        std::span<const In> inputs,
                                        const start_options& options = {}) {
        std::vector<start_request> requests;
        requests.reserve(inputs.size());
        for (const In& input : inputs) {
            requests.push_back({what.name, codec<In>::encode(input), options});
        }
        return start_many_encoded(requests);
    }
    instance_id start_encoded(const start_request& request);
    /// All or, after an exception, some; an id that is taken is found before anything is started
    /// in its batch of 500.
    std::vector<instance_id> start_many_encoded(std::span<const start_request> requests);

    /// Waits for the end and returns the result; with `duration::max()` for ever. Throws
    /// `orchestration_failed`, `wait_timeout`, `no_such_instance`.
    template <class Out>
    Out wait(const instance_id& id, any_duration timeout) {
        const instance_record ended = wait_for_end(id, timeout);
        if constexpr (!std::is_void_v<Out>) {
            return codec<Out>::decode(ended.output);
        }
    }
    /// Waits for the end, good or bad, and returns what is known.
    instance_record wait_for_end(const instance_id& id, any_duration timeout, bool throw_on_failure);
    instance_record wait_for_end(const instance_id& id, any_duration timeout) {
        return wait_for_end(id, timeout, true);
    }

    [[nodiscard]] std::optional<instance_record> get(const instance_id& id);
    /// The input that it was started with.
    [[nodiscard]] payload input(const instance_id& id);
    [[nodiscard]] instance_page query(const instance_filter& filter,
                                      std::size_t limit = 100,
                                      const std::string& after = {});
    /// The whole history of the current execution.
    [[nodiscard]] std::vector<history_event> history(const instance_id& id);

    /// Raises an external event. Throws `no_such_instance` and `instance_has_ended`.
    /// Returns `accepted`, or `duplicate` for a message id that was used before.
    template <class T>
    control_result raise_event(const instance_id& id,
                               std::string_view name,
                               const T& content,
                               const raise_options& options = {}) {
        return raise_encoded(id, name, codec<T>::encode(content), options);
    }
    control_result raise_encoded(const instance_id& id,
                                 std::string_view name,
                                 payload content,
                                 const raise_options& options = {});

    /// A suspended instance takes in messages but does not go on. Idempotent. Throws
    /// `no_such_instance` and `instance_has_ended`.
    void suspend(const instance_id& id, const std::string& reason = {});
    void resume(const instance_id& id, const std::string& reason = {});
    /// Ends an instance; one that has ended stays as it is. Throws `no_such_instance`. Returns
    /// `ended`, `accepted` or `had_ended`, of the instance itself.
    ///
    /// With children: also everything that descends from it by parent links, in every execution of
    /// it and even if it has ended itself; never what is detached, nor an instance whose id a child
    /// could not have. All descendants that exist now have ended or been asked to end when this
    /// returns. What an instance has started since is asked by the turn that the termination ends.
    /// When it ends by itself instead, in a turn that was under way, the children of that turn go
    /// on: call again. A repetition does no harm, after an exception either.
    control_result terminate(const instance_id& id,
                             const std::string& reason = {},
                             recursion reach = recursion::this_instance_only);

    /// Makes a parked instance ready again; false when it was not parked.
    bool unpark(const instance_id& id);

    /// Deletes an instance that has ended; `force` deletes any. False when there is none. Throws
    /// `invalid_input` when it has not ended and is not forced.
    bool purge(const instance_id& id, bool force);
    bool purge(const instance_id& id) { return purge(id, false); }
    /// Deletes every ended instance that the filter means; returns how many.
    std::size_t purge(const instance_filter& filter);

    [[nodiscard]] const hub& where() const noexcept;

  private:
    class impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace v1
}  // namespace perdure
