#pragma once

#include "fields.hpp"
#include "low_water.hpp"
#include "store.hpp"

#include <perdure/backend.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

// What a worker asks for and what it is given, to and from the composite types of the schema.

namespace perdure::postgres {

/// The row of a lease: the instance's key, and above it some bits of its id, so that a lease that
/// is shown for another instance is noticed without asking the server.
[[nodiscard]] std::uint64_t row_of(std::int64_t key, const instance_id& instance);
/// The key in that row; 0, which no instance has, when it is of another instance.
[[nodiscard]] std::uint64_t key_of(const lease& held, const instance_id& instance);

/// The rows of these instances' leases, in the same order; 0 for an unknown one. Asks the store.
[[nodiscard]] std::vector<std::uint64_t> rows_of(store& hub,
                                                 const std::vector<std::string_view>& ids);

/// Executes the call with the items as they are or, when some of them come without a row, with
/// copies that have it [LOCK-9].
template <class Item, class Call>
auto with_rows(store& hub, std::span<const Item> items, Call call) {
    const auto has_none = [](const Item& item) { return item.held.row == 0; };
    if (std::none_of(items.begin(), items.end(), has_none)) {
        return call(items);
    }
    std::vector<Item> found(items.begin(), items.end());
    std::vector<std::string_view> ids;
    for (const Item& item : items) {
        ids.push_back(item.instance.text());
    }
    const std::vector<std::uint64_t> rows = rows_of(hub, ids);
    for (std::size_t n = 0; n < found.size(); ++n) {
        if (has_none(found[n])) {
            found[n].held.row = rows[n];
        }
    }
    return call(std::span<const Item>(found));
}

/// The work keys and names of a filter, as the type room wants them; no filter means everything.
struct served {
    std::optional<std::vector<std::int32_t>> definitions;
    const work_filter* filter = nullptr;

    [[nodiscard]] bool has_activity(const std::string& name, const std::string& queue) const;
};
[[nodiscard]] served resolve(name_cache& names, const work_filter* filter);

/// How much a call may hand out, and under which tokens.
struct room {
    std::int32_t worker = 0;
    served has;
    const lock_request* request = nullptr;
    std::vector<std::uint64_t> tokens;
    std::vector<std::uint64_t> task_tokens;
    bool expire = false;
    /// To be told when it looks for leases that are over. Whatever becomes of the call: the store
    /// looks at what it has not heard of.
    held_leases::ended ended;
    /// Where this call looks for what is ready.
    low_water::mark from;
};
/// Who asks, worker and filter, as one number.
[[nodiscard]] std::uint64_t asker_of(const lock_request& request);
/// The whole room of a request: orchestrations first, then activities.
[[nodiscard]] room full_room(store& hub, const lock_request& request);
void add_room(parameters& values, const room& given);
/// The room that a call of a client brings, for orchestrations alone; null when it brings none.
/// Such a call does nothing else for the worker.
void add_room_of_client(parameters& values, store& hub, const lock_request& next);

/// What an answer says of where the next call may look; a null says nothing.
void note_low_water(store& hub, const room& given, const field& answered);

/// Appends the orchestrations of an orchestration_batch.
void read_orchestrations(name_cache& names,
                         const field& batch,
                         std::vector<orchestration_work>& to);
/// Appends the activities of an activity_batch.
void read_activities(const field& batch, std::vector<activity_work>& to);

template <class Outcome>
[[nodiscard]] std::vector<Outcome> read_outcomes(const field& list) {
    const array_reader numbers(list);
    std::vector<Outcome> outcomes;
    outcomes.reserve(numbers.size());
    for (const field& number : numbers) {
        outcomes.push_back(static_cast<Outcome>(number.number()));
    }
    return outcomes;
}

/// A payload that is none, or a text that is empty, is a null.
[[nodiscard]] inline std::optional<std::string_view> codec_of(const payload& value) {
    return value.is_none() ? std::nullopt : std::optional<std::string_view>(value.codec);
}
[[nodiscard]] inline std::optional<std::string_view> bytes_of(const payload& value) {
    return value.is_none() ? std::nullopt : std::optional<std::string_view>(value.bytes);
}
[[nodiscard]] inline std::optional<std::string_view> unless_empty(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional<std::string_view>(text);
}
[[nodiscard]] inline std::optional<uuid> unless_nil(const execution_id& id) {
    return id.value.is_nil() ? std::nullopt : std::optional(id.value);
}
/// None for a null.
[[nodiscard]] inline lease_token read_token(const field& token) {
    return {static_cast<std::uint64_t>(token.number_or_null().value_or(0))};
}
[[nodiscard]] inline payload read_payload(const field& codec, const field& bytes) {
    return codec.is_null() ? payload() : payload(codec.string(), bytes.string());
}

/// A row of Payloads. `turn` is the number of the checkpoint, or of the image, that it belongs to;
/// without a codec, the row is removed.
struct kept_payload {
    enum kind_of : int { output = 1, custom_status = 2, failure = 3 };

    std::int32_t turn = 0;
    kind_of kind{};
    std::optional<std::string_view> codec;
    std::optional<std::string_view> bytes;
};
/// What a failure, which is text, has for a codec.
inline constexpr std::string_view failure_codec = "json";
/// A payload_batch; null when it is empty.
void add_payloads(parameters& values, const std::vector<kept_payload>& all);

/// Tags as a JSON object; nothing for none.
[[nodiscard]] std::optional<std::string> tags_text(const tag_map& tags);
[[nodiscard]] tag_map read_tags(const field& keys, const field& values);

/// The attributes of instance_batch but `turn` and `refused_event`, which a projection gives.
struct instance_source {
    const new_instance* fresh = nullptr;
    std::int32_t work_key = 0;
    std::int32_t turn = 0;
    const std::string* refused_event = nullptr;
};
void add_instances(parameters& values, const std::vector<instance_source>& sources);

/// Something that a turn asks for, with the turn's number in its call, from 1; 0 and no owner for
/// what a client asks for.
template <class Element>
struct of_turn {
    std::int32_t turn = 0;
    const finished_work* owner = nullptr;
    const Element* element = nullptr;
};

template <class Element>
using elements = std::vector<of_turn<Element>>;

template <class Element>
[[nodiscard]] elements<Element> of_client(std::span<const Element> asked) {
    elements<Element> all;
    all.reserve(asked.size());
    for (const Element& element : asked) {
        all.push_back({0, nullptr, &element});
    }
    return all;
}

/// A list of feature levels; null when nobody needs more than the first.
template <class Items, class LevelOf>
void add_levels(parameters& values, const Items& items, LevelOf level_of) {
    const bool is_raised = std::any_of(
        items.begin(), items.end(), [&](const auto& item) { return level_of(item) > 1; });
    if (is_raised) {
        values.add_list<sql::smallint>(items, level_of);
    } else {
        values.add_null_list<sql::smallint>();
    }
}

/// The work key that a new instance waits in.
[[nodiscard]] inline work_key work_key_of(const new_instance& fresh) {
    return {.name = fresh.name, .variant = fresh.version, .kind = fresh.kind, .level = fresh.level};
}

/// A message_batch; null when it is empty.
void add_messages(parameters& values, const elements<new_message>& messages);
/// A termination_batch.
void add_terminations(parameters& values, std::span<const termination> wishes);
/// An instance_filter.
void add_filter(parameters& values, const instance_filter& filter);

}  // namespace perdure::postgres
