#include "../filters.hpp"
#include "moving.hpp"
#include "reports.hpp"

#include <perdure/live_migration.hpp>
#include <perdure/printable.hpp>

#include <functional>
#include <iostream>
#include <map>

// `perdure migrate STEP`: a hub moves while its workers and clients go on.

namespace perdure::tool {

namespace {

std::string name_of(move_role role) {
    switch (role) {
        case move_role::plain:
            return "plain";
        case move_role::tracked:
            return "tracked";
        case move_role::closing:
            return "closing";
        case move_role::moved:
            return "moved";
        case move_role::standby:
            return "standby";
        case move_role::following:
            return "following";
        case move_role::sealed:
            return "sealed";
    }
    return "unknown";
}

void say(const migrate_command& given, const json_object& found, const std::string& text) {
    if (given.form == output_form::json) {
        std::cout << found.finish() << '\n';
    } else if (!given.quiet) {
        std::cout << printable(text) << '\n';
    }
}

int say_status(const migrate_command& given, live_migration& move) {
    const live_migration_status now = move.status();
    json_object found;
    found.text("source", name_of(now.source.role))
        .text("target", name_of(now.target.role))
        .number("changes", std::uint64_t{now.changes})
        .text("text", now.text);
    const bool is_followed = now.source.role == move_role::tracked;
    say(given,
        found,
        is_followed ? now.text + "; changes to be copied: " + std::to_string(now.changes)
                    : now.text);
    return exit_code::done;
}

int plan(const migrate_command& given, live_migration& move) {
    const auto found = move.obstacles(given.from);
    if (given.form == output_form::json) {
        std::string all;
        for (const std::string& obstacle : found) {
            all += (all.empty() ? "" : ",") + json_text(obstacle);
        }
        std::cout << json_object().raw("obstacles", "[" + all + "]").finish() << '\n';
    } else if (!given.quiet) {
        for (const std::string& obstacle : found) {
            std::cout << "in the way: " << printable(obstacle) << '\n';
        }
        if (found.empty()) {
            std::cout << "nothing is in the way: begin\n";
        }
    }
    return found.empty() ? exit_code::done : exit_code::store_failed;
}

live_migration::watcher shown_by(progress_line& progress) {
    return [&progress](const promotion_progress& now) {
        progress.show(now.state == promotion_state::copying ? "copying" : "following",
                      now.copied,
                      now.events);
        if (!now.problem.empty()) {
            progress.show_problem(now.problem);
        }
    };
}

int cut(const migrate_command& given, live_migration& move, const live_migration::watcher& watch) {
    const auto milliseconds = std::chrono::duration<double, std::milli>(move.cut(watch)).count();
    json_object found;
    found.number("stall_ms", milliseconds).text("text", move.status().text);
    say(given,
        found,
        move.status().text + "; all calls waited for " + to_text(milliseconds) + " ms");
    return exit_code::done;
}

}  // namespace

const std::vector<std::string>& live_steps() {
    static const std::vector<std::string> all = {
        "plan", "begin", "run", "status", "cut", "abort", "finish"};
    return all;
}

int migrate_live(const migrate_command& given) {
    const hub from = open_existing(given.from);
    const hub to = given.step == "begin" || given.step == "plan" ? open_target(given.to) : open_existing(given.to);
    live_migration move(from, to);
    progress_line progress(given.quiet);
    const auto watch = shown_by(progress);
    if (given.step == "plan") {
        return plan(given, move);
    }
    if (given.step == "cut") {
        return cut(given, move, watch);
    }
    const std::map<std::string, std::function<void()>> steps = {
        {"begin", [&] { move.begin(given.from, given.to); }},
        {"run", [&] { move.run(watch); }},
        {"status", [] {}},
        {"abort", [&] { move.abort(watch); }},
        {"finish", [&] { move.finish(); }},
    };
    steps.at(given.step)();
    return say_status(given, move);
}

}  // namespace perdure::tool
