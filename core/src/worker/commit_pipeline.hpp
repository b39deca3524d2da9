#pragma once

#include "worker/leased_item.hpp"
#include "worker/lock_terms.hpp"
#include "worker/store_calls.hpp"

#include <perdure/backend.hpp>

#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace perdure::dispatch {

/// One round's worth of finished items.
struct commit_batch {
    std::vector<finished_work> finished;
    /// Whose work it is, one by one.
    std::vector<item_ptr> items;

    [[nodiscard]] std::size_t size() const noexcept { return items.size(); }
};

/// The work that a batch will make possible, as far as it shows.
[[nodiscard]] PERDURE_EXPORT expected_work expected_of(const commit_batch& batch);

/// What the pipeline asks and tells the one who feeds it.
class commit_listener {
  public:
    /// The terms of the hand-off, with room for what can begin now and a fresh request id.
    virtual lock_terms next_terms(const expected_work& expected) = 0;
    virtual void committed(const item_ptr& item) = 0;
    /// Somebody else has the item, or it is gone. With `turn_declined` only its speculative turn is
    /// lost.
    virtual void lost(const item_ptr& item, commit_outcome outcome) = 0;
    /// The store refuses the end of an activity together with its speculative turn; the end goes
    /// alone.
    virtual void refused_speculative(const item_ptr& item) = 0;
    /// The store refuses this item for good.
    virtual void refused(const item_ptr& item, const backend_error& reason) = 0;
    /// No answer came while the lease lasted.
    virtual void given_up(const item_ptr& item) = 0;
    /// After the outcomes of the same call.
    virtual void handed_out(commit_result answer,
                            const lock_request& asked,
                            const expected_work& expected) = 0;

  protected:
    commit_listener() = default;
    commit_listener(const commit_listener&) = default;
    commit_listener& operator=(const commit_listener&) = default;
    ~commit_listener() = default;
};

/// Collects finished turns and activities and commits them together. There is no thread of its own:
/// whoever finds a lane free leads a round with everything that is pending, and meanwhile the
/// others add to the next. Safe from any thread.
class PERDURE_EXPORT commit_pipeline {
  public:
    commit_pipeline(backend& store,
                    store_calls& calls,
                    commit_listener& listener,
                    const engine_log& log);
    commit_pipeline(const commit_pipeline&) = delete;
    commit_pipeline& operator=(const commit_pipeline&) = delete;
    ~commit_pipeline() = default;

    void add(finished_item item);
    /// Commits one batch of what is pending; false when nothing was, or no lane was free.
    bool lead();

    [[nodiscard]] std::size_t pending() const noexcept { return pending_count_.load(); }
    /// What is pending weighs so much that nothing should be executed before some of it is
    /// committed.
    [[nodiscard]] bool is_full() const noexcept {
        return pending_bytes_.load() > pending_bytes_max;
    }
    [[nodiscard]] bool has_free_lane() const noexcept { return leaders_.load() < lanes(); }
    [[nodiscard]] bool is_led() const noexcept { return leaders_.load() > 0; }
    [[nodiscard]] std::uint64_t rounds() const noexcept { return rounds_.load(); }
    /// When the oldest pending item came, roughly; only meaningful while something is pending.
    [[nodiscard]] steady::time_point pending_since() const noexcept { return since_.load(); }

  private:
    struct range {
        std::size_t from;
        std::size_t to;
    };

    [[nodiscard]] unsigned lanes() const noexcept;
    [[nodiscard]] commit_batch take_batch();
    void commit(commit_batch& batch);
    /// The answer, or nothing when it was given up. Throws when the store refuses the content.
    [[nodiscard]] std::optional<commit_result> call(const commit_batch& batch,
                                                    range part,
                                                    const lock_request& next);
    void commit_halved(commit_batch& batch, range part, const lock_request& terms);
    void tell_outcomes(const commit_batch& batch, range part, const commit_result& answer);

    backend& store_;
    store_calls& calls_;
    commit_listener& listener_;
    const engine_log& log_;

    std::mutex mutex_;
    std::deque<finished_item> pending_;
    std::atomic<std::size_t> pending_count_{0};
    static constexpr std::size_t pending_bytes_max = 8 * batch_bytes_max;
    std::atomic<std::size_t> pending_bytes_{0};
    std::atomic<unsigned> leaders_{0};
    std::atomic<std::uint64_t> rounds_{0};
    std::atomic<steady::time_point> since_{};
};

}  // namespace perdure::dispatch
