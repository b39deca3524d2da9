#include "reports.hpp"

#include <perdure/printable.hpp>

#include <iostream>

namespace perdure::tool {

progress_line::progress_line(bool is_quiet) : is_shown_(!is_quiet && errors_are_terminal()) {}

progress_line::~progress_line() {
    if (is_dirty_) {
        std::cerr << "\r\x1b[K" << std::flush;
    }
}

void progress_line::show(std::string_view doing, std::uint64_t instances, std::uint64_t events) {
    const auto now = std::chrono::steady_clock::now();
    if (!is_shown_ || now < next_) {
        return;
    }
    next_ = now + std::chrono::milliseconds(200);
    is_dirty_ = true;
    std::cerr << "\r\x1b[K" << doing << ": " << to_text(static_cast<double>(instances))
              << " instances, " << to_text(static_cast<double>(events)) << " events" << std::flush;
}

void progress_line::show_problem(const std::string& problem) {
    if (!is_shown_ || problem == problem_) {
        return;
    }
    problem_ = problem;
    std::cerr << "\r\x1b[K" << printable(problem) << '\n' << std::flush;
}

namespace {

double events_per_second(const moved& what) {
    return what.seconds > 0 ? static_cast<double>(what.events) / what.seconds : 0;
}

std::string counted(std::uint64_t number, const std::string& one, const std::string& many) {
    return to_text(static_cast<double>(number)) + " " + (number == 1 ? one : many);
}

}  // namespace

json_object to_json(const moved& what) {
    json_object item;
    item.number("instances", what.instances)
        .number("events", what.events)
        .number("messages", what.messages)
        .number("activities", what.activities)
        .number("seconds", what.seconds)
        .number("events_per_second", events_per_second(what));
    return item;
}

std::string to_text(const moved& what) {
    return counted(what.instances, "instance", "instances") + " with " +
           counted(what.events, "event", "events") + ", " +
           counted(what.messages, "message", "messages") + " and " +
           counted(what.activities, "activity", "activities") + ", in " + to_text(what.seconds) +
           " s (" + to_text(events_per_second(what)) + " events/s)";
}

void refuse_workers(const hub& where) {
    const auto workers = where.store().status().live_workers;
    if (!workers.empty()) {
        throw backend_error(store_fault::rejected,
                            "worker \"" + printable(workers.front().text) + "\" lives on " +
                                where.description() +
                                ": stop the workers, and wait until their life signs have run out");
    }
}

hub open_target(const std::string& uri) {
    hub opened = open(uri);
    if (!opened.store().abilities().durable) {
        throw backend_error(
            store_fault::configuration,
            opened.description() + " would be gone with this command: give a hub that stays");
    }
    return opened;
}

}  // namespace perdure::tool
