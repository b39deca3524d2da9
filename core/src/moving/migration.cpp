#include "moving/images_of.hpp"

#include <perdure/migration.hpp>
#include <perdure/printable.hpp>

#include <fmt/format.h>

namespace perdure {
inline namespace v1 {

namespace {

std::string quoted(const instance_id& id) {
    return '"' + printable(id.text()) + '"';
}

[[noreturn]] void refuse(const std::string& why) {
    throw backend_error(store_fault::rejected, why);
}

void refuse_same_hub(const hub& from, const hub& to) {
    const std::string identity = from.store().identity();
    if (&from.store() == &to.store() || (!identity.empty() && identity == to.store().identity())) {
        throw backend_error(
            store_fault::configuration,
            fmt::format("{} and {} are the same hub", from.description(), to.description()));
    }
}

void refuse_workers(const hub& where) {
    const auto workers = where.store().status().live_workers;
    if (!workers.empty()) {
        refuse(
            fmt::format("worker \"{}\"{} lives on {}: stop the workers, and wait until their life "
                        "signs have run out",
                        printable(workers.front().text),
                        workers.size() > 1 ? fmt::format(" and {} others", workers.size() - 1) : "",
                        where.description()));
    }
}

// What an earlier call has copied may be there, and nothing else.
void refuse_strangers(const hub& from, const hub& to) {
    std::string after;
    do {
        const instance_page page = to.store().query({}, batch_items_max, after);
        std::vector<instance_id> ids;
        for (const instance_record& record : page.instances) {
            ids.push_back(record.instance);
        }
        const auto there = from.store().get(ids);
        for (std::size_t n = 0; n < ids.size(); ++n) {
            if (!there.at(n)) {
                refuse(fmt::format("{} is not empty: it has instance {}, which {} has not",
                                   to.description(),
                                   quoted(ids[n]),
                                   from.description()));
            }
        }
        after = page.next;
    } while (!after.empty());
}

// One pass over the source.
image_counts pass(const hub& from,
                  const hub& to,
                  const migration_options& options,
                  migration_progress::phase phase) {
    image_reader reads(from.store(), options.at_once);
    image_writer writes(to.store(), options.at_once);
    for (auto parts = reads.next(); !parts.empty(); parts = reads.next()) {
        const auto conflicts = phase == migration_progress::phase::copying
                                   ? writes.write(parts, reads.last_sequence())
                                   : writes.compare(parts);
        if (!conflicts.empty()) {
            refuse(fmt::format("instance {} is in {} with other content than in {}: {}",
                               quoted(conflicts.front().instance),
                               to.description(),
                               from.description(),
                               conflicts.front().difference));
        }
        if (options.on_progress) {
            options.on_progress({phase, writes.counts()});
        }
    }
    return writes.counts();
}

}  // namespace

image_counts migrate(const hub& from, const hub& to, const migration_options& options) {
    static_cast<void>(moving::images_of(from.store()));
    static_cast<void>(moving::images_of(to.store()));
    refuse_same_hub(from, to);
    refuse_workers(from);
    refuse_workers(to);
    refuse_strangers(from, to);
    const image_counts copied = pass(from, to, options, migration_progress::phase::copying);
    const image_counts verified = pass(from, to, options, migration_progress::phase::verifying);
    if (verified.instances != copied.instances || verified.events != copied.events) {
        refuse(fmt::format("{} has changed while it was copied", from.description()));
    }
    refuse_strangers(from, to);
    refuse_workers(from);
    refuse_workers(to);
    return copied;
}

}  // namespace v1
}  // namespace perdure
