#include "../filters.hpp"
#include "../moving/export_reader.hpp"
#include "../moving/reports.hpp"
#include "../moving/wanted_images.hpp"
#include "replay_report.hpp"
#include "replaying.hpp"
#include "time_limit.hpp"

#include <perdure/flows.hpp>

#include <optional>
#include <utility>

// `perdure replay`.

namespace perdure::tool {
namespace {

// Replays images, which come in parts, one after the other.
class image_replay {
  public:
    image_replay(const registry& known, time_limit& limit, replay_report& report)
        : known_(known), limit_(limit), report_(report) {}
    image_replay(const image_replay&) = delete;
    image_replay& operator=(const image_replay&) = delete;
    ~image_replay() { drop(); }

    void take(const instance_image& part) {
        if (part.history.empty() || part.history.front().first == 0) {
            drop();
            begin(part.record);
        }
        if (!open_) {
            return;
        }
        limit_.watch([&] { open_->take(part.history); });
        if (has_end(part)) {
            finish();
        }
    }

    // The rest of the instance will not come.
    void drop() {
        if (open_) {
            limit_.watch([this] { open_.reset(); });
        }
    }

  private:
    void begin(const instance_record& record) {
        instance_ = {.id = record.instance.text(),
                     .name = record.name,
                     .version = record.version,
                     .is_parked = !record.parked_reason.empty()};
        limit_.begin(instance_.id, instance_.definition());
        open_.emplace(known_, record.instance);
    }

    void finish() {
        replay_answer answer = limit_.watch([this] {
            auto found = open_->finish();
            open_.reset();
            return found;
        });
        report_.add(instance_, std::move(answer));
    }

    const registry& known_;
    time_limit& limit_;
    replay_report& report_;
    replayed_instance instance_;
    std::optional<history_replay> open_;
};

registry load_all(const std::vector<std::string>& libraries) {
    registry known;
    for (const auto& library : libraries) {
        load_flows(library, known);
    }
    return known;
}

// A replay, with all that it needs, of what `read` gives to it.
template <class Read>
int replay_from(const replay_command& given, bool is_redacted, const Read& read) {
    const stopwatch time;
    const registry known = load_all(given.libraries);
    time_limit limit(std::chrono::seconds(given.time_limit_seconds), given.form);
    replay_report report({.form = given.form,
                          .limit = given.limit,
                          .is_quiet = given.quiet,
                          .is_redacted = is_redacted});
    {
        // On the same terminal the two would mix.
        progress_line progress(given.quiet || output_is_terminal());
        image_replay replaying(known, limit, report);
        read(replaying, report, [&] {
            progress.show("replaying", report.instances(), report.events());
        });
    }
    return report.finish(time.seconds());
}

int replay_file(const replay_command& given) {
    if (given.words.size() != 1) {
        throw invalid_input("replay: give one file, or --hub with a hub");
    }
    if (!given.filter.is_empty()) {
        throw invalid_input("replay: filters go with --hub; export with them instead");
    }
    input_file bytes(given.words.front());
    export_reader file(bytes, image_limits().bytes);
    return replay_from(
        given,
        file.header().redacted,
        [&](image_replay& replaying, replay_report& report, const auto& show_progress) {
            for (auto next = file.next(); next.index() != 0; next = file.next()) {
                if (const auto* part = std::get_if<read_part>(&next)) {
                    replaying.take(part->image);
                } else {
                    replaying.drop();
                    report.add_damage(std::get<file_damage>(next).text);
                }
                show_progress();
            }
        });
}

int replay_hub(const replay_command& given) {
    const hub from = open_existing(given.hub);
    const wanted_instances wanted{given.words, given.filter};
    check_wanted("replay", from, wanted);
    image_reader reads(from.store(), at_once_for(wanted));
    return replay_from(
        given, false, [&](image_replay& replaying, replay_report&, const auto& show_progress) {
            take_wanted(from, wanted, reads, [&](const instance_image& part) {
                replaying.take(part);
                show_progress();
            });
        });
}

}  // namespace

int replay_histories(const replay_command& given) {
    return given.hub.empty() ? replay_file(given) : replay_hub(given);
}

}  // namespace perdure::tool
