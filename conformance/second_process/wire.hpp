#pragma once

#include <perdure/backend.hpp>

#include <concepts>
#include <cstring>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

// The arguments and answers of the contract's calls as bytes, between two processes of one program.
// Each struct is taken apart whole: a new member does not compile until it stands here as well.

namespace perdure::conformance {

template <class Wire>
void pass(Wire& wire, uuid& all) {
    auto& [high, low] = all;
    wire(high, low);
}

template <class Wire, class Id>
requires std::same_as<Id, execution_id> || std::same_as<Id, request_id> ||
    std::same_as<Id, task_id> || std::same_as<Id, worker_id> || std::same_as<Id, lease_token> ||
    std::same_as<Id, wake_token>
void pass(Wire& wire, Id& id) {
    auto& [value] = id;
    wire(value);
}

template <class Wire>
void pass(Wire& wire, payload& all) {
    wire(all.codec, all.bytes);
}

template <class Wire>
void pass(Wire& wire, lease& all) {
    auto& [token, row] = all;
    wire(token, row);
}

template <class Wire>
void pass(Wire& wire, parent_link& all) {
    auto& [instance, execution, task] = all;
    wire(instance, execution, task);
}

template <class Wire>
void pass(Wire& wire, history_chunk& all) {
    auto& [first, count, text] = all;
    wire(first, count, text);
}

// What is asked.

template <class Wire>
void pass(Wire& wire, new_instance& all) {
    auto& [instance,
           execution,
           name,
           version,
           start,
           parent,
           tags,
           start_at,
           replaceable,
           told,
           kind,
           level] = all;
    wire(instance, execution, name, version, start, parent, tags, start_at, replaceable, told);
    wire(kind, level);
}

template <class Wire>
void pass(Wire& wire, new_message& all) {
    auto& [target, event, id, execution, task, visible_at, level] = all;
    wire(target, event, id, execution, task, visible_at, level);
}

template <class Wire>
void pass(Wire& wire, termination& all) {
    auto& [target, event, final_event, output, parent_event] = all;
    wire(target, event, final_event, output, parent_event);
}

template <class Wire>
void pass(Wire& wire, new_activity& all) {
    auto& [task, name, version, queue, priority, input, details] = all;
    wire(task, name, version, queue, priority, input, details);
}

template <class Wire>
void pass(Wire& wire, new_timer& all) {
    auto& [task, fire_at, event] = all;
    wire(task, fire_at, event);
}

template <class Wire>
void pass(Wire& wire, new_child& all) {
    auto& [instance, refused_event] = all;
    wire(instance, refused_event);
}

template <class Wire>
void pass(Wire& wire, new_events& all) {
    auto& [count, text] = all;
    wire(count, text);
}

template <class Wire>
void pass(Wire& wire, next_execution& all) {
    auto& [execution, version, start_event, tags, kept] = all;
    wire(execution, version, start_event, tags, kept);
}

template <class Wire>
void pass(Wire& wire, ended_activity& all) {
    auto& [task, event] = all;
    wire(task, event);
}

template <class Wire>
void pass(Wire& wire, checkpoint& all) {
    auto& [history_version,
           last_committed,
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
           level] = all;
    wire(history_version, last_committed, consumed, events, status, output, failure);
    wire(custom_status);
    wire(activities, cancelled_activities, timers, cancelled_timers, messages, children);
    wire(next, level);
}

template <class Wire>
void pass(Wire& wire, finished_work& all) {
    auto& [instance, execution, held, activity, turn] = all;
    wire(instance, execution, held, activity, turn);
}

template <class Wire>
void pass(Wire& wire, held_item& all) {
    auto& [instance, task, held] = all;
    wire(instance, task, held);
}

template <class Wire>
void pass(Wire& wire, work_filter::definition& all) {
    auto& [name, version, kind] = all;
    wire(name, version, kind);
}

template <class Wire>
void pass(Wire& wire, work_filter& all) {
    auto& [orchestrations, activities, queues, level] = all;
    wire(orchestrations, activities, queues, level);
}

/// The filter goes beside it.
template <class Wire>
void pass(Wire& wire, lock_request& all) {
    auto& [request,
           worker,
           filter,
           orchestrations,
           activities,
           duration,
           messages,
           bytes,
           suspects] = all;
    static_cast<void>(filter);
    wire(request, worker, orchestrations, activities, duration, messages, bytes, suspects);
}

template <class Wire>
void pass(Wire& wire, instance_filter& all) {
    auto& [statuses,
           name,
           version,
           tag,
           parent,
           parked,
           id_prefix,
           created_from,
           created_to,
           completed_from,
           completed_to,
           kind] = all;
    wire(statuses, name, version, tag, parent, parked, id_prefix);
    wire(created_from, created_to, completed_from, completed_to, kind);
}

template <class Wire>
void pass(Wire& wire, purge_request& all) {
    auto& [request, instances, filter, limit, force, parent_event] = all;
    wire(request, instances, filter, limit, force, parent_event);
}

// What is answered.

template <class Wire>
void pass(Wire& wire, capabilities& all) {
    auto& [durable, multi_process, test_clock, commit_lanes, speculative_turns] = all;
    wire(durable, multi_process, test_clock, commit_lanes, speculative_turns);
}

template <class Wire>
void pass(Wire& wire, hub_status& all) {
    auto& [schema_version,
           store_time,
           live_workers,
           orchestrations,
           activities,
           leftovers,
           parked,
           unserved,
           unserved_leftovers] = all;
    wire(schema_version, store_time, live_workers, orchestrations, activities, leftovers, parked);
    wire(unserved, unserved_leftovers);
}

template <class Wire>
void pass(Wire& wire, create_outcome& all) {
    auto& [code, status] = all;
    wire(code, status);
}

template <class Wire>
void pass(Wire& wire, instance_record& all) {
    auto& [instance,
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
           level] = all;
    wire(instance, execution, name, version, status, created_at, updated_at, completed_at);
    wire(start_at, custom_status, output, failure, tags, parent, parked_reason);
    wire(history_length, inbox_length, leased_by, kind, level);
}

template <class Wire>
void pass(Wire& wire, instance_page& all) {
    auto& [instances, next] = all;
    wire(instances, next);
}

template <class Wire>
void pass(Wire& wire, history_page& all) {
    auto& [execution, history_version, last_committed, history_length, chunks] = all;
    wire(execution, history_version, last_committed, history_length, chunks);
}

template <class Wire>
void pass(Wire& wire, purge_result& all) {
    auto& [purged, more, outcomes] = all;
    wire(purged, more, outcomes);
}

template <class Wire>
void pass(Wire& wire, inbox_message& all) {
    auto& [sequence, visible_at, task, event] = all;
    wire(sequence, visible_at, task, event);
}

template <class Wire>
void pass(Wire& wire, orchestration_work& all) {
    auto& [instance,
           execution,
           held,
           name,
           version,
           status,
           history_version,
           last_committed,
           history_length,
           history,
           inbox,
           deliveries,
           suspect,
           kind] = all;
    wire(instance, execution, held, name, version, status, history_version);
    wire(last_committed, history_length, history, inbox, deliveries, suspect, kind);
}

template <class Wire>
void pass(Wire& wire, activity_work& all) {
    auto& [instance,
           execution,
           task,
           held,
           name,
           version,
           queue,
           input,
           details,
           deliveries,
           suspect] = all;
    wire(
        instance, execution, task, held, name, version, queue, input, details, deliveries, suspect);
}

template <class Wire>
void pass(Wire& wire, work_batch& all) {
    auto& [orchestrations, activities, token, contended, suspects_waiting, store_time] = all;
    wire(orchestrations, activities, token, contended, suspects_waiting, store_time);
}

template <class Wire>
void pass(Wire& wire, create_result& all) {
    auto& [outcomes, work] = all;
    wire(outcomes, work);
}

template <class Wire>
void pass(Wire& wire, send_result& all) {
    auto& [outcomes, work] = all;
    wire(outcomes, work);
}

template <class Wire>
void pass(Wire& wire, commit_result& all) {
    auto& [outcomes, dropped_messages, work] = all;
    wire(outcomes, dropped_messages, work);
}

template <class Wire, class First, class Second>
void pass(Wire& wire, std::pair<First, Second>& all) {
    wire(all.first, all.second);
}

// Ids cannot be empty, so there is something to read into.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
template <class T>
[[nodiscard]] T to_be_read() {
    if constexpr (std::is_same_v<T, instance_id>) {
        return instance_id("-");
    } else if constexpr (std::is_default_constructible_v<T>) {
        return T{};
    } else if constexpr (std::is_same_v<T, new_child>) {
        return {to_be_read<new_instance>(), {}};
    } else {
        return T{instance_id("-")};
    }
}
#pragma GCC diagnostic pop

class wire_writer {
  public:
    template <class... T>
    void operator()(const T&... items) {
        (put(items), ...);
    }
    [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

  private:
    template <class T>
    requires std::integral<T> || std::is_enum_v<T>
    void put(T number) {
        const auto wide = static_cast<std::int64_t>(number);
        bytes_.append(reinterpret_cast<const char*>(&wide), sizeof wide);
    }
    void put(const std::string& text) {
        put(text.size());
        bytes_ += text;
    }
    void put(const instance_id& id) { put(id.text()); }
    void put(duration time) { put(time.count()); }
    template <class Clock, class Unit>
    void put(std::chrono::time_point<Clock, Unit> time) {
        put(time.time_since_epoch().count());
    }
    template <class T>
    void put(const std::optional<T>& item) {
        put(item.has_value());
        if (item) {
            put(*item);
        }
    }
    template <class T>
    void put(const std::vector<T>& items) {
        put(items.size());
        for (const T& item : items) {
            put(item);
        }
    }
    void put(const tag_map& tags) { put(std::vector(tags.begin(), tags.end())); }
    template <class T>
    requires std::is_class_v<T>
    void put(const T& item) {
        // `pass` serves both directions; a writer changes nothing.
        pass(*this, const_cast<T&>(item));
    }

    std::string bytes_;
};

class wire_reader {
  public:
    explicit wire_reader(std::string bytes) : bytes_(std::move(bytes)) {}

