#include "image_batches.hpp"

#include "records.hpp"
#include "work.hpp"

#include <perdure/kit/invariant.hpp>
#include <perdure/printable.hpp>

#include <algorithm>
#include <limits>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace perdure::postgres {

namespace {

template <class Number>
bool fits(std::uint64_t number) {
    return number <= static_cast<std::uint64_t>(std::numeric_limits<Number>::max());
}

void check_lease(const lease_image& held) {
    // One more for an expiry that was noticed.
    refuse_unless(fits<std::int32_t>(std::uint64_t{held.deliveries} + 1),
                  "there are more deliveries than PostgreSQL can count");
}

void check_numbers(const instance_image& image) {
    check_lease(image.held);
    for (const activity_image& activity : image.activities) {
        check_lease(activity.held);
    }
    for (const history_chunk& chunk : image.history) {
        refuse_unless(fits<std::int32_t>(chunk.count),
                      "a chunk of the history has more events than PostgreSQL can count");
    }
    refuse_unless(
        fits<std::int64_t>(image.record.history_length) && fits<std::int64_t>(image.history_version),
        "the history is longer than PostgreSQL can count");
    refuse_unless(fits<std::int16_t>(image.record.level),
                  "the feature level is higher than PostgreSQL can count");
    refuse_unless(image.record.parked_reason.empty() || !image.held.token,
                  "what is parked is not leased");
}

std::optional<std::uint64_t> unless_none(const lease_token& token) {
    return token ? std::optional(token.value) : std::nullopt;
}

std::optional<std::string_view> unless_nobody(const worker_id& worker) {
    return unless_empty(worker.text);
}

/// An image on its way into the store.
struct written_image {
    const instance_image* image = nullptr;
    std::optional<std::int32_t> earlier;
    std::int32_t work_key = 0;
    bool is_complete = false;
    stored_lease held;
};

/// Something of an image, with the image's number in its call, from 1.
template <class Element>
struct of_image {
    std::int32_t number = 0;
    const Element* element = nullptr;
};

/// An activity of one.
struct written_activity {
    of_image<activity_image> of;
    std::int32_t work_key = 0;
    stored_lease held;
};

std::vector<written_image> written(store& hub, std::span<const instance_image> images) {
    std::vector<work_key> keys;
    std::vector<written_image> all;
    std::unordered_map<std::string_view, std::int32_t> last;
    keys.reserve(images.size());
    all.reserve(images.size());
    for (const instance_image& image : images) {
        const instance_record& record = image.record;
        keys.push_back({.name = record.name,
                        .variant = record.version,
                        .kind = record.kind,
                        .level = record.level});
        written_image next;
        next.image = &image;
        next.is_complete = has_end(image);
        if (next.is_complete) {  // [IMAGE-4]
            next.held = stored_form(image.held);
        }
        const auto number = static_cast<std::int32_t>(all.size() + 1);
        const auto [same, is_first] = last.emplace(record.instance.text(), number);
        if (!is_first) {
            next.earlier = std::exchange(same->second, number);
        }
        all.push_back(next);
    }
    const std::vector<std::int32_t> work_keys = hub.names().work_keys(keys);
    for (std::size_t n = 0; n < all.size(); ++n) {
        all[n].work_key = work_keys[n];
    }
    return all;
}

/// What complete images have of something; of an incomplete one only the history is written.
template <class Element>
std::vector<of_image<Element>> collect(const std::vector<written_image>& images,
                                       std::vector<Element> instance_image::*member,
                                       bool is_of_incomplete = false) {
    std::vector<of_image<Element>> all;
    for (std::size_t n = 0; n < images.size(); ++n) {
        if (images[n].is_complete || is_of_incomplete) {
            for (const Element& element : images[n].image->*member) {
                all.push_back({static_cast<std::int32_t>(n + 1), &element});
            }
        }
    }
    return all;
}

/// The seven attributes of a lease.
template <class Items>
void add_leases(parameters& values, const Items& items) {
    const auto of = [](auto member) {
        return [member](const auto& item) { return item.held.*member; };
    };
    values.add_list<sql::bigint>(items, of(&stored_lease::token))
        .template add_list<sql::timestamptz>(items, of(&stored_lease::until))
        .template add_list<sql::text>(items, of(&stored_lease::holder))
        .template add_list<sql::timestamptz>(items, of(&stored_lease::ready_at))
        .template add_list<sql::boolean>(items, of(&stored_lease::suspect))
        .template add_list<sql::boolean>(items, of(&stored_lease::leased_alone))
        .template add_list<sql::integer>(items, of(&stored_lease::deliveries));
}

/// A time before 1970 is none.
timestamp stored_delay(timestamp not_before) {
    return not_before <= timestamp{} ? timestamp::min() : not_before;
}

std::uint64_t end_of_history(const instance_image& image) {
    return image.history.back().first + image.history.back().count;
}

std::string_view stored_park_reason(const written_image& w) {
    return w.is_complete ? std::string_view(w.image->record.parked_reason) : incomplete_image;
}

// The attributes of image_batch from the execution on.
void add_states(parameters& values, const std::vector<written_image>& all) {
    using item = written_image;
    const auto of_record = [](auto member) {
        return [member](const item& w) -> const auto& { return w.image->record.*member; };
    };
    const auto of_parent = [](auto member) {
        return [member](const item& w) {
            const auto& link = w.image->record.parent;
            return link ? std::optional(member(*link)) : std::nullopt;
        };
    };
    values.add_list<sql::uuid>(all, [](const item& w) { return w.image->record.execution.value; })
        .add_list<sql::uuid>(all, [](const item& w) { return w.image->created_as.value; })
        .add_list<sql::integer>(all, &item::work_key)
        .add_list<sql::smallint>(
            all, [](const item& w) { return static_cast<int>(w.image->record.status); });
    add_leases(values, all);
    values
        .add_list<sql::timestamptz>(
            all, [](const item& w) { return stored_delay(w.image->not_before); })
        .add_list<sql::boolean>(all, [](const item& w) { return w.image->needs_turn; })
        .add_list<sql::bigint>(all, [](const item& w) { return w.image->history.front().first; })
        .add_list<sql::bigint>(all, [](const item& w) { return end_of_history(*w.image); })
        .add_list<sql::bigint>(
            all, [](const item& w) { return w.is_complete ? w.image->history_version : 0; })
        .add_list<sql::text>(all,
                             [](const item& w) { return unless_nobody(w.image->last_committer); })
        .add_list<sql::bigint>(all,
                               [](const item& w) { return unless_none(w.image->last_committed); })
        .add_list<sql::timestamptz>(all, of_record(&instance_record::updated_at))
        .add_list<sql::timestamptz>(all, of_record(&instance_record::created_at))
        .add_list<sql::timestamptz>(all, of_record(&instance_record::start_at))
        .add_list<sql::timestamptz>(all, of_record(&instance_record::completed_at))
        .add_list<sql::text>(
            all,
            of_parent([](const parent_link& p) { return std::string_view(p.instance.text()); }))
        .add_list<sql::uuid>(all, of_parent([](const parent_link& p) { return p.execution.value; }))
        .add_list<sql::bigint>(all, of_parent([](const parent_link& p) { return p.task.value; }))
        .add_list<sql::text>(
            all,
            [](const item& w) {
                const std::string_view reason = stored_park_reason(w);
                return reason.empty() ? std::nullopt : std::optional(reason);
            })
        .add_list<sql::text>(all, [](const item& w) { return tags_text(w.image->record.tags); });
}

void add_chunks(parameters& values, const std::vector<written_image>& images) {
    const auto all = collect(images, &instance_image::history, true);
    using item = of_image<history_chunk>;
    values.begin_record();
    values.add_list<sql::integer>(all, &item::number)
        .add_list<sql::bigint>(all, [](const item& c) { return c.element->first; })
        .add_list<sql::integer>(all, [](const item& c) { return c.element->count; })
        .add_list<sql::text>(all, [](const item& c) { return std::string_view(c.element->text); });
    values.end_record();
}

void add_payloads_of(parameters& values, const std::vector<written_image>& images) {
    using kept = kept_payload;
    std::vector<kept> all;
    for (std::size_t n = 0; n < images.size(); ++n) {
        const instance_record& record = images[n].image->record;
        const auto number = static_cast<std::int32_t>(n + 1);
        const auto add = [&](kept::kind_of kind, const payload& value) {
            if (!value.is_none()) {
                all.push_back({number, kind, codec_of(value), bytes_of(value)});
            }
        };
        add(kept::output, record.output);
        add(kept::custom_status, record.custom_status);
        if (!record.failure.empty()) {
            all.push_back({number, kept::failure, failure_codec, std::string_view(record.failure)});
        }
    }
    add_payloads(values, all);
}

void add_inbox(parameters& values, const std::vector<written_image>& images) {
    const auto all = collect(images, &instance_image::inbox);
    using item = of_image<message_image>;
    const auto of_message = [](auto member) {
        return [member](const item& m) { return m.element->message.*member; };
    };
    values.begin_record();
    values.add_list<sql::integer>(all, &item::number)
        .add_list<sql::bigint>(all, of_message(&inbox_message::sequence))
        .add_list<sql::timestamptz>(all, [](const item& m) { return m.element->due; })
        .add_list<sql::timestamptz>(all, of_message(&inbox_message::visible_at))
        .add_list<sql::bigint>(all, [](const item& m) { return m.element->message.task.value; })
        .add_list<sql::boolean>(all, [](const item& m) { return m.element->for_execution; })
        .add_list<sql::boolean>(all, [](const item& m) { return m.element->is_timer; })
        .add_list<sql::bigint>(all,
                               [](const item& m) { return unless_none(m.element->completed_by); })
        .add_list<sql::text>(
            all, [](const item& m) { return std::string_view(m.element->message.event); });
    values.end_record();
}

void add_accepted(parameters& values, const std::vector<written_image>& images) {
    const auto all = collect(images, &instance_image::accepted);
    using item = of_image<accepted_message>;
    values.begin_record();
    values.add_list<sql::integer>(all, &item::number)
        .add_list<sql::text>(all, [](const item& a) { return std::string_view(a.element->id); })
        .add_list<sql::timestamptz>(all, [](const item& a) { return a.element->at; });
    values.end_record();
}

std::vector<written_activity> written_activities(store& hub,
                                                 const std::vector<written_image>& images) {
    std::vector<written_activity> all;
    std::vector<work_key> keys;
    for (const auto& of : collect(images, &instance_image::activities)) {
        const new_activity& scheduled = of.element->scheduled;
        keys.push_back({.is_activity = true,
                        .name = scheduled.name,
                        .variant = scheduled.queue,
                        .priority = scheduled.priority});
        all.push_back({of, 0, stored_form(of.element->held)});
    }
    const std::vector<std::int32_t> work_keys = hub.names().work_keys(keys);
    for (std::size_t n = 0; n < all.size(); ++n) {
        all[n].work_key = work_keys[n];
    }
    return all;
}

void add_activities(parameters& values, const std::vector<written_activity>& all) {
    using item = written_activity;
    const auto of_scheduled = [](auto member) {
        return [member](const item& a) { return member(a.of.element->scheduled); };
    };
    values.begin_record();
    values.add_list<sql::integer>(all, [](const item& a) { return a.of.number; })
        .add_list<sql::bigint>(all, of_scheduled([](const new_activity& s) { return s.task.value; }))
        .add_list<sql::uuid>(all, [](const item& a) { return a.of.element->execution.value; })
        .add_list<sql::integer>(all, &item::work_key);
    add_leases(values, all);
    values
        .add_list<sql::text>(
            all, of_scheduled([](const new_activity& s) { return std::string_view(s.version); }))
        .add_list<sql::text>(all,
                             of_scheduled([](const new_activity& s) { return codec_of(s.input); }))
        .add_list<sql::bytea>(all,
                              of_scheduled([](const new_activity& s) { return bytes_of(s.input); }))
        .add_list<sql::text>(
            all, of_scheduled([](const new_activity& s) { return std::string_view(s.details); }))
        .add_null_list<sql::text>()
        .add_null_list<sql::text>()
        .add_null_list<sql::integer>();
    values.end_record();
}

}  // namespace

