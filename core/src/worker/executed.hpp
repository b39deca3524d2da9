#pragma once

#include "worker/leased_item.hpp"

#include <optional>
#include <string>
#include <utility>

namespace perdure::dispatch {

/// What is to be done with an item after its execution.
struct executed {
    enum class then {
        commit,
        /// Set the instance aside, for this reason.
        park,
        /// Return it, counted, for this reason.
        abandon,
        /// Return it, not counted, because whatever would execute it is gone, for this reason.
        give_back,
        /// Return it, not counted, for a worker with newer code, for this reason.
        leave_to_newer,
        /// Forget it: the lease is lost or over.
        drop,
        /// Throw away what it ended with: it was asked to stop, and its lease is lost or will be
        /// given back.
        give_up,
        /// Its end comes later, from another thread.
        wait,
    };
    then what{};
    std::optional<finished_item> finished;
    std::string reason;

    /// A store parks nothing without a reason, and a machine may have given none.
    [[nodiscard]] static executed parked(std::string reason) {
        return {then::park,
                std::nullopt,
                reason.empty() ? "whatever executed the turn gave no reason" : std::move(reason)};
    }
    [[nodiscard]] static executed dropped() {
        return {then::drop, std::nullopt, "the lease is lost or over"};
    }
};

}  // namespace perdure::dispatch
