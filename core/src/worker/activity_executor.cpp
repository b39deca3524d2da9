#include "worker/activity_executor.hpp"

#include "messages.hpp"
#include "nouns/checks.hpp"
#include "replay/checkpoint_builder.hpp"

#include <fmt/format.h>

#include <atomic>
#include <utility>

namespace perdure::dispatch {

namespace {

finished_item completion_of(const item_ptr& item, std::string event) {
    const activity_work& work = item->activity();
    const std::size_t bytes = event.size() + 256;
    return {{.instance = work.instance,
             .execution = work.execution,
             .held = work.held,
             .activity = ended_activity{.task = work.task, .event = std::move(event)}},
            item,
            bytes};
}

finished_item failure_of(const item_ptr& item, const failure& reason) {
    return completion_of(item, messages::failed(event_kind::task_failed, reason));
}

activity_context context_of(const item_ptr& item) {
    const activity_work& work = item->activity();
    auto details = replay::decode_details(work.details, work.task);
    return {work.instance,
            work.execution,
            work.task,
            details.first_task,
            details.attempt,
            item->delivery(),
            work.name,
            std::move(details.tags),
            item->cancelled.get_token(),
            {item, &item->keeps_result}};
}

}  // namespace

/// One activity under way; lives until its end was reported or the author dropped `done`.
class activity_executor::call : public std::enable_shared_from_this<call> {
  public:
    call(item_ptr item, late_end later)
        : item_(std::move(item)), context_(context_of(item_)), later_(std::move(later)) {}
    call(const call&) = delete;
    call& operator=(const call&) = delete;
    /// With nobody left who could answer, the activity cannot end any more.
    ~call() {
        if (is_answered_) {
            return;
        }
        try {
            later_(item_, std::nullopt);
        } catch (...) {
            // The worker knows of it; only a thread to deal with it at once could not be had.
            return;
        }
    }

    [[nodiscard]] activity_result& result() noexcept { return result_; }

    /// True when the end has come already; otherwise it is reported to `later_`.
    [[nodiscard]] bool begin(const activity_definition& definition) {
        try {
            definition.start(context_,
                             item_->activity().input,
                             [self = this->shared_from_this()](activity_result result) {
                                 self->end(std::move(result));
                             });
        } catch (...) {
            end(detail::describe_activity_exception(std::current_exception()));
        }
        auto expected = state::starting;
        return !state_.compare_exchange_strong(expected, state::under_way);
    }

  private:
    enum class state { starting, under_way, ended };

    /// Only the first call counts. The exchange that ends the call publishes the result.
    void end(activity_result result) {
        if (is_answered_.exchange(true)) {
            return;
        }
        result_ = std::move(result);
        if (state_.exchange(state::ended) == state::under_way) {
            later_(item_, std::move(result_));
        }
    }

    item_ptr item_;
    activity_context context_;
    late_end later_;
    activity_result result_;
    std::atomic<bool> is_answered_{false};
    std::atomic<state> state_{state::starting};
};

executed activity_executor::execute(const item_ptr& item, late_end later) {
    const activity_work& work = item->activity();
    if (item->is_exhausted(options_.deliveries_max)) {
        return refuse(item);
    }
    const auto* definition = registry_.find_activity(work.name);
    if (definition == nullptr) {
        return {executed::then::abandon,
                std::nullopt,
                fmt::format("the store handed out activity \"{}\", which this worker has not",
                            work.name)};
    }
    if (log_.is_on()) {
        log_.write(log_event::activity_started,
                   log_level::debug,
                   work.instance.text(),
                   "an activity begins",
                   {{"name", work.name},
                    {"task", std::to_string(work.task.value)},
                    {"delivery", std::to_string(item->delivery())}});
    }
    const auto under_way = std::make_shared<call>(item, std::move(later));
    if (!under_way->begin(*definition)) {
        return {executed::then::wait, std::nullopt, {}};
    }
    return finish(item, std::move(under_way->result()));
}

activity_result activity_executor::bounded(activity_result result) const {
    if (auto* reason = std::get_if<failure>(&result)) {
        return checks::bounded(std::move(*reason));
    }
    if (const auto* value = std::get_if<payload>(&result);
        value != nullptr && value->bytes.size() > options_.payload_bytes_max) {
        failure reason(failure_type::payload_too_large,
                       fmt::format("the result has {} bytes; {} are allowed (payload_bytes_max)",
                                   value->bytes.size(),
                                   options_.payload_bytes_max));
        reason.non_retriable = true;
        return reason;
    }
    return result;
}

executed activity_executor::finish(const item_ptr& item, activity_result result) const {
    const activity_work& work = item->activity();
    if (item->is_given_up()) {
        if (log_.is_on()) {
            log_.write(log_event::activity_given_up,
                       log_level::warning,
                       work.instance.text(),
                       "what an activity ended with after it was asked to stop does not count",
                       {{"name", work.name}, {"task", std::to_string(work.task.value)}});
        }
        return {executed::then::give_up, std::nullopt, {}};
    }
    result = bounded(std::move(result));
    if (const auto* reason = std::get_if<failure>(&result)) {
        if (log_.is_on()) {
            log_.write(log_event::activity_failed,
                       log_level::warning,
                       work.instance.text(),
                       "an activity failed: " + reason->message,
                       {{"name", work.name},
                        {"task", std::to_string(work.task.value)},
                        {"type", reason->type}});
        }
        return {executed::then::commit, failure_of(item, *reason), {}};
    }
    if (log_.is_on()) {
        log_.write(log_event::activity_completed,
                   log_level::debug,
                   work.instance.text(),
                   "an activity completed",
                   {{"name", work.name}, {"task", std::to_string(work.task.value)}});
    }
    auto event = messages::completed(event_kind::task_completed, std::get<payload>(result));
    return {executed::then::commit, completion_of(item, std::move(event)), {}};
}

executed activity_executor::refuse(const item_ptr& item) const {
    const activity_work& work = item->activity();
    failure reason(failure_type::attempts_exhausted,
                   fmt::format("activity \"{}\" was delivered {} times and never ended; the limit "
                               "is {} (deliveries_max)",
                               work.name,
                               item->delivery() - 1,
                               options_.deliveries_max));
    reason.non_retriable = true;
    if (log_.is_on()) {
        log_.write(log_event::activity_attempts_exhausted,
                   log_level::error,
                   work.instance.text(),
                   reason.message,
                   {{"name", work.name}, {"task", std::to_string(work.task.value)}});
    }
    return {executed::then::commit, failure_of(item, reason), {}};
}

finished_item activity_executor::substitute(const item_ptr& item, const std::string& reason) {
    item->is_substitute = true;
    failure refused(failure_type::store_rejected,
                    "the store refuses the result of the activity: " + reason);
    refused.non_retriable = true;
    return failure_of(item, refused);
}

}  // namespace perdure::dispatch
