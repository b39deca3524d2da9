#include "commit_batches.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>

namespace perdure::postgres {

namespace {

template <class Element>
elements<Element> collect(const work_items& turns, std::vector<Element> checkpoint::*member) {
    elements<Element> all;
    for (std::size_t n = 0; n < turns.size(); ++n) {
        for (const Element& element : (*turns[n]->turn).*member) {
            all.push_back({static_cast<std::int32_t>(n + 1), turns[n], &element});
        }
    }
    return all;
}

template <class Element>
parameters& add_turns(parameters& values, const elements<Element>& all) {
    return values.add_list<sql::integer>(all, &of_turn<Element>::turn);
}

bool contains(const std::vector<task_id>& tasks, task_id task) {
    return std::find(tasks.begin(), tasks.end(), task) != tasks.end();
}

bool ends(const finished_work* item) {
    return item->turn->next || is_terminal(item->turn->status);
}

std::uint64_t key_of_item(const finished_work* item) {
    return key_of(item->held, item->instance);
}

std::uint64_t token_of(const finished_work* item) {
    return item->held.token.value;
}

const uuid& execution_of(const finished_work* item) {
    return item->execution.value;
}

void add_keys(parameters& values, const commit_items& items) {
    std::vector<std::uint64_t> keys;
    std::transform(items.turns.begin(), items.turns.end(), std::back_inserter(keys), key_of_item);
    std::transform(
        items.completions.begin(), items.completions.end(), std::back_inserter(keys), key_of_item);
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    values.add_list<sql::bigint>(keys);
}

// The instances outside the batch that it may touch.
void add_targets(parameters& values, const work_items& turns) {
    std::vector<std::string_view> targets;
    for (const finished_work* item : turns) {
        for (const new_message& message : item->turn->messages) {
            targets.emplace_back(message.target.text());
        }
        for (const new_child& child : item->turn->children) {
            // What has this id already may be in a call that starts one of ours.
            targets.emplace_back(child.instance.instance.text());
        }
    }
    if (targets.empty()) {
        values.add_null<sql::text>();
    } else {
        values.add_list<sql::text>(targets);
    }
}

// The history that each turn began with; where speculative turns are among them, what else they
// need. [SPECULATIVE-1] One beside another item of its instance has no version to follow, so it is
// declined.
void add_ends(parameters& values, const commit_items& items) {
    const work_items& turns = items.turns;
    const auto is_speculative = [](const finished_work* item) {
        return item->activity.has_value();
    };
    if (std::none_of(turns.begin(), turns.end(), is_speculative)) {
        values.add_null_list<sql::bigint>()
            .add_list<sql::bigint>(
                turns, [](const finished_work* item) { return item->turn->history_version; })
            .add_null_list<sql::bigint>()
            .add_null_list<sql::text>();
        return;
    }
    std::unordered_map<instance_id, std::size_t> counts;
    for (const finished_work* item : turns) {
        ++counts[item->instance];
    }
    for (const finished_work* item : items.completions) {
        ++counts[item->instance];
    }
    const auto task = [](const finished_work* item) {
        return item->activity ? std::optional(item->activity->task.value) : std::nullopt;
    };
    const auto version = [&](const finished_work* item) {
        return !item->activity || counts[item->instance] == 1
                   ? std::optional(item->turn->history_version)
                   : std::nullopt;
    };
    const auto committed = [](const finished_work* item) {
        return item->activity ? std::optional(item->turn->last_committed.value) : std::nullopt;
    };
    const auto event = [](const finished_work* item) {
        return item->activity ? std::optional(std::string_view(item->activity->event))
                              : std::nullopt;
    };
    values.add_list<sql::bigint>(turns, task)
        .add_list<sql::bigint>(turns, version)
        .add_list<sql::bigint>(turns, committed)
        .add_list<sql::text>(turns, event);
}

void add_turns_of(parameters& values, const commit_items& items) {
    const work_items& turns = items.turns;
    if (turns.empty()) {
        values.add_null_record();
        return;
    }
    const auto added_events = [](const finished_work* item) {
        std::uint32_t count = 0;
        for (const new_events& chunk : item->turn->events) {
            count += chunk.count;
        }
        return count;
    };
    values.begin_record();
    values.add_list<sql::bigint>(turns, key_of_item)
        .add_list<sql::bigint>(turns, token_of)
        .add_list<sql::uuid>(turns, execution_of)
        .add_list<sql::smallint>(
            turns, [](const finished_work* item) { return static_cast<int>(item->turn->status); })
        .add_list<sql::integer>(turns, added_events);
    add_ends(values, items);
    add_levels(values, turns, [](const finished_work* item) { return item->turn->level; });
    values.end_record();
}

void add_consumed(parameters& values, const work_items& turns) {
    const auto all = collect(turns, &checkpoint::consumed);
    if (all.empty()) {
        values.add_null_record();
        return;
    }
    using item = of_turn<std::uint64_t>;
    values.begin_record();
    add_turns(values, all)
        .add_list<sql::bigint>(
            all, [](const item& c) { return key_of(c.owner->held, c.owner->instance); })
        .add_list<sql::bigint>(all, [](const item& c) { return *c.element; });
    values.end_record();
}

// The events of a turn that continues as new go with its execution.
void add_chunks(parameters& values, const work_items& turns) {
    struct chunk {
        std::int32_t turn = 0;
        std::uint32_t skip = 0;
        const new_events* events = nullptr;
    };
    std::vector<chunk> all;
    for (std::size_t n = 0; n < turns.size(); ++n) {
        std::uint32_t skip = 0;
        for (const new_events& events : turns[n]->turn->events) {
            if (!turns[n]->turn->next) {
                all.push_back({static_cast<std::int32_t>(n + 1), skip, &events});
            }
            skip += events.count;
        }
    }
    if (all.empty()) {
        values.add_null_record();
        return;
    }
    values.begin_record();
    values.add_list<sql::integer>(all, &chunk::turn)
        .add_list<sql::integer>(all, &chunk::skip)
        .add_list<sql::integer>(all, [](const chunk& c) { return c.events->count; })
        .add_list<sql::text>(all,
                             [](const chunk& c) -> const std::string& { return c.events->text; });
    values.end_record();
}

void add_payloads_of(parameters& values, const work_items& turns) {
    using kept = kept_payload;
    std::vector<kept> all;
    for (std::size_t n = 0; n < turns.size(); ++n) {
        const checkpoint& turn = *turns[n]->turn;
        const auto number = static_cast<std::int32_t>(n + 1);
        if (turn.custom_status) {
            const payload& value = *turn.custom_status;
            all.push_back({number, kept::custom_status, codec_of(value), bytes_of(value)});
        }
        if (turn.next || !is_terminal(turn.status)) {
            continue;
        }
        if (!turn.output.is_none()) {
            all.push_back({number, kept::output, codec_of(turn.output), bytes_of(turn.output)});
        }
        if (!turn.failure.empty()) {
            all.push_back({number, kept::failure, failure_codec, std::string_view(turn.failure)});
        }
    }
    add_payloads(values, all);
}

void add_tasks(parameters& values, const std::vector<scheduled>& all) {
    if (all.empty()) {
        values.add_null_record();
        return;
    }
    const auto of = [](auto member) {
        return [member](const scheduled& s) { return member(*s.added.element); };
    };
    values.begin_record();
    values.add_list<sql::integer>(all, [](const scheduled& s) { return s.added.turn; })
        .add_list<sql::bigint>(all, of([](const new_activity& a) { return a.task.value; }))
        .add_list<sql::integer>(all, &scheduled::work_key)
        .add_list<sql::bigint>(all, &scheduled::token)
        .add_list<sql::text>(all,
                             of([](const new_activity& a) { return std::string_view(a.version); }))
        .add_list<sql::text>(all, of([](const new_activity& a) { return codec_of(a.input); }))
        .add_list<sql::bytea>(all, of([](const new_activity& a) { return bytes_of(a.input); }))
        .add_list<sql::text>(all,
                             of([](const new_activity& a) { return std::string_view(a.details); }));
    values.end_record();
}

void add_cancelled(parameters& values, const work_items& turns) {
    const auto tasks = collect(turns, &checkpoint::cancelled_activities);
    const auto timers = collect(turns, &checkpoint::cancelled_timers);
    if (tasks.empty() && timers.empty()) {
        values.add_null_record();
        return;
    }
    struct cancelled {
        std::int32_t turn = 0;
        std::uint64_t task = 0;
        bool is_timer = false;
    };
    std::vector<cancelled> all;
    for (const auto& task : tasks) {
        all.push_back({task.turn, task.element->value, false});
    }
    for (const auto& timer : timers) {
        all.push_back({timer.turn, timer.element->value, true});
    }
    values.begin_record();
    values.add_list<sql::integer>(all, &cancelled::turn)
        .add_list<sql::bigint>(all, &cancelled::task)
        .add_list<sql::boolean>(all, &cancelled::is_timer);
    values.end_record();
}

void add_timers(parameters& values, const work_items& turns) {
    auto all = collect(turns, &checkpoint::timers);
    std::erase_if(all, [](const of_turn<new_timer>& timer) {
        return contains(timer.owner->turn->cancelled_timers, timer.element->task) ||
               ends(timer.owner);
    });
    if (all.empty()) {
        values.add_null_record();
        return;
    }
    using item = of_turn<new_timer>;
    values.begin_record();
    add_turns(values, all)
        .add_list<sql::bigint>(all, [](const item& t) { return t.element->task.value; })
        .add_list<sql::timestamptz>(all, [](const item& t) { return t.element->fire_at; })
        .add_list<sql::text>(all,
                             [](const item& t) -> const std::string& { return t.element->event; });
    values.end_record();
}

void add_children(store& hub, parameters& values, const work_items& turns) {
    const auto children = collect(turns, &checkpoint::children);
    if (children.empty()) {
        values.add_null_record();
        return;
    }
    std::vector<work_key> keys;
    for (const auto& child : children) {
        keys.push_back(work_key_of(child.element->instance));
    }
    const std::vector<std::int32_t> work_keys = hub.names().work_keys(keys);
    std::vector<instance_source> sources;
    for (std::size_t n = 0; n < children.size(); ++n) {
        const new_child& child = *children[n].element;
        sources.push_back({.fresh = &child.instance,
                           .work_key = work_keys[n],
                           .turn = children[n].turn,
                           .refused_event = &child.refused_event});
    }
    add_instances(values, sources);
}

void add_continued(parameters& values, const work_items& turns) {
    struct continued {
        std::int32_t turn = 0;
        const next_execution* next = nullptr;
    };
    std::vector<continued> all;
    for (std::size_t n = 0; n < turns.size(); ++n) {
        if (turns[n]->turn->next) {
            all.push_back({static_cast<std::int32_t>(n + 1), &*turns[n]->turn->next});
        }
    }
    if (all.empty()) {
        values.add_null_record();
        return;
    }
    values.begin_record();
    values.add_list<sql::integer>(all, &continued::turn)
        .add_list<sql::uuid>(all, [](const continued& c) { return c.next->execution.value; })
        .add_list<sql::text>(
            all, [](const continued& c) -> const std::string& { return c.next->version; })
        .add_list<sql::text>(
            all, [](const continued& c) -> const std::string& { return c.next->start_event; })
        .add_list<sql::integer>(all, [](const continued& c) { return c.next->kept.count; })
        .add_list<sql::text>(
            all, [](const continued& c) -> const std::string& { return c.next->kept.text; })
        .add_list<sql::text>(all, [](const continued& c) { return tags_text(c.next->tags); });
    values.end_record();
}

void add_completions(parameters& values, const work_items& all) {
    if (all.empty()) {
        values.add_null_record();
        return;
    }
    values.begin_record();
    values.add_list<sql::bigint>(all, key_of_item)
        .add_list<sql::bigint>(all,
                               [](const finished_work* item) { return item->activity->task.value; })
        .add_list<sql::uuid>(all, execution_of)
        .add_list<sql::bigint>(all, token_of)
        .add_list<sql::text>(
            all, [](const finished_work* item) { return std::string_view(item->activity->event); });
    values.end_record();
}

}  // namespace

commit_items::commit_items(std::span<const finished_work> finished) {
    for (const finished_work& item : finished) {
        (item.turn ? turns : completions).push_back(&item);
    }
}

// [COMMIT-8] [COMMIT-5]
std::vector<scheduled> schedule(store& hub, const work_items& turns, room& given) {
    std::vector<scheduled> all;
    std::vector<work_key> keys;
    for (const auto& added : collect(turns, &checkpoint::activities)) {
        const new_activity& activity = *added.element;
        const checkpoint& turn = *added.owner->turn;
        if (turn.status == orchestration_status::terminated ||
            contains(turn.cancelled_activities, activity.task)) {
            continue;
        }
        keys.push_back({.is_activity = true,
                        .name = activity.name,
                        .variant = activity.queue,
                        .priority = activity.priority});
        all.push_back({added, 0, std::nullopt});
    }
    const std::vector<std::int32_t> work_keys = hub.names().work_keys(keys);
    std::size_t used = 0;
    std::size_t bytes = 0;
    for (std::size_t n = 0; n < all.size(); ++n) {
        all[n].work_key = work_keys[n];
        const new_activity& activity = *all[n].added.element;
        if (used < given.task_tokens.size() && bytes < given.request->bytes &&
            given.has.has_activity(activity.name, activity.queue)) {
            all[n].token = given.task_tokens[used++];
            bytes += activity.input.bytes.size() + activity.details.size();
        }
    }
    given.task_tokens.erase(given.task_tokens.begin(),
                            given.task_tokens.begin() + static_cast<std::ptrdiff_t>(used));
    return all;
}

activity_work handed_activity(const scheduled& item) {
    const finished_work& owner = *item.added.owner;
    const new_activity& added = *item.added.element;
    return {.instance = owner.instance,
            .execution = owner.execution,
            .task = added.task,
            .held = {{*item.token}, owner.held.row},
            .name = added.name,
            .version = added.version,
            .queue = added.queue,
            .input = added.input,
            .details = added.details};
}

void add_commit(parameters& values,
                store& hub,
                const commit_items& items,
                const std::vector<scheduled>& tasks) {
    const work_items& turns = items.turns;
    if (!turns.empty()) {
        // Every member, so that a further one is not forgotten below.
        [[maybe_unused]] const auto& [instance, execution, held, activity, turn] = *turns.front();
        [[maybe_unused]] const auto& [version,
                                      committed,
                                      consumed,
                                      events,
                                      status,
                                      output,
                                      failure,
                                      custom_status,
                                      activities,
                                      cancelled_activities,
                                      timers,
                                      cancelled_timers,
                                      messages,
                                      children,
                                      next,
                                      level] = *turn;
    }
    add_keys(values, items);
    add_targets(values, turns);
    add_turns_of(values, items);
    add_consumed(values, turns);
    add_chunks(values, turns);
    add_payloads_of(values, turns);
    add_tasks(values, tasks);
    add_cancelled(values, turns);
    add_timers(values, turns);
    add_messages(values, collect(turns, &checkpoint::messages));
    add_children(hub, values, turns);
    add_continued(values, turns);
    values.add<sql::boolean>(std::any_of(turns.begin(), turns.end(), ends));
    add_completions(values, items.completions);
}

}  // namespace perdure::postgres
