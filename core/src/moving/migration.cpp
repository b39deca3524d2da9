#include "moving/images_of.hpp"
#include "moving/obstacles.hpp"

#include <perdure/migration.hpp>
#include <perdure/printable.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace perdure {
inline namespace v1 {

namespace {

std::string quoted(const instance_id& id) {
    return '"' + printable(id.text()) + '"';
}

using moving::refuse;

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

// A hub may be closed by an earlier call with these sides, which was killed or did all of this.
void refuse_closed(const hub& where, const std::vector<std::string>& allowed) {
    const std::string reason = moving::images_of(where.store()).closed_reason();
    if (!reason.empty() && std::ranges::find(allowed, reason) == allowed.end()) {
        throw backend_error(store_fault::moved, where.description() + " is closed: " + reason);
    }
}

// What an earlier call has copied may be there, and nothing else.
void refuse_strangers(const hub& from, const hub& to) {
    image_store& source = moving::images_of(from.store());
    image_store& target = moving::images_of(to.store());
    std::string after;
    do {
        const image_page page = target.read_images(after, batch_items_max, batch_bytes_max);
        std::vector<instance_id> ids;
        for (const instance_image& image : page.images) {
            ids.push_back(image.record.instance);
        }
        const auto there = source.read_images(ids, 1);
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
    image_store& source = moving::images_of(from.store());
    image_store& target = moving::images_of(to.store());
    const std::string leaving = "its instances are being moved to " + to.description();
    const std::string left = "its instances have moved to " + to.description();
    const std::string coming =
        fmt::format("the instances of {} are being moved here", from.description());
    refuse_same_hub(from, to);
    refuse_workers(from);
    refuse_workers(to);
    refuse_closed(from, {leaving, left});
    refuse_closed(to, {coming});
    refuse_strangers(from, to);

    const std::string source_was = source.closed_reason();
    const std::string target_was = target.closed_reason();
    image_counts copied;
    try {
        target.set_closed(coming);
        copied = pass(from, to, options, migration_progress::phase::copying);
        // Nobody changes anything from here on, so what is the same now stays the same.
        source.set_closed(leaving);
        const image_counts verified = pass(from, to, options, migration_progress::phase::verifying);
        if (verified.instances != copied.instances || verified.events != copied.events) {
            refuse(fmt::format("{} has changed while it was copied", from.description()));
        }
        refuse_strangers(from, to);
        refuse_workers(from);
        refuse_workers(to);
    } catch (const std::exception&) {
        source.set_closed(source_was);
        target.set_closed(target_was);
        throw;
    }
    source.set_closed(options.leaves_source_open ? std::string() : left);
    target.set_closed({});
    return copied;
}

}  // namespace v1
}  // namespace perdure
