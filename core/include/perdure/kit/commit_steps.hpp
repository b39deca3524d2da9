#pragma once

#include <perdure/backend.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace perdure {
inline namespace v1 {

/// The order of a commit [BATCH-4]: children, turns, ended activities, messages, and the outcomes
/// in the order of the list. A backend derives from it and says what each step does, inside one
/// transaction. Make one object a call; one thread at a time. What a step throws leaves
/// `apply_all`.
class PERDURE_EXPORT commit_steps {
  public:
    commit_steps() = default;
    commit_steps(const commit_steps&) = delete;
    commit_steps& operator=(const commit_steps&) = delete;
    virtual ~commit_steps();

    /// Takes all steps, once. The answer has outcomes and dropped messages; its work is the
    /// caller's to hand out. The list must outlive the object.
    [[nodiscard]] commit_result apply_all(std::span<const finished_work> finished);

    /// The items whose turns happened: their instances come first in the hand-off [HANDOFF-1].
    [[nodiscard]] const std::vector<const finished_work*>& accepted() const { return accepted_; }

  protected:
    /// Compares the fence of an item with a turn. Nothing when it is right: then the lease is over,
    /// and `apply` follows. Otherwise the outcome: `lease_lost`; `committed` of a turn that has
    /// happened before [COMMIT-2]; `turn_declined` of a speculative one, whose end of an activity
    /// `complete` stores then. Of a speculative turn, `items` says how many of the call its
    /// instance has [SPECULATIVE-1]; a backend that takes none need not look.
    virtual std::optional<commit_outcome> accept(const finished_work& item, std::size_t items) = 0;
    /// [COMMIT-4], for an accepted turn.
    virtual void start_child(const finished_work& parent, const new_child& child) = 0;
    /// The rest of an accepted turn, but for its messages [COMMIT-1].
    virtual void apply(const finished_work& item) = 0;
    /// [COMMIT-7] for the item's activity: committed, instance_is_terminal, or lease_lost.
    virtual commit_outcome complete(const finished_work& item) = 0;
    /// A message of an accepted turn.
    virtual send_outcome send(const new_message& message) = 0;

  private:
    std::vector<const finished_work*> accepted_;
};

}  // namespace v1
}  // namespace perdure
