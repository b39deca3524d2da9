#include "backend.hpp"
#include "call.hpp"
#include "records.hpp"
#include "roles.hpp"

#include <perdure/kit/images.hpp>
#include <perdure/kit/invariant.hpp>
#include <perdure/kit/outcomes.hpp>

#include <algorithm>
#include <charconv>

// Images of instances: what the tables have of one, and back.

namespace perdure::sqlite {

namespace {

std::int64_t count_of(timestamp at) {
    return at.time_since_epoch().count();
}

timestamp time_of(std::int64_t at) {
    return timestamp(duration(at));
}

std::uint64_t unsigned_of(std::int64_t number) {
    return static_cast<std::uint64_t>(number);
}

// What a lease is in the tables. A noticed expiry counts there at once, and makes a suspect.
struct lease_columns {
    bool suspect = false;
    bool leased_alone = false;
    bool has_expired = false;
    std::uint64_t token = 0;
    std::uint32_t deliveries = 0;
    std::optional<timestamp> next_at{};
};

lease_image image_of(const lease_columns& columns, std::string holder) {
    const bool is_held = columns.token != 0;
    const bool runs = is_held && !columns.has_expired;
    const bool was_counted = is_held && columns.has_expired && columns.leased_alone;
    return {.token = {columns.token},
            .holder = {is_held ? std::move(holder) : std::string()},
            .until = runs ? columns.next_at : std::nullopt,
            .suspect = is_held ? columns.leased_alone : columns.suspect,
            .deliveries = columns.deliveries - (was_counted ? 1U : 0U),
            .ready_at = runs ? std::nullopt : columns.next_at};
}

lease_columns columns_of(const lease_image& held) {
    const bool has_expired = held.token && !held.until;
    const bool counts = has_expired && held.suspect;
    return {.suspect = held.suspect || has_expired,
            .leased_alone = held.suspect,
            .has_expired = has_expired,
            .token = held.token.value,
            .deliveries = held.deliveries + (counts ? 1U : 0U),
            .next_at = held.until ? held.until : held.ready_at};
}

// Takes images until they weigh so many bytes; what is too much is left out of the last history.
class camera {
  public:
    camera(read_statements& sql, std::size_t bytes) : sql_(sql), room_(bytes) {}

    [[nodiscard]] bool is_full() const { return room_ == 0; }

    /// `found` has `record_columns`.
    instance_image take(const rows& found) {
        const std::int64_t row = found.number(21);
        instance_image image{.record = record(sql_, found)};
        add_state(image, row);
        add_inbox(image, row);
        add_activities(image, row);
        weigh(weight_of(image));
        add_history(image, row);
        return image;
    }

  private:
    void add_state(instance_image& image, std::int64_t row) {
        rows found = sql_.state.query(row);
        found.next();
        image.created_as = {found.id(0)};
        image.history_version = unsigned_of(found.number(1));
        image.last_committed = {unsigned_of(found.number(2))};
        image.last_committer = {found.string(3)};
        image.needs_turn = found.number(4) != 0;
        image.not_before = time_of(found.number(5));
        image.held = image_of({.suspect = found.number(7) != 0,
                               .leased_alone = found.number(8) != 0,
                               .has_expired = found.number(9) != 0,
                               .token = unsigned_of(found.number(10)),
                               .deliveries = static_cast<std::uint32_t>(found.number(12)),
                               .next_at = found.time(6)},
                              found.string(11));
    }

    void add_inbox(instance_image& image, std::int64_t row) {
        rows found = sql_.whole_inbox.query(row);
        while (found.next()) {
            image.inbox.push_back({{.sequence = unsigned_of(found.number(0)),
                                    .visible_at = time_of(found.number(1)),
                                    .task = {unsigned_of(found.number(2))},
                                    .event = found.string(3)},
                                   time_of(found.number(4)),
                                   found.number(5) != 0,
                                   found.number(6) != 0,
                                   {unsigned_of(found.number(7))}});
        }
        rows accepted = sql_.accepted.query(row);
        while (accepted.next()) {
            image.accepted.push_back({accepted.string(0), time_of(accepted.number(1))});
        }
    }

    void add_activities(instance_image& image, std::int64_t row) {
        rows found = sql_.activities.query(row);
        while (found.next()) {
            image.activities.push_back(
                {{.task = {unsigned_of(found.number(1))},
                  .name = found.string(2),
                  .version = found.string(5),
                  .queue = found.string(3),
                  .priority = static_cast<std::int32_t>(found.number(4)),
                  .input = {found.string(6), found.string(7)},
                  .details = found.string(8)},
                 {found.id(0)},
                 image_of({.suspect = found.number(10) != 0,
                           .leased_alone = found.number(11) != 0,
                           .has_expired = found.number(12) != 0,
                           .token = unsigned_of(found.number(13)),
                           .deliveries = static_cast<std::uint32_t>(found.number(15)),
                           .next_at = found.time(9)},
                          found.string(14))});
        }
    }