    template <class... T>
    void operator()(T&... items) {
        (take(items), ...);
    }
    template <class T>
    [[nodiscard]] T next() {
        T item = to_be_read<T>();
        take(item);
        return item;
    }

  private:
    template <class T>
    requires std::integral<T> || std::is_enum_v<T>
    void take(T& number) {
        std::int64_t wide = 0;
        std::memcpy(&wide, piece(sizeof wide), sizeof wide);
        number = static_cast<T>(wide);
    }
    void take(std::string& text) {
        const auto length = next<std::size_t>();
        text.assign(piece(length), length);
    }
    void take(instance_id& id) { id = instance_id(next<std::string>()); }
    void take(duration& time) { time = duration(next<std::int64_t>()); }
    template <class Clock, class Unit>
    void take(std::chrono::time_point<Clock, Unit>& time) {
        time = std::chrono::time_point<Clock, Unit>(Unit(next<std::int64_t>()));
    }
    template <class T>
    void take(std::optional<T>& item) {
        item = next<bool>() ? std::optional<T>(next<T>()) : std::nullopt;
    }
    template <class T>
    void take(std::vector<T>& items) {
        items.clear();
        for (auto left = next<std::size_t>(); left != 0; --left) {
            items.push_back(next<T>());
        }
    }
    void take(tag_map& tags) {
        for (auto& tag : next<std::vector<std::pair<std::string, std::string>>>()) {
            tags.insert(std::move(tag));
        }
    }
    template <class T>
    requires std::is_class_v<T>
    void take(T& item) { pass(*this, item); }
    const char* piece(std::size_t length) {
        if (length > bytes_.size() - at_) {
            throw std::runtime_error("the other process has sent too little");
        }
        at_ += length;
        return bytes_.data() + (at_ - length);
    }

    std::string bytes_;
    std::size_t at_ = 0;
};

}  // namespace perdure::conformance
