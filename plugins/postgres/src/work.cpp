#include "work.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <string_view>
namespace perdure::postgres {

namespace {

constexpr statement find_keys{"keys_of", "select _KeysOf($1)", effect::none};
constexpr unsigned key_bits = 48;

std::uint64_t marked_bits(const instance_id& instance) {
    return std::uint64_t{std::hash<instance_id>()(instance)} << key_bits;
}

}  // namespace

std::uint64_t row_of(std::int64_t key, const instance_id& instance) {
    return static_cast<std::uint64_t>(key) | marked_bits(instance);
}

std::uint64_t key_of(const lease& held, const instance_id& instance) {
    const std::uint64_t key = held.row ^ marked_bits(instance);
    return key >> key_bits == 0 ? key : 0;
}

std::vector<std::uint64_t> rows_of(store& hub, const std::vector<std::string_view>& ids) {
    parameters values;
    values.add_list<sql::text>(ids);
    const answer done = hub.call(find_keys, values);
    const array_reader keys(done.only(0));
    std::vector<std::uint64_t> rows;
    for (std::size_t n = 0; n < ids.size(); ++n) {
        const bool is_known = !keys.is_null(n);
        rows.push_back(is_known ? row_of(keys.number(n), instance_id(std::string(ids[n]))) : 0);
    }
    return rows;
}

bool served::has_activity(const std::string& name, const std::string& queue) const {
    const auto has = [](const std::vector<std::string>& names, const std::string& wanted) {
        return std::find(names.begin(), names.end(), wanted) != names.end();
    };
    return filter == nullptr || (has(filter->activities, name) && has(filter->queues, queue));
}

served resolve(name_cache& names, const work_filter* filter) {
    if (filter == nullptr) {
        return {};
    }
    std::vector<work_key> keys;
    keys.reserve(filter->orchestrations.size() * filter->level);
    for (const auto& [name, version, kind] : filter->orchestrations) {
        for (unsigned level = 1; level <= filter->level; ++level) {  // [LEVEL-2]
            keys.push_back({.name = name,
                            .variant = version,
                            .kind = kind,
                            .level = static_cast<feature_level>(level)});
        }
    }
    return {.definitions = names.work_keys(keys), .filter = filter};
}

std::uint64_t asker_of(const lock_request& request) {
    const std::hash<std::string> hash;
    std::size_t mixed = hash(request.worker.text);
    const auto mix = [&](std::size_t next) { mixed = mixed * 31 + next; };
    if (request.filter != nullptr) {
        mix(request.filter->level);
        for (const auto& [name, version, kind] : request.filter->orchestrations) {
            mix(hash(name));
            mix(hash(version));
            mix(static_cast<std::size_t>(kind));
        }
        for (const auto* list : {&request.filter->activities, &request.filter->queues}) {
            mix(list->size());
            for (const std::string& name : *list) {
                mix(hash(name));
            }
        }
    }
    return mixed;
}

room full_room(store& hub, const lock_request& request) {
    room given{.worker = hub.names().worker(request.worker),
               .has = resolve(hub.names(), request.filter),
               .request = &request,
               .tokens = {},
               .task_tokens = {},
               .expire = hub.should_expire(request.suspects),
               .ended = {},
               .from = {}};
    if (given.expire) {
        given.ended = hub.held().take_ended();
    }
    std::uint32_t ordinal = 0;
    for (std::size_t n = 0; n < request.orchestrations; ++n) {
        given.tokens.push_back(derive_token(request.request, ordinal++).value);
    }
    for (std::size_t n = 0; n < request.activities; ++n) {
        given.task_tokens.push_back(derive_token(request.request, ordinal++).value);
    }
    if (request.suspects) {
        // [SUSPECT-1] One of either kind, and the oldest as well.
        given.tokens.resize(std::min<std::size_t>(given.tokens.size(), 1));
        given.task_tokens.resize(std::min<std::size_t>(given.task_tokens.size(), 1));
    } else {
        given.from = hub.low_water_marks().begin(asker_of(request));
    }
    return given;
}

void add_room(parameters& values, const room& given) {
    const lock_request& request = *given.request;
    values.begin_record();
    values.add<sql::integer>(given.worker).add<sql::bigint>(request.lease_duration);
    if (given.has.filter == nullptr) {
        values.add_list<sql::integer>(std::vector<std::int32_t>());
    } else {
        values.add_list<sql::integer>(*given.has.definitions);
    }
    values.add_list<sql::bigint>(given.tokens);
    const work_filter everything;
    const work_filter& filter = given.has.filter == nullptr ? everything : *given.has.filter;
    values.add_list<sql::text>(filter.activities)
        .add_list<sql::text>(filter.queues)
        .add_list<sql::bigint>(given.task_tokens)
        .add<sql::integer>(request.messages)
        .add<sql::bigint>(request.bytes)
        .add<sql::boolean>(request.suspects)
        .add<sql::boolean>(given.expire)
        .add<sql::boolean>(given.has.filter == nullptr)
        .add<sql::timestamptz>(given.from.orchestrations)
        .add<sql::timestamptz>(given.from.activities)
        .add_list<sql::uuid>(given.ended.calls)
        .add_list<sql::uuid>(given.ended.by);
    values.end_record();
}

void add_room_of_client(parameters& values, store& hub, const lock_request& next) {
    if (next.orchestrations == 0) {
        values.add_null_record();
        return;
    }
    lock_request regular = next;
    regular.suspects = false;
    room given;
    given.worker = hub.names().worker(next.worker);
    given.has = resolve(hub.names(), next.filter);
    given.request = &regular;
    for (std::uint32_t n = 0; n < next.orchestrations; ++n) {
        given.tokens.push_back(derive_token(next.request, n).value);
    }
    add_room(values, given);
}

void note_low_water(store& hub, const room& given, const field& answered) {
    if (answered.is_null() || given.request->suspects) {
        return;
    }
    const record_reader water(answered);
    hub.low_water_marks().end(
        asker_of(*given.request),
        given.from,
        {.orchestrations = water.at(0).time_or_null().value_or(timestamp::min()),
         .activities = water.at(1).time_or_null().value_or(timestamp::min())},
        duration(water.at(2).number()));
}

namespace {

// The attributes of orchestration_batch, in their order.
struct orchestration_columns {
    explicit orchestration_columns(const record_reader& batch)
        : keys(batch.list(0)),
          tokens(batch.list(1)),
          instances(batch.list(2)),
          executions(batch.list(3)),
          work_keys(batch.list(4)),
          statuses(batch.list(5)),
          versions(batch.list(6)),
          committed(batch.list(7)),
          lengths(batch.list(8)),
          deliveries(batch.list(9)),
          suspects(batch.list(10)) {}

