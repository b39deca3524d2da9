#include "bench/bench.hpp"
#include "commands.hpp"
#include "moving/export_format.hpp"
#include "moving/moving.hpp"
#include "replaying/replaying.hpp"

#include <perdure/backend_error.hpp>
#include <perdure/client.hpp>
#include <perdure/version.hpp>

#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>
#include <span>
#include <string>
#include <string_view>

// The `perdure` command: only the command line is here; commands.hpp, moving/moving.hpp,
// replaying/replaying.hpp and bench/bench.hpp do the work.

namespace perdure::tool {
namespace {

// What the parser chose to be executed.
using chosen_verb = std::function<int()>;

void add_form(CLI::App& verb, output_form& form) {
    verb.add_flag_callback(
        "--json", [&form] { form = output_form::json; }, "Print JSON");
}

void add_plugins(CLI::App& app, plugins_command& given, chosen_verb& chosen) {
    auto* verb = app.add_subcommand("plugins", "Show the backends that were found");
    verb->add_option("--plugin-path", given.search, "Look in this directory first; repeatable")
        ->allow_extra_args(false);
    add_form(*verb, given.form);
    verb->callback([&] { chosen = [&given] { return show_plugins(given); }; });
}

void add_fsck(CLI::App& group, fsck_command& given, chosen_verb& chosen) {
    auto* verb = group.add_subcommand("fsck", "Check what must always be true of a hub");
    verb->add_option("--hub", given.hub, "The hub, for example sqlite:shop.db")->required();
    verb->add_flag("--repair", given.repair, "Repair what can be, and check again");
    verb->add_option("--limit", given.limit, "Print at most so many violations")
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str();
    add_form(*verb, given.form);
    verb->callback([&] { chosen = [&given] { return check_hub(given); }; });
}

void add_hub(CLI::App& app, hub_command& given, fsck_command& fsck, chosen_verb& chosen) {
    auto* group = app.add_subcommand("hub", "Look at a task hub, and check it");
    group->require_subcommand(1);
    auto* verb = group->add_subcommand("status", "Show workers, waiting work and schema version");
    verb->add_option("--hub", given.hub, "The hub, for example sqlite:shop.db")->required();
    add_form(*verb, given.form);
    verb->callback([&] { chosen = [&given] { return show_hub_status(given); }; });
    auto* open =
        group->add_subcommand("open", "Open a hub that is closed, after a move went wrong");
    open->add_option("--hub", given.hub, "The hub, for example sqlite:shop.db")->required();
    open->callback([&] { chosen = [&given] { return open_closed_hub({given.hub}); }; });
    add_fsck(*group, fsck, chosen);
}

void add_filters(CLI::App& verb, filter_words& words) {
    verb.add_option(
            "--status",
            words.statuses,
            "pending, running, suspended, completed, failed, cancelled, terminated; repeatable")
        ->allow_extra_args(false);
    verb.add_option("--name", words.name, "Only this orchestration");
    verb.add_option("--version", words.version, "Only this version");
    verb.add_option("--tag", words.tag, "Only with this tag, KEY=VALUE");
    verb.add_option("--parent", words.parent, "Only children of this instance");
    verb.add_option("--prefix", words.id_prefix, "Only ids that begin like this");
    verb.add_option("--created-from", words.created_from, "UTC, as in 2025-11-21T08:15:00Z");
    verb.add_option("--created-to", words.created_to, "UTC, inclusive");
    verb.add_option("--completed-from", words.completed_from, "UTC, inclusive");
    verb.add_option("--completed-to", words.completed_to, "UTC, inclusive");
    auto* parked = verb.add_flag("--parked", words.parked, "Only parked instances");
    verb.add_flag("--not-parked", words.not_parked, "Only instances that are not parked")
        ->excludes(parked);
}

class instance_verbs {
  public:
    instance_verbs(CLI::App& app, instances_command& given, chosen_verb& chosen)
        : group_(*app.add_subcommand("instances", "Look at orchestrations and control them")),
          given_(given),
          chosen_(chosen) {
        group_.require_subcommand(1);
    }

