#pragma once

#include "worker/executed.hpp"
#include "worker/store_calls.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace perdure::dispatch {

/// Brings the history of a leased instance into a turn machine. Safe from any thread, for different
/// items.
class history_reader {
  public:
    history_reader(backend& store, store_calls& calls) : store_(store), calls_(calls) {}

    /// Repeats the whole history in a fresh machine; says what to do with the item when that cannot
    /// be done.
    [[nodiscard]] std::optional<executed> rebuild(const leased_item& item,
                                                  replay::turn_machine& machine);

  private:
    /// Calls the store for one page of the history, from this event on; as above, and also when the
    /// history is not that of the lease.
    [[nodiscard]] std::optional<executed> read_page(const leased_item& item,
                                                    std::uint64_t from,
                                                    std::vector<history_event>& events);

    backend& store_;
    store_calls& calls_;
};

}  // namespace perdure::dispatch
