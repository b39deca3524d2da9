#include "differential/lockstep.hpp"

#include <perdure/adjustable_clock.hpp>
#include <perdure/migration.hpp>

#include <fmt/format.h>

namespace perdure::conformance {

namespace {

// Whoever holds a lease does not know its row in the other hub.
template <class Work>
void forget_rows(holdings<Work>& items) {
    const auto forget = [](auto& list) {
        for (both_of<Work>& both : list) {
            both[1].held.row = 0;
        }
    };
    forget(items.held);
    forget(items.spent);
}

}  // namespace

void lockstep::move_tested_side(const std::vector<backend*>& openings) {
    backend& from = sides_[1].store();
    backend& to = *openings.front();
    const timestamp behind = to.status().store_time;
    compare_texts("set the clock of the next hub",
                  "done",
                  advance_clock(to, from.status().store_time - behind) ? "done" : "refused");

    // Small parts, too.
    const image_limits at_once{random.between(1, 12), random.chance(50) ? 1U : batch_bytes_max};
    image_writer writes(to, at_once);
    const auto carry = [&](auto act) {
        image_reader reads(from, at_once);
        for (auto parts = reads.next(); !parts.empty(); parts = reads.next()) {
            for (const image_conflict& conflict : act(parts, reads.last_sequence())) {
                fail(fmt::format("Instance {} was not moved: {}",
                                 conflict.instance.text(),
                                 conflict.difference));
            }
        }
    };
    carry([&](const auto& parts, auto sequence) { return writes.write(parts, sequence); });
    carry([&](const auto& parts, auto /*sequence*/) { return writes.compare(parts); });

    recent_.push_back(fmt::format("- moved {} instances", writes.counts().instances / 2));
    counts.add("move: instances", writes.counts().instances / 2);
    counts.add("move: messages", writes.counts().messages / 2);
    counts.add("move: activities", writes.counts().activities / 2);
    forget_rows(orchestrations);
    forget_rows(activities);
    sides_[1].move_to(openings);
    renew_workers();
}

}  // namespace perdure::conformance
