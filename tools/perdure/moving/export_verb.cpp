#include "../filters.hpp"
#include "export_writer.hpp"
#include "moving.hpp"
#include "redaction.hpp"
#include "reports.hpp"
#include "zstd_streams.hpp"

#include <perdure/client.hpp>
#include <perdure/migration.hpp>
#include <perdure/version.hpp>

#include <functional>
#include <iostream>
#include <optional>
#include <utility>

// `perdure export`.

namespace perdure::tool {
namespace {

// Of instances that are asked for by id, so many are held at once, and so much of each.
constexpr image_limits selected_at_once{.instances = 32, .bytes = std::size_t{256} << 10U};

using image_taker = std::function<void(instance_image)>;

void take_all(image_reader& reads, const image_taker& take) {
    for (auto images = reads.next(); !images.empty(); images = reads.next()) {
        for (instance_image& image : images) {
            take(std::move(image));
        }
    }
}

// Each of them, cut as `selected_at_once` says.
void take_these(image_reader& reads, std::span<const instance_id> ids, const image_taker& take) {
    for (auto& found : reads.get(ids)) {
        for (std::optional<instance_image> part = std::move(found); part;) {
            auto rest = reads.rest_of(*part);
            take(*std::exchange(part, std::move(rest)));
        }
    }
}

void take_found(image_reader& reads,
                client& asking,
                const instance_filter& filter,
                const image_taker& take) {
    std::string after;
    do {
        const instance_page page = asking.query(filter, selected_at_once.instances, after);
        std::vector<instance_id> ids;
        for (const instance_record& found : page.instances) {
            ids.push_back(found.instance);
        }
        take_these(reads, ids, take);
        after = page.next;
    } while (!after.empty());
}

bool is_whole_hub(const export_command& given) {
    return given.ids.empty() && given.filter.is_empty();
}

void take_wanted(const hub& from,
                 const export_command& given,
                 image_reader& reads,
                 const image_taker& take) {
    if (is_whole_hub(given)) {
        take_all(reads, take);
        return;
    }
    client asking(from);
    if (given.ids.empty()) {
        take_found(reads, asking, read_filter(given.filter), take);
    }
    for (const auto& id : given.ids) {
        const instance_id wanted(id);
        take_these(reads, std::span(&wanted, 1), take);
    }
}

// Before anything is written.
void check_wishes(const hub& from, const export_command& given) {
    if (!given.ids.empty() && !given.filter.is_empty()) {
        throw invalid_input("export: filters do not go with named instances");
    }
    if (given.output == "-" && output_is_terminal()) {
        throw invalid_input("export: standard output is a terminal; give a file or a pipe");
    }
    static_cast<void>(read_filter(given.filter));
    for (const auto& id : given.ids) {
        const instance_id wanted(id);
        if (!from.store().get(std::span(&wanted, 1)).front()) {
            throw no_such_instance(wanted);
        }
    }
}

export_header header_for(const hub& from, const export_command& given) {
    const hub_status status = from.store().status();
    if (!status.live_workers.empty() && !given.quiet) {
        std::cerr << "perdure: worker \"" << one_line(status.live_workers.front().text, 200)
                  << "\" lives on " << one_line(from.description(), 200)
                  << ": each instance is whole, but they are of different moments\n";
    }
    return {.redacted = given.redacted,
            .written_at = status.store_time,
            .by = std::string("perdure ") + PERDURE_VERSION_TEXT,
            .hub = from.description(),
            .live_workers = status.live_workers.size()};
}

// Not into the file.
std::ostream& answers(const export_command& given) {
    return given.output == "-" ? std::cerr : std::cout;
}

void report(const export_command& given, const moved& what, std::size_t bytes) {
    if (given.form == output_form::json) {
        answers(given) << to_json(what).number("bytes", std::uint64_t{bytes}).finish() << '\n';
    } else if (!given.quiet) {
        answers(given) << "exported " << to_text(what) << ", "
                       << to_text(static_cast<double>(bytes)) << " bytes\n";
    }
}

}  // namespace

int export_instances(const export_command& given) {
    const stopwatch time;
    const hub from = open_existing(given.hub);
    image_reader reads(from.store(), is_whole_hub(given) ? image_limits() : selected_at_once);
    check_wishes(from, given);
    const export_header header = header_for(from, given);
    output_file file(given.output,
                     given.overwrite ? existing_file::overwritten : existing_file::refused);
    compressing_sink compressed(file);
    export_writer writes(given.no_compression ? static_cast<byte_sink&>(file) : compressed, header);
    {
        progress_line progress(given.quiet);
        take_wanted(from, given, reads, [&](instance_image image) {
            if (given.redacted) {
                redact(image);
            }
            writes.write(image, reads.last_sequence());
            progress.show("exporting", writes.counts().instances, writes.counts().events);
        });
    }
    writes.finish();
    const export_counts& counts = writes.counts();
    report(given,
           {counts.instances, counts.events, counts.messages, counts.activities, time.seconds()},
           file.bytes());
    return exit_code::done;
}

}  // namespace perdure::tool
