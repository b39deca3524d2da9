#pragma once

#include "replay/definition_source.hpp"
#include "worker/text_frame.hpp"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

// The second executor of turns: texts, executed on the thread of a connection that can be lost.

namespace perdure::testing {

/// A turn between its machine and its connection. Whoever outlives the other keeps it.
class text_turn {
  public:
    using state = replay::turn_state;

    explicit text_turn(std::vector<text_line> code) : frame(std::move(code)) {}

    void ask() {
        const std::lock_guard guard(mutex_);
        answer_.reset();
    }
    /// The first one counts.
    void answer(state with) {
        std::function<void()> listener;
        {
            const std::lock_guard guard(mutex_);
            if (answer_) {
                return;
            }
            answer_ = std::move(with);
            listener = std::exchange(listener_, nullptr);
        }
        if (listener) {
            listener();
        }
    }
    [[nodiscard]] state answered() {
        const std::lock_guard guard(mutex_);
        return answer_ ? *answer_ : state::waiting_elsewhere();
    }
    void when_answered(std::function<void()> listener) {
        {
            const std::lock_guard guard(mutex_);
            if (!answer_) {
                listener_ = std::move(listener);
                return;
            }
        }
        listener();
    }

    /// Of the side that has the question, then of the one that has the answer.
    text_frame frame;

  private:
    std::mutex mutex_;
    std::optional<state> answer_;
    std::function<void()> listener_;
};

using turn_ptr = std::shared_ptr<text_turn>;

/// The executor at the other end, with its own thread. Answers so many questions, then none until
/// it may go on. Once lost it stays lost.
class text_connection {
  public:
    using question = std::function<replay::turn_state(text_frame&)>;

    text_connection(text_code served, std::size_t answers)
        : code(std::move(served)),
          answers_left_(answers),
          thread_([this](const std::stop_token& end) { serve(end); }) {}
    text_connection(const text_connection&) = delete;
    text_connection& operator=(const text_connection&) = delete;
    ~text_connection() = default;

    /// False when it is lost.
    [[nodiscard]] bool ask(const turn_ptr& turn, question what) {
        turn->ask();
        const std::lock_guard guard(mutex_);
        if (!is_lost_) {
            asked_.emplace_back(turn, std::move(what));
            changed_.notify_all();
        }
        return !is_lost_;
    }
    void go_on() {
        const std::lock_guard guard(mutex_);
        answers_left_ = SIZE_MAX;
        changed_.notify_all();
    }
    /// Whether so many turns are asked for and not answered, at last.
    [[nodiscard]] bool await_asked(std::size_t wanted) {
        std::unique_lock guard(mutex_);
        return changed_.wait_for(
            guard, std::chrono::seconds(20), [&] { return asked_.size() >= wanted; });
    }
    void lose() {
        std::deque<std::pair<turn_ptr, question>> left;
        {
            const std::lock_guard guard(mutex_);
            is_lost_ = true;
            left.swap(asked_);
        }
        for (const auto& [turn, what] : left) {
            turn->answer(replay::turn_state::lost_by("the connection is lost"));
        }
    }

    /// Its thread may be the one that drops the last of everything else, so somebody else ends it.
    void end() {
        lose();
        thread_.request_stop();
        thread_.join();
    }

    const text_code code;

  private:
    void serve(const std::stop_token& end) {
        std::unique_lock guard(mutex_);
        while (changed_.wait(guard, end, [this] { return answers_left_ > 0 && !asked_.empty(); })) {
            --answers_left_;
            auto [turn, what] = std::move(asked_.front());
            asked_.pop_front();
            guard.unlock();
            turn->answer(what(turn->frame));
            turn.reset();
            guard.lock();
        }
    }

    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<std::pair<turn_ptr, question>> asked_;
    std::size_t answers_left_;
    bool is_lost_ = false;
    std::jthread thread_;
};

/// Without a connection the text is executed where the turn begins.
class text_machine final : public replay::turn_machine {
  public:
    using state = replay::turn_state;

