#include "moving/live_mover.hpp"
#include "moving/obstacles.hpp"
#include "moving/roles.hpp"
#include "plugin/secrets.hpp"

#include <perdure/kit/forwarding_backend.hpp>
#include <perdure/live_migration.hpp>

#include <fmt/format.h>

#include <utility>

namespace perdure {
inline namespace v1 {

namespace {

using moving::moving_hub;
using moving::refuse;

constexpr std::size_t changes_shown = 100'000;

// The store itself: a hub's handle would follow where it has moved to.
moving_hub side(const hub& opened) {
    return {dynamic_cast<forwarding_backend&>(opened.store()).inner(), opened.description()};
}

struct both_sides {
    both_sides(const hub& from, const hub& to) : source(side(from)), target(side(to)) { read(); }
    void read() {
        here = source.role();
        there = target.role();
    }

    moving_hub source;
    moving_hub target;
    hub_role here{};
    hub_role there{};
};

bool is_same_move(const both_sides& sides) {
    return sides.here.move == sides.there.move && sides.here.move != uuid{};
}

// Roles of both sides, from where to where their instances move.
bool is_under_way(const both_sides& sides) {
    return is_same_move(sides) && is_source(sides.here.role) && is_target(sides.there.role);
}

bool is_going_back(const both_sides& sides) {
    return is_same_move(sides) && is_target(sides.here.role) && is_source(sides.there.role);
}

// The target did not hear of it.
bool is_half_returned(const both_sides& sides) {
    return is_same_move(sides) && sides.here.role == move_role::standby &&
           sides.there.role == move_role::plain;
}

bool is_returned(const both_sides& sides) {
    return is_same_move(sides) && sides.there.role == move_role::moved &&
           (sides.here.role == move_role::plain || sides.here.role == move_role::sealed);
}

bool is_handed_over(const both_sides& sides) {
    return is_same_move(sides) && sides.here.role == move_role::moved &&
           (sides.there.role == move_role::plain || sides.there.role == move_role::sealed);
}

// The source did not hear of it, or its end was not heard of by the target.
bool is_half_begun(const both_sides& sides) {
    return sides.here.role == move_role::plain && sides.here.move == uuid{} &&
           is_target(sides.there.role);
}

// What the hub left there when it went to the source is of no use any more.
bool is_left_for(const both_sides& sides, std::string_view source_uri) {
    return sides.there.role == move_role::moved && sides.there.other == source_uri;
}

std::string text_of(const both_sides& sides) {
    const std::string& from = sides.source.name;
    const std::string& to = sides.target.name;
    if (is_under_way(sides)) {
        if (sides.here.role == move_role::closing) {
            return fmt::format("{} is closed for a moment, to be moved to {}", from, to);
        }
        return sides.there.role == move_role::standby
                   ? fmt::format(
                         "{} has the hub; its instances have to be copied to {}: run", from, to)
                   : fmt::format(
                         "{} has the hub, and {} follows its changes: run, cut or abort", from, to);
    }
    if (is_going_back(sides) || is_half_returned(sides)) {
        return fmt::format("the hub is going back from {} to {}: abort again", to, from);
    }
    if (is_handed_over(sides)) {
        return fmt::format("{} has the hub; it can go back to {}: finish or abort", to, from);
    }
    if (is_returned(sides)) {
        return fmt::format("the hub has gone back from {} to {}: abort or begin again", to, from);
    }
    if (is_half_begun(sides)) {
        return fmt::format(
            "{} is prepared for a move, of which {} does not know: begin or abort", to, from);
    }
    if (sides.here.role == move_role::moved) {
        return fmt::format("{} has moved, and the move is finished", from);
    }
    return fmt::format("no live move is going on from {} to {}", from, to);
}

void require_uri(std::string_view uri, const std::string& name) {
    const backend_config config = parse_uri(uri);
    if (uri.size() > other_bytes_max) {
        refuse(fmt::format(
            "the URI of {} has {} bytes; {} are allowed", name, uri.size(), other_bytes_max));
    }
    if (plugin::may_hold_secret(config)) {
        refuse(fmt::format(
            "the URI of {} may hold a password, and it would be kept in the other hub: leave it to "
            "a file of passwords (PGPASSFILE) that every process of the hub has",
            name));
    }
    if (!config.address.starts_with('/')) {
        refuse(fmt::format(
            "the URI of {} does not begin with '/' after the name of its backend: every process of "
            "the hub opens it, wherever it was started",
            name));
    }
}

void add_unless_empty(std::vector<std::string>& to, std::string what) {
    if (!what.empty()) {
        to.push_back(std::move(what));
    }
}

// A move back that has been decided, and of which a step was left out.
void settle_return(both_sides& sides, promotion::course& course) {
    if (moving::is_decided_by(sides.here, sides.there)) {
        must_change_role(sides.source, sides.here, moving::opened(sides.here), course);
        sides.read();
    }
    if (is_same_move(sides) && sides.here.role == move_role::plain &&
        sides.there.role == move_role::moved) {
        must_change_role(sides.source, sides.here, {}, course);
        sides.read();
    }
}

std::vector<std::string> obstacles_of(both_sides& sides, std::string_view from_uri) {
    const moving::named_store from{sides.source.store, sides.source.name};
    const moving::named_store to{sides.target.store, sides.target.name};
    std::vector<std::string> all;
    add_unless_empty(all, moving::same_hub(from, to));
    if (!all.empty()) {
        return all;
    }
    const std::pair<moving_hub*, const hub_role*> both[] = {{&sides.source, &sides.here},
                                                            {&sides.target, &sides.there}};
    const bool is_left = is_left_for(sides, from_uri);
    for (const auto& [where, role] : both) {
        if (is_left && where == &sides.target) {
            continue;
        }
        if (role->role != move_role::plain || role->move != uuid{}) {
            all.push_back(fmt::format("{} takes part in a move already{}{}",
                                      where->name,
                                      role->other.empty() ? "" : ", with ",
                                      role->other));
        } else if (!role->reason.empty()) {
            all.push_back(where->name + " is closed: " + role->reason);
        }
    }
    if (!is_left) {
        add_unless_empty(all, moving::not_empty(to));
        add_unless_empty(all, moving::live_worker(to));
    }
    add_unless_empty(all, moving::lesser_abilities(from, to));
    add_unless_empty(all, moving::clocks_apart(from, to));
    return all;
}

// The target is as it was before: empty.
void empty_target(both_sides& sides) {
    sides.target.store.delete_hub();
    sides.target.store.create_hub();
}

void end_before_cut(both_sides& sides, promotion::course& course) {
    if (sides.here.role != move_role::plain) {
        must_change_role(sides.source, sides.here, {}, course);
    }
    empty_target(sides);
}

void remove_all(moving_hub& where) {
    for (;;) {
        const image_page page = where.images.read_images({}, batch_items_max, batch_bytes_max);
        if (page.images.empty()) {
            return;
        }
        std::vector<instance_id> ids;
        for (const instance_image& image : page.images) {
            ids.push_back(image.record.instance);
        }
        where.images.remove_images(ids);
    }
}

// What has happened since the cut makes the old copy worthless, so it is made anew.
void begin_to_go_back(both_sides& sides, promotion::course& course) {
    if (moving::is_decided_by(sides.there, sides.here)) {
        must_change_role(sides.target, sides.there, moving::opened(sides.there), course);
        sides.read();
    }
    const hub_role standby{.role = move_role::standby,
                           .move = sides.here.move,
                           .other = sides.here.other,
                           .reason = fmt::format("its instances are in {}, and go back from there",
                                                 sides.target.name)};
    must_change_role(sides.source, sides.here, standby, course);
    remove_all(sides.source);
    const hub_role tracked{
        .role = move_role::tracked, .move = sides.there.move, .other = sides.there.other};
    must_change_role(sides.target, sides.there, tracked, course);
    sides.read();
}

void go_back(both_sides& sides, promotion::course& course) {
    {
        moving::live_mover back(sides.target, sides.source, course);
        back.run();
        back.cut();
    }
    sides.read();
    settle_return(sides, course);
}

}  // namespace

live_migration::live_migration(const hub& from, const hub& to) : from_(from), to_(to) {}

std::vector<std::string> live_migration::obstacles(std::string_view from_uri) {
    both_sides sides(from_, to_);
    return obstacles_of(sides, from_uri);
}

live_migration_status live_migration::status() {
    both_sides sides(from_, to_);
    const bool goes_back = is_going_back(sides);
    moving_hub& follows = goes_back ? sides.target : sides.source;
    return {.source = sides.here,
            .target = sides.there,
            .changes = follows.roles.count_changes(changes_shown),
            .text = text_of(sides)};
}

void live_migration::begin(std::string_view from_uri, std::string_view to_uri) {
    both_sides sides(from_, to_);
    if (is_under_way(sides)) {
        return;
    }
    require_uri(from_uri, sides.source.name);
    require_uri(to_uri, sides.target.name);
    promotion::course course;
    settle_return(sides, course);
    hub_role standby{
        .role = move_role::standby,
        .move = random_uuid(),
        .other = std::string(from_uri),
        .reason = fmt::format("the instances of {} are being moved here, and go on there "
                              "so far",
                              sides.source.name)};
    const bool is_repeated = is_half_begun(sides) && sides.there.other == from_uri;
    const bool is_left = is_left_for(sides, from_uri);
    if (!is_repeated) {
        const auto found = obstacles_of(sides, from_uri);
        if (!found.empty()) {
            refuse(found.front());
        }
    }
    must_change_role(sides.target, sides.there, standby, course);
    if (is_repeated || is_left) {
        remove_all(sides.target);
    }
    must_change_role(
        sides.source,
        sides.here,
        {.role = move_role::tracked, .move = standby.move, .other = std::string(to_uri)},
        course);
}

void live_migration::run(const watcher& watch) {
    both_sides sides(from_, to_);
    if (!is_under_way(sides)) {
        refuse("it cannot run: " + text_of(sides));
    }
    promotion::course course;
    course.watch = watch;
    moving::live_mover(sides.source, sides.target, course).run();
}

duration live_migration::cut(const watcher& watch) {
    both_sides sides(from_, to_);
    promotion::course course;
    course.watch = watch;
    if (moving::is_decided_by(sides.there, sides.here)) {
        must_change_role(sides.target, sides.there, moving::opened(sides.there), course);
        return duration::zero();
    }
    if (!is_under_way(sides)) {
        refuse("it cannot be cut: " + text_of(sides));
    }
    moving::live_mover(sides.source, sides.target, course).cut();
    return course.progress().stall;
}

void live_migration::abort(const watcher& watch) {
    both_sides sides(from_, to_);
    promotion::course course;
    course.watch = watch;
    if (is_under_way(sides) || is_half_begun(sides)) {
        end_before_cut(sides, course);
        return;
    }
    if (is_returned(sides)) {
        settle_return(sides, course);
        return;
    }
    if (is_handed_over(sides) || is_half_returned(sides)) {
        begin_to_go_back(sides, course);
    }
    if (!is_going_back(sides)) {
        refuse("there is nothing to abort: " + text_of(sides));
    }
    go_back(sides, course);
}

void live_migration::finish() {
    both_sides sides(from_, to_);
    promotion::course course;
    if (!is_handed_over(sides)) {
        refuse("it cannot be finished: " + text_of(sides));
    }
    if (sides.there.role == move_role::sealed) {
        must_change_role(sides.target, sides.there, moving::opened(sides.there), course);
        sides.read();
    }
    must_change_role(sides.target, sides.there, {}, course);
}

}  // namespace v1
}  // namespace perdure
