#include "../filters.hpp"
#include "export_writer.hpp"
#include "moving.hpp"
#include "redaction.hpp"
#include "reports.hpp"
#include "wanted_images.hpp"
#include "zstd_streams.hpp"

#include <perdure/migration.hpp>
#include <perdure/version.hpp>

#include <iostream>

// `perdure export`.

namespace perdure::tool {
namespace {

void check_wishes(const hub& from, const export_command& given) {
    check_wanted("export", from, given.wanted);
    if (given.output == "-" && output_is_terminal()) {
        throw invalid_input("export: standard output is a terminal; give a file or a pipe");
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
    image_reader reads(from.store(), at_once_for(given.wanted));
    check_wishes(from, given);
    const export_header header = header_for(from, given);
    output_file file(given.output,
                     given.overwrite ? existing_file::overwritten : existing_file::refused);
    compressing_sink compressed(file);
    export_writer writes(given.no_compression ? static_cast<byte_sink&>(file) : compressed, header);
    {
        progress_line progress(given.quiet);
        take_wanted(from, given.wanted, reads, [&](instance_image image) {
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