    array_reader keys;
    array_reader tokens;
    array_reader instances;
    array_reader executions;
    array_reader work_keys;
    array_reader statuses;
    array_reader versions;
    array_reader committed;
    array_reader lengths;
    array_reader deliveries;
    array_reader suspects;
};

// Text is valid UTF-8 here, so only what JSON itself uses needs another form.
void append_quoted(std::string& to, std::string_view text) {
    constexpr unsigned char first_printable = 0x20;
    to += '"';
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < first_printable) {
            fmt::format_to(std::back_inserter(to), "\\u{:04x}", byte);
        } else {
            to += c == '"' || c == '\\' ? std::string_view("\\") : std::string_view();
            to += c;
        }
    }
    to += '"';
}

constexpr std::size_t message_columns = 12;
constexpr std::size_t chunk_columns = 17;

orchestration_work& item_of(std::vector<orchestration_work>& items,
                            std::size_t first,
                            std::int64_t item) {
    const std::size_t place = first + static_cast<std::size_t>(item) - 1;
    if (item < 1 || place >= items.size()) {
        refuse_answer("a message or chunk belongs to no orchestration");
    }
    return items[place];
}

void read_inboxes(const record_reader& batch,
                  std::size_t first,
                  std::vector<orchestration_work>& to) {
    const array_reader items = batch.list(message_columns);
    const array_reader sequences = batch.list(message_columns + 1);
    const array_reader times = batch.list(message_columns + 2);
    const array_reader tasks = batch.list(message_columns + 3);
    const array_reader events = batch.list(message_columns + 4);
    for (std::size_t n = 0; n < common_size(items, sequences, times, tasks, events); ++n) {
        item_of(to, first, items.number(n))
            .inbox.push_back({static_cast<std::uint64_t>(sequences.number(n)),
                              times.time(n),
                              {static_cast<std::uint64_t>(tasks.number(n))},
                              events.string(n)});
    }
}

void read_histories(const record_reader& batch,
                    std::size_t first,
                    std::vector<orchestration_work>& to) {
    const array_reader items = batch.list(chunk_columns);
    const array_reader firsts = batch.list(chunk_columns + 1);
    const array_reader counts = batch.list(chunk_columns + 2);
    const array_reader events = batch.list(chunk_columns + 3);
    for (std::size_t n = 0; n < common_size(items, firsts, counts, events); ++n) {
        item_of(to, first, items.number(n))
            .history.push_back({static_cast<std::uint64_t>(firsts.number(n)),
                                static_cast<std::uint32_t>(counts.number(n)),
                                events.string(n)});
    }
}

}  // namespace

