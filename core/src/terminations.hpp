#pragma once

#include <perdure/backend.hpp>

#include <functional>
#include <string>

// How core terminates instances, and what descends from them. Shared by client, worker and replay.

namespace perdure::calls {

/// The wish to end an instance. A turn that meets it terminates the children, too, when the tags
/// hold "recursive".
[[nodiscard]] termination make_termination(const instance_id& target,
                                           const std::string& reason,
                                           const tag_map& tags);

/// Which descendants one walk terminates.
enum class descendants {
    /// All that exist.
    all,
    /// The children that have not ended, and what is below those that the store ends at once. The
    /// others terminate theirs in their own last turn.
    next,
};

/// Runs one call of the store, repeated while the store is away; false to give up.
using repeater = std::function<bool(const std::function<void()>&)>;

/// Terminates the descendants of an instance by their parent links, in every execution of it, page
/// by page. Repeating it does no harm. False when `repeat` gave up.
[[nodiscard]] bool terminate_descendants(backend& store,
                                         const instance_id& root,
                                         const std::string& reason,
                                         descendants which,
                                         const repeater& repeat);

}  // namespace perdure::calls