stored_lease stored_form(const lease_image& held) {
    // Every member, so that a further one is not forgotten.
    const auto& [token, holder, until, suspect, deliveries, ready_at] = held;
    stored_lease stored{.token = unless_none(token),
                        .until = until,
                        .holder = unless_nobody(holder),
                        .ready_at = ready_at,
                        .suspect = suspect,
                        .leased_alone = token && suspect,
                        .deliveries = deliveries};
    if (token && !until) {
        // When it ended nobody knows any more, but it was before it was noticed.
        stored.until = ready_at;
        stored.suspect = true;
        stored.deliveries += suspect ? 1 : 0;
    }
    return stored;
}

lease_image image_of(const stored_lease& held) {
    const bool is_noticed = held.token && held.ready_at;
    const std::uint32_t counted = is_noticed && held.leased_alone ? 1 : 0;
    return {.token = {held.token.value_or(0)},
            .holder = {std::string(held.holder.value_or(""))},
            .until = is_noticed ? std::nullopt : held.until,
            .suspect = held.token ? held.leased_alone : held.suspect,
            .deliveries = held.deliveries - counted,
            .ready_at = held.ready_at};
}

void refuse_unstorable(std::span<const instance_image> images) {
    for (const instance_image& image : images) {
        try {
            check_numbers(image);
        } catch (backend_error& wrong) {
            wrong.add_context("writing the image of instance \"" +
                              printable(image.record.instance.text()) + "\"");
            throw;
        }
    }
}

