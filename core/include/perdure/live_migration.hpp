#pragma once

#include <perdure/hub.hpp>
#include <perdure/hub_role.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

// Moving a hub into another one while the workers and clients of many processes go on. Every process
// that has opened the hub with this library follows it by itself. docs/migration.md explains when
// and how.

namespace perdure {
inline namespace v1 {

struct live_migration_status {
    hub_role source;
    hub_role target;
    /// Changes that have to be copied still; counted no further than 100,000.
    std::size_t changes = 0;
    /// What the roles mean, and what may be done next, for people.
    std::string text{};
};

/// The move of a hub to another one, step by step: `begin`, `run`, `cut`, `finish`. All that it knows is
/// in the two stores, so each step can be made by another process, be killed at any point, and be
/// repeated. One thread at a time. Each step throws `backend_error`: (configuration) when one of the
/// backends cannot take part, (rejected) when the step is not possible now, with the reason, and
/// when somebody else has made a step meanwhile.
class PERDURE_EXPORT live_migration {
  public:
    /// Called on the thread of the caller, after each batch of copies. What it throws ends the step.
    using watcher = std::function<void(const promotion_progress&)>;

    live_migration(const hub& from, const hub& to);

    /// What is in the way of `begin` with this URI of the source, each a sentence; empty when nothing
    /// is.
    [[nodiscard]] std::vector<std::string> obstacles(std::string_view from_uri);
    [[nodiscard]] live_migration_status status();

    /// From now on the target is closed and the source notes what changes. A target that this hub has
    /// left for the source is emptied; any other one must be empty. The URIs are kept in the
    /// stores: with them every process opens the other hub, so they hold no password, and paths in
    /// them begin with '/'.
    void begin(std::string_view from_uri, std::string_view to_uri);
    /// Copies all instances, and then what has changed since, until little is left.
    void run(const watcher& watch = {});
    /// Lets the calls of all processes wait for some milliseconds, copies the rest, and gives the hub
    /// to the target. Returns how long it was closed. Tries until it succeeds, as long as it is not
    /// ended by the watcher.
    duration cut(const watcher& watch = {});
    /// Before `cut`: the hub stays where it is, and the target is emptied. After it, until `finish`: the
    /// hub goes back with all that has happened since, in the same way as it came.
    void abort(const watcher& watch = {});
    /// After this `abort` is not possible any more. The source stays closed, and says where the hub is.
    void finish();

  private:
    hub from_;
    hub to_;
};

}  // namespace v1
}  // namespace perdure