    void add_history(instance_image& image, std::int64_t row) {
        rows found = sql_.history.query(row, std::int64_t{0});
        while ((image.history.empty() || !is_full()) && found.next()) {
            image.history.push_back({unsigned_of(found.number(0)),
                                     static_cast<std::uint32_t>(found.number(1)),
                                     found.string(2)});
            weigh(image.history.back().text.size());
        }
    }

    void weigh(std::size_t bytes) { room_ -= std::min(room_, bytes); }

    read_statements& sql_;
    std::size_t room_;
};

template <class Value>
std::optional<Value> unless_none(const Value& value) {
    return value == Value() ? std::nullopt : std::optional(value);
}

std::optional<std::string_view> codec_of(const payload& value) {
    return value.is_none() ? std::nullopt : std::optional(std::string_view(value.codec));
}

std::optional<blob> bytes_of(const payload& value) {
    return value.is_none() ? std::nullopt : std::optional(blob{value.bytes});
}

// Writes images in one call.
class restorer {
  public:
    explicit restorer(call& work) : work_(work) {}

    write_outcome write(const instance_image& image, write_mode mode) {
        const instance_row* found = work_.find(image.record.instance);
        if (!is_accepted(found, image, mode)) {
            return write_outcome::refused;
        }
        const std::int64_t row = found != nullptr ? found->row : work_.new_row();
        if (found != nullptr) {
            clear(row, image.history.front().first);
            work_.forget(*found);
        }
        for (const history_chunk& chunk : image.history) {
            sql_.add_history.run(row, chunk.first, chunk.count, chunk.text);
        }
        if (has_end(image)) {
            complete(row, image);
        } else {
            keep_incomplete(row, image);
        }
        return write_outcome::written;
    }

  private:
    // Whether the image may be written over what is there.
    bool is_accepted(const instance_row* found, const instance_image& image, write_mode mode) {
        const std::uint64_t first = image.history.front().first;
        if (found == nullptr || (mode == write_mode::replace && first == 0)) {
            return first == 0;
        }
        const bool is_same = found->execution == image.record.execution &&
                             work_.created_as(*found) == image.created_as;
        const bool is_at_end = found->history_length == first;
        if (mode == write_mode::keep) {
            return is_same && is_at_end && found->history_version == 0;  // [IMAGE-4] [IMAGE-5]
        }
        return is_same && (is_at_end || sql_.find_chunk.number(found->row, first));  // [IMAGE-7]
    }

    // Everything of an instance but its row, and the history before this event.
    void clear(std::int64_t row, std::uint64_t first) {
        sql_.cut_history.run(row, first);
        sql_.clear_inbox.run(row);
        sql_.remove_activities.run(row);
        sql_.remove_tags.run(row);
        sql_.remove_message_ids.run(row);
    }

    // [IMAGE-4]
    void keep_incomplete(std::int64_t row, const instance_image& image) {
        const history_chunk& last = image.history.back();
        instance_image kept{.record = {.instance = image.record.instance,
                                       .execution = image.record.execution,
                                       .name = image.record.name,
                                       .version = image.record.version,
                                       .parked_reason = std::string(incomplete_image),
                                       .history_length = last.first + last.count,
                                       .kind = image.record.kind},
                            .created_as = image.created_as,
                            .history_version = 0};
        write_row(row, kept);
    }

    void complete(std::int64_t row, const instance_image& image) {
        write_row(row, image);
        for (const auto& [key, value] : image.record.tags) {
            sql_.add_tag.run(row, key, value);
        }
        for (const auto& [body, due, for_execution, is_timer, completed_by] : image.inbox) {
            sql_.add_message.run(row,
                                 due,
                                 body.sequence,
                                 body.visible_at,
                                 body.task.value,
                                 for_execution,
                                 is_timer,
                                 unless_none(completed_by.value),
                                 body.event);
        }
        // Those that come later have the sequence of their message, which is higher.
        std::int64_t number = -static_cast<std::int64_t>(image.accepted.size());
        for (const accepted_message& known : image.accepted) {
            sql_.add_message_id.run(row, known.id, number++, known.at);
        }
        for (const activity_image& task : image.activities) {
            write_activity(row, task);
        }
        settle(row, image);
    }

    void write_row(std::int64_t row, const instance_image& image) {
        const instance_record& record = image.record;
        const lease_columns held = columns_of(image.held);
        const bool runs = image.held.until.has_value();
        const auto& parent = record.parent;
        sql_.write_instance.run(
            row,
            record.instance.text(),
            record.execution.value,
            work_.names().definition(sql_.names,
                                     {record.name, record.version, record.kind, record.level}),
            static_cast<int>(record.status),
            runs ? std::optional(0) : std::nullopt,
            image.held.until,
            image.not_before,
            image.needs_turn,
            held.suspect,
            held.leased_alone,
            held.has_expired,
            unless_none(held.token),
            worker(image.held.holder),
            held.deliveries,
            record.history_length,
            image.history_version,
            static_cast<std::uint64_t>(image.inbox.size()),
            worker(image.last_committer),
            unless_none(image.last_committed.value),
            record.updated_at,
            unless_none(record.parked_reason),
            record.created_at,
            record.start_at,
            record.completed_at,
            image.created_as == record.execution ? std::nullopt
                                                 : std::optional(image.created_as.value),
            parent ? std::optional(std::string_view(parent->instance.text())) : std::nullopt,
            parent ? std::optional(parent->execution.value) : std::nullopt,
            parent ? std::optional(parent->task.value) : std::nullopt,
            codec_of(record.custom_status),
            bytes_of(record.custom_status),
            codec_of(record.output),
            bytes_of(record.output),
            unless_none(record.failure));
    }

