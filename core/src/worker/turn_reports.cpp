#include "worker/turn_reports.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace perdure::dispatch {

namespace {

log_event event_of(replay::remark::kind what) noexcept {
    switch (what) {
        case replay::remark::kind::drift:
            return log_event::input_drifted;
        case replay::remark::kind::large_turn:
            return log_event::turn_is_large;
        case replay::remark::kind::ignored:
            break;
    }
    return log_event::message_dropped;
}

}  // namespace

void turn_reports::begins(const leased_item& item) const {
    if (log_.is_on()) {
        const auto& work = std::get<orchestration_work>(item.work);
        log_.write(log_event::turn_started,
                   log_level::debug,
                   work.instance.text(),
                   "a turn begins",
                   {{"name", work.name},
                    {"messages", std::to_string(work.inbox.size())},
                    {"history_length", std::to_string(work.history_length)},
                    {"delivery", std::to_string(item.delivery())}});
    }
}

void turn_reports::write_lines(const orchestration_work& work, const replay::turn_result& result) {
    if (!log_.is_on()) {
        return;
    }
    for (const auto& line : result.author_log) {
        log_.write(log_event::author_message,
                   line.level,
                   work.instance.text(),
                   line.text,
                   {{"name", work.name}});
    }
    const auto is_drift = [](const replay::remark& each) {
        return each.what == replay::remark::kind::drift;
    };
    const bool is_drift_news =
        std::ranges::any_of(result.remarks, is_drift) && drifts_.is_news(work.execution);
    for (const replay::remark& each : result.remarks) {
        if (is_drift_news || !is_drift(each)) {
            log_.write(event_of(each.what),
                       log_level::warning,
                       work.instance.text(),
                       each.text,
                       {{"name", work.name}});
        }
    }
}

void turn_reports::warn_of_length(const orchestration_work& work, std::size_t added) const {
    const std::uint64_t length = work.history_length + added;
    if (log_.is_on() && work.history_length < options_.history_warning &&
        length >= options_.history_warning) {
        log_.write(log_event::history_is_long,
                   log_level::warning,
                   work.instance.text(),
                   fmt::format("the history has {} events; continue-as-new keeps it short", length),
                   {{"name", work.name}, {"history_length", std::to_string(length)}});
    }
}

bool reported_drifts::is_news(const execution_id& execution) {
    constexpr std::size_t kept_max = 10'000;
    const std::lock_guard guard(mutex_);
    if (!known_.insert(execution).second) {
        return false;
    }
    order_.push_back(execution);
    if (order_.size() > kept_max) {
        known_.erase(order_.front());
        order_.pop_front();
    }
    return true;
}

}  // namespace perdure::dispatch
