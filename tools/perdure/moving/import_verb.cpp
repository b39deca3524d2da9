#include "../filters.hpp"
#include "importer.hpp"
#include "moving.hpp"
#include "reports.hpp"

#include <perdure/printable.hpp>

#include <iostream>

// `perdure import` and `perdure verify`.

namespace perdure::tool {
namespace {

constexpr std::size_t damages_printed = 20;

// Prints what is wrong with a file, and counts.
class damage_report {
  public:
    void add(const file_damage& damage) {
        if (++count_ <= damages_printed) {
            std::cerr << "perdure: " << printable(damage.text) << '\n';
            texts_.push_back(json_text(damage.text));
        }
    }
    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] std::string json() const { return json_array(texts_); }

  private:
    std::uint64_t count_ = 0;
    std::vector<std::string> texts_;
};

void refuse_redacted(const export_header& header, const import_command& given) {
    if (header.redacted && !given.redacted_too) {
        throw invalid_input(
            "the file is redacted: its instances would go on with wrong data; --redacted-too "
            "imports it nevertheless, to look at it");
    }
}

void print_conflicts(const importer& done) {
    for (const image_conflict& found : done.conflicts()) {
        std::cerr << "perdure: instance \"" << printable(found.instance.text())
                  << "\" is there with other content: " << printable(found.difference)
                  << " (file, hub)\n";
    }
    if (done.conflict_count() > done.conflicts().size()) {
        std::cerr << "perdure: and " << done.conflict_count() - done.conflicts().size()
                  << " others\n";
    }
}

void report(const import_command& given,
            const importer& done,
            const damage_report& damages,
            double seconds) {
    const image_counts& counts = done.counts();
    const moved what{counts.instances, counts.events, counts.messages, counts.activities, seconds};
    print_conflicts(done);
    if (given.form == output_form::text && given.quiet) {
        return;
    }
    if (given.form == output_form::text) {
        std::cout << "imported " << to_text(what) << "; unchanged: " << counts.unchanged
                  << ", conflicts: " << done.conflict_count() << ", damages: " << damages.count()
                  << '\n';
        return;
    }
    std::vector<std::string> conflicts;
    for (const image_conflict& found : done.conflicts()) {
        conflicts.push_back(json_object()
                                .text("instance", found.instance.text())
                                .text("difference", found.difference)
                                .finish());
    }
    std::cout << to_json(what)
                     .number("unchanged", counts.unchanged)
                     .number("conflicts", done.conflict_count())
                     .number("damages", damages.count())
                     .raw("first_conflicts", json_array(conflicts))
                     .raw("first_damages", damages.json())
                     .finish()
              << '\n';
}

void copy(export_reader& file, importer& done, damage_report& damages, progress_line& progress) {
    for (auto next = file.next(); next.index() != 0; next = file.next()) {
        if (auto* part = std::get_if<read_part>(&next)) {
            done.take(std::move(*part));
        } else {
            damages.add(std::get<file_damage>(next));
            done.take(std::get<file_damage>(next));
        }
        progress.show("importing", done.counts().instances, done.counts().events);
    }
    done.finish();
}

}  // namespace

int import_instances(const import_command& given) {
    const stopwatch time;
    input_file bytes(given.file);
    export_reader file(bytes, image_limits().bytes);
    refuse_redacted(file.header(), given);
    const hub to = open_target(given.hub);
    importer done(to);
    refuse_workers(to);
    damage_report damages;
    try {
        progress_line progress(given.quiet);
        copy(file, done, damages, progress);
    } catch (const backend_error&) {
        std::cerr << "perdure: stopped after " << done.counts().instances
                  << " instances; the same command goes on\n";
        throw;
    }
    report(given, done, damages, time.seconds());
    return damages.count() > 0         ? exit_code::damaged
           : done.conflict_count() > 0 ? exit_code::differs
                                       : exit_code::done;
}

int verify_file(const import_command& given) {
    const stopwatch time;
    input_file bytes(given.file);
    export_reader file(bytes, image_limits().bytes);
    damage_report damages;
    {
        progress_line progress(given.quiet);
        for (auto next = file.next(); next.index() != 0; next = file.next()) {
            if (const auto* damage = std::get_if<file_damage>(&next)) {
                damages.add(*damage);
            }
            progress.show("verifying", file.counts().instances, file.counts().events);
        }
    }
    const export_counts& counts = file.counts();
    const moved what{
        counts.instances, counts.events, counts.messages, counts.activities, time.seconds()};
    if (given.form == output_form::json) {
        std::cout << to_json(what)
                         .flag("redacted", file.header().redacted)
                         .text("hub", file.header().hub)
                         .time("written_at", file.header().written_at)
                         .number("damages", damages.count())
                         .raw("first_damages", damages.json())
                         .finish()
                  << '\n';
    } else if (!given.quiet) {
        std::cout << "in order: " << to_text(what) << "; damages: " << damages.count() << '\n'
                  << "written " << to_text(file.header().written_at) << " from "
                  << printable(file.header().hub) << (file.header().redacted ? ", redacted" : "")
                  << '\n';
    }
    return damages.count() > 0 ? exit_code::damaged : exit_code::done;
}

}  // namespace perdure::tool