    void add_all() {
        auto& list = add("list", "List instances, in the order of their ids", list_instances);
        add_filters(list, given_.filter);
        list.add_option("--limit", given_.limit, "At most so many")
            ->check(CLI::Range(1, 10'000))
            ->capture_default_str();
        list.add_option("--after", given_.after, "Go on after the end of the last page");
        add_with_id("show", "Show everything about an instance", show_instance);
        add_with_id("history", "Show what happened in its current execution", show_history);

        auto& raise = add_with_id("raise", "Raise an external event", raise_event);
        raise.add_option("EVENT", given_.event, "Name of the event")->required();
        auto* data = raise.add_option("--data", given_.data, "Content, as JSON");
        raise.add_option("--text", given_.text, "Content, as a string")->excludes(data);
        raise.add_option("--message-id", given_.message_id, "Drop repeated events with this id");

        add_reason(add_with_id("suspend", "Let it take in messages only", suspend_instance));
        add_reason(add_with_id("resume", "Let it go on", resume_instance));
        auto& terminate = add_with_id("terminate", "End it", terminate_instance);
        add_reason(terminate);
        terminate.add_flag("--recursive", given_.recursive, "Its children, too");
        add_with_id("unpark", "Make a parked instance ready again", unpark_instance);

        auto& purge = add("purge", "Delete instances that have ended", purge_instances);
        purge.add_option("ID", given_.ids, "Instances; otherwise those that the filters mean");
        add_filters(purge, given_.filter);
        purge.add_flag("--all", given_.all, "Every instance that has ended");
        purge.add_flag("--force", given_.force, "Also if they have not ended");
    }

  private:
    using verb_function = int (*)(const instances_command&);

    CLI::App& add(const std::string& name, const std::string& what, verb_function execute) {
        auto& verb = *group_.add_subcommand(name, what);
        verb.add_option("--hub", given_.hub, "The hub, for example sqlite:shop.db")->required();
        add_form(verb, given_.form);
        verb.callback([this, execute] { chosen_ = [this, execute] { return execute(given_); }; });
        return verb;
    }
    CLI::App& add_with_id(const std::string& name, const std::string& what, verb_function execute) {
        auto& verb = add(name, what, execute);
        verb.add_option("ID", given_.id, "The instance")->required();
        return verb;
    }
    void add_reason(CLI::App& verb) {
        verb.add_option("--reason", given_.reason, "Kept in the history");
    }

    CLI::App& group_;
    instances_command& given_;
    chosen_verb& chosen_;
};

void add_quiet(CLI::App& verb, bool& quiet) {
    verb.add_flag("--quiet", quiet, "Print nothing but what is wrong");
}

void add_export(CLI::App& app, export_command& given, chosen_verb& chosen) {
    auto* verb = app.add_subcommand("export", "Write instances into a file");
    verb->add_option("--hub", given.hub, "The hub, for example sqlite:shop.db")->required();
    verb->add_option(
        "ID", given.wanted.ids, "Instances; otherwise those that the filters mean, or all");
    add_filters(*verb, given.wanted.filter);
    verb->add_option("--output", given.output, "The file, .jsonl.zst; - is standard output")
        ->required();
    verb->add_flag("--redact", given.redacted, "Replace contents by values of the same shape");
    verb->add_flag("--overwrite", given.overwrite, "Replace a file that is there");
    verb->add_flag("--no-compression", given.no_compression, "Plain lines of JSON");
    add_quiet(*verb, given.quiet);
    add_form(*verb, given.form);
    verb->callback([&] { chosen = [&given] { return export_instances(given); }; });
}

void add_import(CLI::App& app, import_command& given, chosen_verb& chosen) {
    auto* verb = app.add_subcommand("import", "Put the instances of a file into a hub");
    verb->add_option("--hub", given.hub, "The hub; it is created if need be")->required();
    verb->add_option("FILE", given.file, "What export wrote; - is standard input")->required();
    verb->add_flag("--redacted-too", given.redacted_too, "Also a file without real contents");
    add_quiet(*verb, given.quiet);
    add_form(*verb, given.form);
    verb->callback([&] { chosen = [&given] { return import_instances(given); }; });

    auto* check = app.add_subcommand("verify", "Check a file that export wrote, without a hub");
    check->add_option("FILE", given.file, "The file; - is standard input")->required();
    add_quiet(*check, given.quiet);
    add_form(*check, given.form);
    check->callback([&] { chosen = [&given] { return verify_file(given); }; });
}

void add_migrate(CLI::App& app, migrate_command& given, chosen_verb& chosen) {
    auto* verb = app.add_subcommand("migrate", "Move all instances of a hub into another one");
    verb->add_option("STEP",
                     given.step,
                     "Of a move while workers and clients go on; without it nobody may work")
        ->check(CLI::IsMember(live_steps()));
    verb->add_option("--from", given.from, "The hub that has them; it is closed at the end")
        ->required();
    verb->add_option("--to", given.to, "The hub that gets them; it is created if need be")
        ->required();
    verb->add_flag("--leave-open",
                   given.leave_open,
                   "The first hub may be used on, as a copy; not with a step")
        ->excludes("STEP");
    add_quiet(*verb, given.quiet);
    add_form(*verb, given.form);
    verb->callback([&] {
        chosen = [&given] { return given.step.empty() ? migrate_hub(given) : migrate_live(given); };
    });
}

void add_replay(CLI::App& app, replay_command& given, chosen_verb& chosen) {
    auto* verb = app.add_subcommand("replay", "Replay recorded histories against today's code");
    verb->add_option("--load", given.libraries, "A library with PERDURE_FLOWS; repeatable")
        ->required()
        ->allow_extra_args(false);
    verb->add_option("--hub", given.hub, "The hub; without it a file is replayed");
    verb->add_option("FILE_OR_ID",
                     given.words,
                     "What export wrote (- is standard input); with --hub, instances");
    add_filters(*verb, given.filter);
    verb->add_option("--limit", given.limit, "Print at most so many findings of each kind")
        ->check(CLI::Range(0U, 10'000U))
        ->capture_default_str();
    verb->add_option("--time-limit", given.time_limit_seconds, "Seconds for each instance")
        ->check(CLI::Range(1U, 86'400U))
        ->capture_default_str();
    add_quiet(*verb, given.quiet);
    add_form(*verb, given.form);
    verb->callback([&] { chosen = [&given] { return replay_histories(given); }; });
}

void add_bench(CLI::App& app, bench_command& given, chosen_verb& chosen) {
    auto* verb =
        app.add_subcommand("bench", "Measure this machine and backend, on a hub of its own");
    verb->add_option("--hub", given.hub, "The hub; it is created if need be")->required();
    verb->add_option("--workload", given.workload, "What to measure")
        ->required()
        ->check(CLI::IsMember(bench_workloads()));
    verb->add_option("--count", given.count, "How many; by default as many as take some seconds")
        ->check(CLI::Range(1U, 10'000'000U));
    verb->add_option("--seconds",
                     given.seconds,
                     "Of sequence and noop: repeat it for so long with the same workers")
        ->check(CLI::Range(1U, 86'400U));
    verb->add_option("--workers", given.workers, "Worker processes; 0 works in this process")
        ->check(CLI::Range(0U, 64U))
        ->capture_default_str();
    verb->add_flag_callback(
        "--floor",
        [&given] { given.floor = floor_program::executed; },
        "Compare with the floor program of the backend");
    add_form(*verb, given.form);
    verb->callback([&] { chosen = [&given] { return bench(given); }; });

    auto* worker_verb = app.add_subcommand("bench-worker")->group("");
    worker_verb->add_option("--hub", given.hub)->required();
    worker_verb->callback([&] { chosen = [&given] { return work_for_bench(given.hub); }; });
}

// What the parser repeats of the command line may be a hub with its password.
std::string without_hubs(std::string text, std::span<char* const> words) {
    for (const std::string_view word : words) {
        const auto equals = word.starts_with('-') ? word.find('=') : std::string_view::npos;
        const std::string_view value =
            equals == std::string_view::npos ? word : word.substr(equals + 1);
        if (value.find_first_of(":@") == std::string_view::npos) {
            continue;
        }
        for (auto at = text.find(value); at != std::string::npos; at = text.find(value)) {
            text.replace(at, value.size(), "(a word that may hold a password)");
        }
    }
    return text;
}

int explain(const std::exception& problem, exit_code code) {
    std::cerr << "perdure: " << one_line(problem.what(), 2000) << '\n';
    return code;
}

int execute(const chosen_verb& verb) {
    try {
        return verb();
    } catch (const no_such_instance& problem) {
        return explain(problem, exit_code::not_found);
    } catch (const invalid_input& problem) {
        return explain(problem, exit_code::bad_usage);
    } catch (const damaged_file& problem) {
        return explain(problem, exit_code::damaged);
    } catch (const backend_error& problem) {
        return explain(problem,
                       problem.code() == store_fault::configuration ? exit_code::bad_usage
                                                                    : exit_code::store_failed);
    } catch (const std::exception& problem) {
        return explain(problem, exit_code::store_failed);
    }
}

// What was printed must have arrived: a full disk is not success.
int written(int code) {
    if (!std::cout.flush()) {
        std::cerr << "perdure: standard output cannot be written\n";
        return code == exit_code::done ? exit_code::store_failed : code;
    }
    return code;
}

int main(int argc, char** argv) {
    CLI::App app("Looks after Perdure's durable orchestrations", "perdure");
    app.set_version_flag("--version", std::string("perdure ") + PERDURE_VERSION_TEXT);
    app.require_subcommand(1);
    const std::span<char* const> words(argv, static_cast<std::size_t>(argc));
    app.failure_message([words](const CLI::App*, const CLI::Error& problem) {
        return "perdure: " + one_line(without_hubs(problem.what(), words), 2000) +
               " (--help explains)\n";
    });

    chosen_verb chosen;
    plugins_command plugins;
    hub_command hub;
    fsck_command fsck;
    instances_command instances;
    export_command exporting;
    import_command importing;
    migrate_command migrating;
    replay_command replaying;
    bench_command benchmark;
    add_plugins(app, plugins, chosen);
    add_hub(app, hub, fsck, chosen);
    instance_verbs verbs(app, instances, chosen);
    verbs.add_all();
    add_export(app, exporting, chosen);
    add_import(app, importing, chosen);
    add_migrate(app, migrating, chosen);
    add_replay(app, replaying, chosen);
    add_bench(app, benchmark, chosen);
    try {
        app.parse(argc, argv);
    } catch (const CLI::RequiredError& problem) {
        // A word that nobody knows is the better explanation.
        const auto unknown = app.remaining(true);
        static_cast<void>(unknown.empty() ? app.exit(problem)
                                          : app.exit(CLI::ExtrasError(unknown)));
        return exit_code::bad_usage;
    } catch (const CLI::ParseError& problem) {
        return written(app.exit(problem) == 0 ? exit_code::done : exit_code::bad_usage);
    }
    return written(execute(chosen));
}

}  // namespace
}  // namespace perdure::tool

int main(int argc, char** argv) {
    return perdure::tool::main(argc, argv);
}