void read_orchestrations(name_cache& names,
                         const field& batch,
                         std::vector<orchestration_work>& to) {
    if (batch.is_null()) {
        return;
    }
    const record_reader record(batch);
    const orchestration_columns c(record);
    const std::size_t first = to.size();
    for (std::size_t n = 0; n < c.keys.size(); ++n) {
        const work_key name = names.definition(static_cast<std::int32_t>(c.work_keys.number(n)));
        const instance_id instance(c.instances.string(n));
        to.push_back({.instance = instance,
                      .execution = {c.executions.id(n)},
                      .held = {{static_cast<std::uint64_t>(c.tokens.number(n))},
                               row_of(c.keys.number(n), instance)},
                      .name = name.name,
                      .version = name.variant,
                      .status = static_cast<orchestration_status>(c.statuses.number(n)),
                      .history_version = static_cast<std::uint64_t>(c.versions.number(n)),
                      .last_committed = read_token(c.committed.at(n)),
                      .history_length = static_cast<std::uint64_t>(c.lengths.number(n)),
                      .history = {},
                      .inbox = {},
                      .deliveries = static_cast<std::uint32_t>(c.deliveries.number(n)) + 1,
                      .suspect = c.suspects.flag(n),
                      .kind = name.kind});
    }
    read_inboxes(record, first, to);
    read_histories(record, first, to);
}

void read_activities(const field& batch, std::vector<activity_work>& to) {
    if (batch.is_null()) {
        return;
    }
    const record_reader record(batch);
    std::vector<array_reader> c;
    for (std::size_t n = 0; n < record.size(); ++n) {
        c.push_back(record.list(n));
    }
    for (std::size_t n = 0; n < c.at(0).size(); ++n) {
        const instance_id instance(c.at(4).string(n));
        to.push_back({.instance = instance,
                      .execution = {c.at(2).id(n)},
                      .task = {static_cast<std::uint64_t>(c.at(1).number(n))},
                      .held = {{static_cast<std::uint64_t>(c.at(3).number(n))},
                               row_of(c.at(0).number(n), instance)},
                      .name = c.at(5).string(n),
                      .version = c.at(7).string(n),
                      .queue = c.at(6).string(n),
                      .input = read_payload(c.at(8).at(n), c.at(9).at(n)),
                      .details = c.at(10).string(n),
                      .deliveries = static_cast<std::uint32_t>(c.at(11).number(n)) + 1,
                      .suspect = c.at(12).flag(n)});
    }
}

std::optional<std::string> tags_text(const tag_map& tags) {
    if (tags.empty()) {
        return std::nullopt;
    }
    std::string text = "{";
    for (const auto& [key, value] : tags) {
        text += text.size() == 1 ? "" : ",";
        append_quoted(text, key);
        text += ':';
        append_quoted(text, value);
    }
    return text + "}";
}

tag_map read_tags(const field& keys, const field& values) {
    const array_reader names(keys);
    const array_reader texts(values);
    tag_map tags;
    for (std::size_t n = 0; n < common_size(names, texts); ++n) {
        tags.emplace(names.string(n), texts.string(n));
    }
    return tags;
}

namespace {

std::int32_t status_bits(const new_instance& fresh) {
    std::int32_t bits = 0;
    for (const orchestration_status status : fresh.replaceable) {
        bits |= 1 << static_cast<int>(status);
    }
    return bits;
}

}  // namespace

void add_instances(parameters& values, const std::vector<instance_source>& sources) {
    using source = instance_source;
    // Every member, so that a further one is not forgotten below; name, version, kind and level are
    // the work key.
    [[maybe_unused]] const auto& [instance,
                                  execution,
                                  name,
                                  version,
                                  start_event,
                                  parent_of,
                                  tags,
                                  start_at,
                                  replaceable,
                                  replaced_event,
                                  kind,
                                  level] = *sources.front().fresh;
    const auto parent = [](const auto& member) {
        return [member](const source& s) {
            return s.fresh->parent ? std::optional(member(*s.fresh->parent)) : std::nullopt;
        };
    };
    values.begin_record();
    values.add_list<sql::integer>(sources, &source::turn)
        .add_list<sql::text>(
            sources, [](const source& s) -> const std::string& { return s.fresh->instance.text(); })
        .add_list<sql::uuid>(sources, [](const source& s) { return s.fresh->execution.value; })
        .add_list<sql::integer>(sources, &source::work_key)
        .add_list<sql::text>(
            sources, [](const source& s) -> const std::string& { return s.fresh->start_event; })
        .add_list<sql::timestamptz>(sources, [](const source& s) { return s.fresh->start_at; })
        .add_list<sql::text>(sources, [](const source& s) { return tags_text(s.fresh->tags); })
        .add_list<sql::text>(sources,
                             parent([](const parent_link& p) { return p.instance.text(); }))
        .add_list<sql::uuid>(sources,
                             parent([](const parent_link& p) { return p.execution.value; }))
        .add_list<sql::bigint>(sources, parent([](const parent_link& p) { return p.task.value; }))
        .add_list<sql::text>(sources,
                             [](const source& s) {
                                 return s.refused_event == nullptr ? std::nullopt
                                                                   : unless_empty(*s.refused_event);
                             })
        .add_list<sql::integer>(sources, [](const source& s) { return status_bits(*s.fresh); })
        .add_list<sql::text>(
            sources, [](const source& s) -> const std::string& { return s.fresh->replaced_event; });
    values.end_record();
}

}  // namespace perdure::postgres
