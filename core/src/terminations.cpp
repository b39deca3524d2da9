#include "terminations.hpp"

#include "messages.hpp"

#include <perdure/history_codec.hpp>

#include <set>
#include <utility>
#include <vector>

namespace perdure::calls {

termination make_termination(const instance_id& target,
                             const std::string& reason,
                             const tag_map& tags) {
    history_event final_event;
    final_event.kind = event_kind::execution_terminated;
    final_event.note = reason;
    std::string text = "instance \"" + target.text() + "\" was terminated";
    if (!reason.empty()) {
        text += ": " + reason;
    }
    return {target,
            messages::terminated(reason, tags),
            encode_event(final_event),
            codec<std::string>::encode(reason),
            messages::child_gone(target.text(), failure_type::terminated, text)};
}

namespace {

/// One walk from parents to children, in steps of one page.
class walk {
  public:
    walk(backend& store, const std::string& reason, descendants which, const repeater& repeat)
        : store_(store), reason_(reason), which_(which), repeat_(repeat) {
        if (which == descendants::next) {
            using status = orchestration_status;
            children_.statuses = {status::pending, status::running, status::suspended};
        }
    }

    [[nodiscard]] bool below(const instance_id& root) {
        std::optional<instance_record> found;
        if (!repeat_([&] { found = std::move(store_.get({&root, 1}).at(0)); })) {
            return false;
        }
        if (found) {
            go_below(*found);
        }
        while (!parents_.empty()) {
            const parent next = std::move(parents_.back());
            parents_.pop_back();
            if (!terminate_children(next)) {
                return false;
            }
        }
        return true;
    }

  private:
    /// What of a record tells whose children are its own.
    struct parent {
        instance_id instance;
        execution_id execution{};
        timestamp created_at{};

        /// A parent link names an id, which another instance may have had before. A child is never
        /// older than its parent, which keeps its creation time when it continues as new.
        [[nodiscard]] bool has(const instance_record& other) const {
            return other.parent->execution == execution || other.created_at >= created_at;
        }
    };

    void go_below(const instance_record& found) {
        if (seen_.insert(found.instance).second) {
            parents_.push_back({found.instance, found.execution, found.created_at});
        }
    }

    [[nodiscard]] bool terminate_children(const parent& of) {
        children_.parent = of.instance;
        instance_page page;
        do {
            const std::string after = std::exchange(page.next, {});
            if (!repeat_([&] { page = store_.query(children_, batch_items_max, after); })) {
                return false;
            }
            std::erase_if(page.instances, [&](const auto& other) { return !of.has(other); });
            if (!terminate(page.instances)) {
                return false;
            }
        } while (!page.next.empty());
        return true;
    }

    [[nodiscard]] bool terminate(const std::vector<instance_record>& children) {
        std::vector<termination> wishes;
        for (const instance_record& child : children) {
            if (!is_terminal(child.status)) {
                wishes.push_back(
                    make_termination(child.instance, reason_, {{"recursive", "true"}}));
            }
        }
        const request_id request{random_uuid()};
        std::vector<terminate_outcome> outcomes;
        if (!wishes.empty() && !repeat_([&] { outcomes = store_.terminate(request, wishes); })) {
            return false;
        }
        auto outcome = outcomes.begin();
        for (const instance_record& child : children) {
            const bool has_ended_now =
                !is_terminal(child.status) && *outcome++ == terminate_outcome::terminated;
            if (which_ == descendants::all || has_ended_now) {
                go_below(child);
            }
        }
        return true;
    }

    backend& store_;
    const std::string& reason_;
    const descendants which_;
    const repeater& repeat_;
    instance_filter children_;
    std::vector<parent> parents_;
    std::set<instance_id> seen_;
};

}  // namespace

bool terminate_descendants(backend& store,
                           const instance_id& root,
                           const std::string& reason,
                           descendants which,
                           const repeater& repeat) {
    return walk(store, reason, which, repeat).below(root);
}

}  // namespace perdure::calls
