#include "differential/tally.hpp"

#include <fmt/format.h>

#include <array>
#include <ostream>

namespace perdure::conformance {

namespace {

// Every operation, and every outcome of it that can be reached.
constexpr std::array must_occur{
    "abandon: done",
    "abandon: done, with a delay",
    "abandon: lease_lost",
    "activity: cancelled",
    "activity: cancelled at once",
    "activity: scheduled",
    "advance: done",
    "child: detached",
    "child: refused",
    "child: started",
    "commit: committed",
    "commit: committed again",
    "commit: completed",
    "commit: continued as new",
    "commit: dropped messages",
    "commit: failed",
    "commit: lease_lost",
    "commit: part of the inbox consumed",
    "commit: running",
    "commit: suspended",
    "commit: terminated",
    "completion: committed",
    "completion: committed again",
    "completion: instance_is_terminal",
    "completion: lease_lost",
    "create: already_exists",
    "create: created",
    "create: replaced after its end",
    "create: replaced before its end",
    "create: same again",
    "custom status: cleared",
    "custom status: set",
    "get: nothing",
    "get: record",
    "give_back: done",
    "give_back: lease_lost",
    "hand-off: activity",
    "hand-off: nothing",
    "hand-off: orchestration",
    "hand-off: the same instance",
    "inbox: answer",
    "inbox: child-purged",
    "inbox: child-replaced",
    "inbox: child-terminated",
    "inbox: raised",
    "inbox: refused",
    "inbox: terminate",
    "inbox: timer",
    "item: deliveries above 1",
    "item: history given",
    "item: history left out",
    "item: inbox cut",
    "item: suspect",
    "lock: activity",
    "lock: nothing",
    "lock: orchestration",
    "lock: suspect activity",
    "lock: suspect orchestration",
    "park: done",
    "park: lease_lost",
    "purge by filter: more",
    "purge by filter: purged",
    "purge by force: no_such_instance",
    "purge by force: purged",
    "purge: no_such_instance",
    "purge: not_terminal",
    "purge: purged",
    "query: a page",
    "query: filtered",
    "read_history: chunks",
    "read_history: from the middle",
    "read_history: nothing",
    "release: no_such_instance",
    "release: not_parked",
    "release: released",
    "renew: done",
    "renew: lease_lost",
    "repeat: abandon",
    "repeat: commit",
    "repeat: create",
    "repeat: give_back",
    "repeat: lock",
    "repeat: park",
    "repeat: purge",
    "repeat: release",
    "repeat: send",
    "repeat: terminate",
    "send: accepted",
    "send: duplicate",
    "send: for an earlier execution",
    "send: instance_is_terminal",
    "send: no_such_instance",
    "status: compared",
    "take_over: done",
    "terminate: instance_is_terminal",
    "terminate: no_such_instance",
    "terminate: requested",
    "terminate: terminated",
    "timer: cancelled",
    "timer: cancelled at once",
    "timer: set",
};

constexpr std::array must_occur_with_speculative_turns{
    "speculative turn: committed",
    "speculative turn: committed again",
    "speculative turn: instance_is_terminal",
    "speculative turn: lease_lost",
    "speculative turn: turn_declined",
};

}  // namespace

tally::tally() : expected_(must_occur.begin(), must_occur.end()) {}

void tally::expect_speculative_turns() {
    expected_.insert(expected_.end(),
                     must_occur_with_speculative_turns.begin(),
                     must_occur_with_speculative_turns.end());
}

std::vector<std::string> tally::missing(std::size_t least) const {
    std::vector<std::string> names;
    for (const std::string& name : expected_) {
        const auto found = counts_.find(name);
        if (found == counts_.end() || found->second < least) {
            names.push_back(name);
        }
    }
    return names;
}

void tally::print(std::ostream& out) const {
    for (const auto& [name, count] : counts_) {
        out << fmt::format("{:<36}{:>8}\n", name, count);
    }
}

}  // namespace perdure::conformance
