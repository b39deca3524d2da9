#include "../filters.hpp"
#include "moving.hpp"
#include "reports.hpp"

#include <perdure/hub_role.hpp>
#include <perdure/instance_image.hpp>
#include <perdure/kit/forwarding_backend.hpp>
#include <perdure/migration.hpp>
#include <perdure/printable.hpp>

#include <iostream>

// `perdure migrate` and `perdure hub open`.

namespace perdure::tool {

int migrate_hub(const migrate_command& given) {
    const stopwatch time;
    const hub from = open_existing(given.from);
    // Before a target is created.
    refuse_workers(from);
    const hub to = open_target(given.to);
    image_counts done;
    {
        progress_line progress(given.quiet);
        migration_options options;
        options.leaves_source_open = given.leave_open;
        options.on_progress = [&progress](const migration_progress& now) {
            const bool is_copying = now.doing == migration_progress::phase::copying;
            progress.show(
                is_copying ? "copying" : "verifying", now.done.instances, now.done.events);
        };
        done = migrate(from, to, options);
    }
    const moved what{done.instances, done.events, done.messages, done.activities, time.seconds()};
    if (given.form == output_form::json) {
        std::cout << to_json(what)
                         .number("unchanged", done.unchanged)
                         .flag("verified", true)
                         .text("from", from.description())
                         .text("to", to.description())
                         .finish()
                  << '\n';
    } else if (!given.quiet) {
        std::cout << "migrated " << to_text(what) << "; unchanged: " << done.unchanged << '\n'
                  << "verified: " << printable(to.description()) << " holds the same as "
                  << printable(from.description()) << '\n';
    }
    return exit_code::done;
}

int open_closed_hub(const open_hub_command& given) {
    const hub closed = open_existing(given.hub);
    auto* images = interface_of<image_store>(closed.store());
    auto* roles = interface_of<role_store>(closed.store());
    const std::string reason = images != nullptr ? images->closed_reason() : std::string();
    const hub_role role = roles != nullptr ? roles->role() : hub_role{};
    const std::string name = printable(closed.description());
    if (role.role != move_role::plain) {
        if (!roles->change_role(role.era, {})) {
            throw backend_error(store_fault::rejected,
                                "somebody else has changed its role just now: look again");
        }
        std::cout << name << " takes part in no move any more, and is open\n";
    } else if (reason.empty()) {
        std::cout << name << " is open\n";
    } else {
        images->set_closed({});
        std::cout << name << " was closed (" << printable(reason) << "), and is open\n";
    }
    return exit_code::done;
}

}  // namespace perdure::tool