    void write_activity(std::int64_t row, const activity_image& task) {
        const auto& [id, name, version, queue, priority, input, details] = task.scheduled;
        const std::int64_t kind = work_.names().kind(sql_.names, name, queue);
        const lease_columns held = columns_of(task.held);
        const bool runs = task.held.until.has_value();
        sql_.write_activity.run(row,
                                id.value,
                                task.execution.value,
                                kind,
                                runs ? 0 : (held.suspect ? -kind : kind),
                                runs ? 0 : -std::int64_t{priority},
                                held.next_at,
                                held.suspect,
                                held.leased_alone,
                                unless_none(held.token),
                                worker(task.held.holder),
                                held.deliveries,
                                std::int64_t{priority},
                                version,
                                input.codec,
                                blob{input.bytes},
                                details);
        tell(*held.next_at, runs);
    }

    // Puts it where its state says, as if it had stood there all the time.
    void settle(std::int64_t row, const instance_image& image) {
        if (image.held.until) {
            tell(*image.held.until, true);
        } else if (!is_terminal(image.record.status)) {
            const auto ready_at = image.held.ready_at;
            work_.settle(*work_.find_row(row), ready_at ? count_of(*ready_at) : work_.now());
        }
    }

    void tell(timestamp next_at, bool is_leased) {
        if (is_leased) {
            work_.news_of_lease(count_of(next_at));
        } else if (count_of(next_at) <= work_.now()) {
            work_.news_of_ready();
        } else {
            work_.news_of_due(count_of(next_at));
        }
    }

    std::optional<std::int64_t> worker(const worker_id& id) {
        return id.text.empty() ? std::nullopt : std::optional(work_.names().worker(sql_.names, id));
    }

    call& work_;
    write_statements& sql_ = work_.sql();
};

}  // namespace

image_page sqlite_backend::read_images(const std::string& after,
                                       std::size_t limit,
                                       std::size_t bytes) {
    std::int64_t last = 0;
    const char* end = after.data() + after.size();
    refuse_unless(after.empty() || std::from_chars(after.data(), end, last).ptr == end,
                  "this is not what another page of images said");
    borrowed_reader reads(hub_);
    const snapshot view(reads.sql());
    const timestamp now = reads.now_even_if_closed();
    image_page page{.last_sequence = unsigned_of(reads->last_sequence.number().value_or(0))};
    camera taking(reads.sql(), bytes);
    rows found = reads->records_by_row.query(now, last, static_cast<std::int64_t>(limit) + 1);
    while (found.next()) {
        if (page.images.size() == limit || (taking.is_full() && !page.images.empty())) {
            page.next = std::to_string(last);
            break;
        }
        last = found.number(21);
        page.images.push_back(taking.take(found));
    }
    return page;
}

std::vector<std::optional<instance_image>> sqlite_backend::read_images(
    std::span<const instance_id> instances, std::size_t bytes) {
    borrowed_reader reads(hub_);
    const snapshot view(reads.sql());
    const timestamp now = reads.now_even_if_closed();
    return each(instances, [&](const instance_id& id) {
        rows found = reads->record.query(now, id.text());
        return found.next() ? std::optional(camera(reads.sql(), bytes).take(found)) : std::nullopt;
    });
}

std::vector<write_outcome> sqlite_backend::write_images(std::span<const instance_image> images,
                                                        std::uint64_t last_sequence,
                                                        write_mode mode) {
    refuse_contradictions(images, last_sequence);
    call work(hub_, notifier_, urgency::ordinary, call::in_closed_hub::allowed);
    require_mover(work.sql(), era_);
    work.raise_sequence(last_sequence);
    restorer writes(work);
    auto outcomes =
        each(images, [&](const instance_image& image) { return writes.write(image, mode); });
    static_cast<void>(work.finish());
    return outcomes;
}

void sqlite_backend::remove_images(std::span<const instance_id> instances) {
    call work(hub_, notifier_, urgency::ordinary, call::in_closed_hub::allowed);
    require_mover(work.sql(), era_);
    for (const instance_id& id : instances) {
        if (instance_row* found = work.find(id)) {
            work.erase(*found);
        }
    }
    static_cast<void>(work.finish());
}

void sqlite_backend::set_closed(const std::string& reason) {
    call work(hub_, notifier_, urgency::ordinary, call::in_closed_hub::allowed);
    work.sql().set_closed.run(unless_none(reason));
    work.news_of_everything();
    static_cast<void>(work.finish());
}

std::string sqlite_backend::closed_reason() {
    borrowed_reader reads(hub_);
    const snapshot view(reads.sql());
    return reads.hub().closed_reason;
}

}  // namespace perdure::sqlite