    text_machine(std::string name,
                 std::vector<text_line> code,
                 std::shared_ptr<text_connection> where)
        : name_(std::move(name)),
          where_(std::move(where)),
          turn_(std::make_shared<text_turn>(std::move(code))) {}

    void rebuild(std::span<const history_event> history, replay::history_ends end) override {
        turn_->frame.rebuild(history, end);
    }
    state begin(timestamp now, std::span<const inbox_message> inbox) override {
        std::vector<inbox_message> messages(inbox.begin(), inbox.end());
        return ask([now, messages = std::move(messages)](text_frame& frame) {
            return frame.begin(now, messages);
        });
    }
    state resume(std::optional<replay::ended_step> step) override {
        if (!step) {
            return turn_->answered();
        }
        return ask([ended = std::move(*step)](text_frame& frame) { return frame.resume(ended); });
    }
    void when_ready(std::function<void()> listener) override {
        turn_->when_answered(std::move(listener));
    }
    replay::turn_result collect() override { return turn_->frame.collect(); }
    void condemn(std::string report) override { turn_->frame.condemn(std::move(report)); }
    std::uint64_t history_length() const noexcept override { return turn_->frame.history_length(); }
    std::size_t bytes() const noexcept override { return 1000; }
    bool ends_late() const noexcept override { return where_ != nullptr; }
    bool awaits_only(task_id task) const noexcept override {
        return turn_->frame.awaits_only(task);
    }
    const std::string& name() const noexcept override { return name_; }
    const std::string& version() const noexcept override { return version_; }

  private:
    state ask(text_connection::question what) {
        if (!where_) {
            return what(turn_->frame);
        }
        return where_->ask(turn_, std::move(what)) ? state::waiting_elsewhere()
                                                   : state::lost_by("there is no connection");
    }

    const std::string name_;
    const std::string version_;
    const std::shared_ptr<text_connection> where_;
    const turn_ptr turn_;
};

/// Has the orchestrations of a text: always, or as long as there is a connection.
class text_source final : public replay::definition_source {
  public:
    /// Executes where the turn begins.
    explicit text_source(text_code code) : own_(std::move(code)) {}
    text_source() = default;

    std::shared_ptr<text_connection> connect(text_code code, std::size_t answers = SIZE_MAX) {
        auto fresh = std::make_shared<text_connection>(std::move(code), answers);
        all_.push_back(fresh);
        change(fresh);
        return fresh;
    }
    /// First the definitions go, then the turns.
    void disconnect() {
        if (const auto old = change(nullptr)) {
            old->lose();
        }
    }

    void end() {
        disconnect();
        for (const auto& each : std::exchange(all_, {})) {
            each->end();
        }
    }

    std::uint64_t revision() const noexcept override { return revision_; }
    std::vector<replay::definition_name> orchestrations() const override {
        const std::lock_guard guard(mutex_);
        std::vector<replay::definition_name> names;
        for (const auto& [name, lines] : code()) {
            names.push_back({name, ""});
        }
        return names;
    }
    std::unique_ptr<replay::turn_machine> make(const orchestration_work& work,
                                               const replay::turn_limits&) const override {
        const std::lock_guard guard(mutex_);
        const auto found = code().find(work.name);
        return found == code().end()
                   ? nullptr
                   : std::make_unique<text_machine>(work.name, found->second, where_);
    }

  private:
    std::shared_ptr<text_connection> change(std::shared_ptr<text_connection> to) {
        const std::lock_guard guard(mutex_);
        where_.swap(to);
        ++revision_;
        return to;
    }
    const text_code& code() const { return where_ ? where_->code : own_; }

    mutable std::mutex mutex_;
    const text_code own_;
    std::shared_ptr<text_connection> where_;
    /// Of the test's thread.
    std::vector<std::shared_ptr<text_connection>> all_;
    std::atomic<std::uint64_t> revision_{1};
};

}  // namespace perdure::testing
