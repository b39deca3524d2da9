#include "differential/lockstep.hpp"

#include <fmt/format.h>

// What only reads: query, get, read_history.

namespace perdure::conformance {

instance_filter at(const side& one, instance_filter planned) {
    for (auto* bound : {&planned.created_from,
                        &planned.created_to,
                        &planned.completed_from,
                        &planned.completed_to}) {
        *bound = one.at(*bound);
    }
    return planned;
}

instance_filter random_instance_filter(lockstep& pair) {
    dice& random = pair.random;
    instance_filter filter;
    const auto recently = [&] { return pair.now() - std::chrono::minutes(random.below(60)) + 30s; };
    const auto one_criterion = [&] {
        switch (random.below(10)) {
            case 0:
                filter.statuses = {orchestration_status::completed, orchestration_status::pending};
                break;
            case 1:
                filter.statuses = {orchestration_status::running};
                break;
            case 2:
                filter.name = "Order";
                break;
            case 3:
                filter.version = "1";
                break;
            case 4:
                filter.tag = std::pair("colour", "red");
                break;
            case 5:
                filter.parent = random.one_of(pair.ids);
                break;
            case 6:
                filter.parked = random.chance(50);
                break;
            case 7:
                filter.id_prefix = random.one_of(std::array{"i0", "i1", "1"});
                break;
            case 8:
                filter.created_from = recently();
                break;
            default:
                filter.completed_to = recently();
                break;
        }
    };
    one_criterion();
    if (random.chance(50)) {
        one_criterion();
    }
    return filter;
}

namespace {

void query_some(lockstep& pair) {
    const bool is_filtered = pair.random.chance(60);
    const instance_filter planned = is_filtered ? random_instance_filter(pair) : instance_filter();
    const std::size_t limit = pair.random.between(1, 7);
    std::string after;
    do {
        const auto pages = pair.compare("query", [&](const side& one) {
            return one.store().query(at(one, planned), limit, after);
        });
        // Where a page ends is up to the backend, as long as nothing is left out; the reference
        // and all others known so far name the last instance.
        after = pages[0].next;
        pair.counts.add("query: a page");
        pair.counts.add("query: filtered", is_filtered ? 1 : 0);
    } while (!after.empty());
}

void read_one_history(lockstep& pair) {
    const instance_id id = pair.an_id_of_the_pool();
    const std::uint64_t from = pair.random.chance(50) ? 0 : pair.random.below(6);
    const std::size_t bytes = pair.random.chance(50) ? 1 : batch_bytes_max;
    const auto pages =
        pair.compare(fmt::format("read_history {} from {}, {} bytes", id.text(), from, bytes),
                     [&](const side& one) { return one.store().read_history(id, from, bytes); });
    const bool has_chunks = pages[0] && !pages[0]->chunks.empty();
    pair.counts.add("read_history: chunks", has_chunks ? 1 : 0);
    pair.counts.add("read_history: from the middle",
                    has_chunks && pages[0]->chunks.front().first != 0 ? 1 : 0);
    pair.counts.add("read_history: nothing", pages[0] ? 0 : 1);
}

}  // namespace

void read_some(lockstep& pair) {
    switch (pair.random.below(4)) {
        case 0:
            query_some(pair);
            break;
        case 1:
            pair.look({pair.an_id_of_the_pool(), pair.an_id_of_the_pool()});
            break;
        default:
            read_one_history(pair);
            break;
    }
}

}  // namespace perdure::conformance