void add_images(parameters& values, store& hub, std::span<const instance_image> images) {
    if (!images.empty()) {
        // Every member, so that a further one is not forgotten.
        [[maybe_unused]] const auto& [record,
                                      created_as,
                                      history_version,
                                      last_committed,
                                      last_committer,
                                      needs_turn,
                                      not_before,
                                      held,
                                      history,
                                      inbox,
                                      accepted,
                                      activities] = images.front();
        [[maybe_unused]] const auto& [instance,
                                      execution,
                                      name,
                                      version,
                                      status,
                                      created_at,
                                      updated_at,
                                      completed_at,
                                      start_at,
                                      custom_status,
                                      output,
                                      failure,
                                      tags,
                                      parent,
                                      parked_reason,
                                      history_length,
                                      inbox_length,
                                      leased_by,
                                      kind,
                                      level] = record;
    }
    const std::vector<written_image> all = written(hub, images);
    values.begin_record();
    values
        .add_list<sql::text>(
            all,
            [](const written_image& w) { return std::string_view(w.image->record.instance.text()); })
        .add_list<sql::integer>(all, &written_image::earlier);
    add_states(values, all);
    values.end_record();
    add_chunks(values, all);
    add_payloads_of(values, all);
    add_inbox(values, all);
    add_accepted(values, all);
    add_activities(values, written_activities(hub, all));
}

}  // namespace perdure::postgres
