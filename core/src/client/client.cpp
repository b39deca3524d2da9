#include "backoff.hpp"
#include "client/call_combiner.hpp"
#include "client/start_items.hpp"
#include "idle_workers.hpp"
#include "messages.hpp"
#include "nouns/checks.hpp"
#include "terminations.hpp"

#include <perdure/client.hpp>
#include <perdure/history_codec.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <thread>
#include <utility>

namespace perdure {
inline namespace v1 {

namespace {

using steady = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto patience = 30s;

/// Repeats a call as it is, with the same request id, while the store's trouble is of the kind that
/// passes; throws it when patience, which begins with the first trouble, is at its end. A call that
/// waited long before it failed had come through.
template <class Call>
auto repeated(Call&& call) {
    calls::backoff pauses(5ms, 1s);
    std::optional<steady::time_point> deadline;
    for (;;) {
        const auto begin = steady::now();
        try {
            return call();
        } catch (const backend_error& trouble) {
            const bool is_passing =
                trouble.retryable() || trouble.code() == store_fault::outcome_unknown;
            const auto now = steady::now();
            if (!deadline || now - begin > patience) {
                deadline = now + patience;
            }
            if (!is_passing || now > *deadline) {
                throw;
            }
        }
        std::this_thread::sleep_for(pauses.next());
    }
}

}  // namespace

class client::impl {
  public:
    explicit impl(hub opened)
        : where(std::move(opened)),
          creates([this](std::span<const new_instance> instances) {
              return where.idle().hand_out(
                  {random_uuid()}, instances, [&](const lock_request& next) {
                      return repeated([&] { return where.store().create(next, instances); });
                  });
          }),
          sends([this](std::span<const new_message> messages) {
              return where.idle().hand_out(
                  {random_uuid()}, messages, [&](const lock_request& next) {
                      return repeated([&] { return where.store().send(next, messages); });
                  });
          }) {}

    control_result send(const instance_id& target, std::string event, std::string id) {
        const std::size_t bytes = event.size() + id.size() + 256;
        const send_outcome outcome =
            sends.submit({.target = target, .event = std::move(event), .id = std::move(id)}, bytes);
        if (outcome == send_outcome::no_such_instance) {
            throw no_such_instance(target);
        }
        if (outcome == send_outcome::instance_is_terminal) {
            throw instance_has_ended(target);
        }
        return outcome == send_outcome::duplicate ? control_result::duplicate
                                                  : control_result::accepted;
    }

    const hub where;
    calling::call_combiner<new_instance, create_outcome> creates;
    calling::call_combiner<new_message, send_outcome> sends;
};

client::client(hub where) : impl_(std::make_unique<impl>(std::move(where))) {}
client::~client() = default;

const hub& client::where() const noexcept {
    return impl_->where;
}

// -------------------------------------------------------------------------------------- starting

instance_id client::start_encoded(const start_request& request) {
    new_instance made = calling::make_instance(request);
    const instance_id id = made.instance;
    const std::size_t bytes = calling::weight(made);
    const create_outcome outcome = impl_->creates.submit(std::move(made), bytes);
    if (outcome.code == create_code::already_exists &&
        request.options.reuse != reuse_policy::keep_existing) {
        throw already_exists(id, outcome.status);
    }
    return id;
}

namespace {

/// Finds ids that are taken before anything of the batch is started.
void check_ids(backend& store,
               std::span<const start_request> requests,
               std::span<const new_instance> instances) {
    std::vector<instance_id> chosen;
    std::vector<std::size_t> places;
    std::set<instance_id> seen;
    for (std::size_t i = 0; i < instances.size(); ++i) {
        if (!requests[i].options.id) {
            continue;
        }
        if (!seen.insert(instances[i].instance).second) {
            throw invalid_input("instance id \"" + instances[i].instance.text() +
                                "\" is given twice in one call");
        }
        if (requests[i].options.reuse != reuse_policy::keep_existing) {
            chosen.push_back(instances[i].instance);
            places.push_back(i);
        }
    }
    if (chosen.empty()) {
        return;
    }
    const auto found = repeated([&] { return store.get(chosen); });
    for (std::size_t i = 0; i < chosen.size(); ++i) {
        const auto& allowed = instances[places[i]].replaceable;
        if (found[i] &&
            std::find(allowed.begin(), allowed.end(), found[i]->status) == allowed.end()) {
            throw already_exists(chosen[i], found[i]->status);
        }
    }
}

void start_batch(backend& store,
                 std::span<const start_request> requests,
                 std::span<const new_instance> instances) {
    check_ids(store, requests, instances);
    // Hands out nothing: a worker takes of many what it has room for, in larger batches.
    const lock_request no_room{.request = {random_uuid()}};
    const auto outcomes = repeated([&] { return store.create(no_room, instances); }).outcomes;
    for (std::size_t i = 0; i < instances.size(); ++i) {
        if (outcomes.at(i).code == create_code::already_exists &&
            requests[i].options.reuse != reuse_policy::keep_existing) {
            throw already_exists(instances[i].instance, outcomes[i].status);
        }
    }
}

}  // namespace

std::vector<instance_id> client::start_many_encoded(std::span<const start_request> requests) {
    std::vector<instance_id> ids;
    ids.reserve(requests.size());
    std::vector<new_instance> batch;
    std::size_t from = 0;
    std::size_t bytes = 0;
    const auto flush = [&] {
        if (!batch.empty()) {
            start_batch(impl_->where.store(), requests.subspan(from, batch.size()), batch);
            from += batch.size();
            batch.clear();
            bytes = 0;
        }
    };
    for (const start_request& request : requests) {
        new_instance made = calling::make_instance(request);
        const std::size_t more = calling::weight(made);
        if (batch.size() == batch_items_max || bytes + more > batch_bytes_max) {
            flush();
        }
        ids.push_back(made.instance);
        bytes += more;
        batch.push_back(std::move(made));
    }
    flush();
    return ids;
}

// -------------------------------------------------------------------------------------- watching

namespace {

failure reason_of(const instance_record& ended) {
    if (ended.status == orchestration_status::failed) {
        return decode_failure(ended.failure);
    }
    failure reason(failure_type::terminated,
                   "instance \"" + ended.instance.text() + "\" was terminated");
    if (!ended.output.is_none() && ended.output.codec == json_codec) {
        const std::string note = codec<std::string>::decode(ended.output);
        reason.message += note.empty() ? "" : ": " + note;
    }
    return reason;
}

}  // namespace

namespace {
std::string describe_state(const instance_record& record) {
    std::string text(to_string(record.status));
    return record.parked_reason.empty() ? text : text + " and parked: " + record.parked_reason;
}
}  // namespace

instance_record client::wait_for_end(const instance_id& id,
                                     any_duration timeout,
                                     bool throw_on_failure) {
    backend& store = impl_->where.store();
    const auto deadline = saturating_add(steady::now(), timeout.value());
    calls::backoff pauses(1ms, 100ms);
    for (;;) {
        const auto begin = steady::now();
        auto record = repeated([&] { return store.wait(id, deadline); });
        if (!record) {
            throw no_such_instance(id);
        }
        if (is_terminal(record->status)) {
            if (throw_on_failure && record->status != orchestration_status::completed) {
                throw orchestration_failed(id, record->status, reason_of(*record));
            }
            return std::move(*record);
        }
        if (steady::now() >= deadline) {
            throw wait_timeout("instance \"" + id.text() + "\" has not ended in time; it is " +
                               describe_state(*record));
        }
        // A wait may return early, for example because all waits of the hub were interrupted.
        if (steady::now() - begin < 100ms) {
            std::this_thread::sleep_for(std::min<steady::duration>(
                pauses.next(), std::max(deadline - steady::now(), steady::duration::zero())));
        }
    }
}

std::optional<instance_record> client::get(const instance_id& id) {
    auto found = repeated([&] { return impl_->where.store().get({&id, 1}); });
    return std::move(found.at(0));
}

payload client::input(const instance_id& id) {
    const auto page = repeated([&] { return impl_->where.store().read_history(id, 0, 1); });
    if (!page) {
        throw no_such_instance(id);
    }
    std::vector<history_event> events;
    decode_chunk(page->chunks.at(0), events);
    return std::move(events.at(0).data);
}

instance_page client::query(const instance_filter& filter,
                            std::size_t limit,
                            const std::string& after) {
    if (limit == 0) {
        throw invalid_input("query: a page of 0 instances is not allowed; ask for at least 1");
    }
    calling::check_filter(filter);
    checks::check_text({"query: where the page begins"}, after);
    const std::size_t size = std::min(limit, batch_items_max);
    return repeated([&] { return impl_->where.store().query(filter, size, after); });
}

std::vector<history_event> client::history(const instance_id& id) {
    std::vector<history_event> events;
    std::optional<execution_id> execution;
    for (;;) {
        const auto page = repeated(
            [&] { return impl_->where.store().read_history(id, events.size(), batch_bytes_max); });
        if (!page) {
            throw no_such_instance(id);
        }
        if (execution && *execution != page->execution) {
            // The next execution has begun between two pages: read that one.
            events.clear();
            execution.reset();
            continue;
        }
        execution = page->execution;
        const std::size_t before = events.size();
        for (const history_chunk& chunk : page->chunks) {
            if (chunk.first == events.size()) {
                decode_chunk(chunk, events);
            }
        }
        if (events.size() >= page->history_length || events.size() == before) {
            return events;
        }
    }
}

// ----------------------------------------------------------------------------------- controlling

control_result client::raise_encoded(const instance_id& id,
                                     std::string_view name,
                                     payload content,
                                     const raise_options& options) {
    check_name("event name", name);
    checks::check_payload({"event", name, "content"}, content, payload_bytes_max_default);
    checks::check_optional_name({"event", name, "message id"}, options.message_id);
    return impl_->send(id,
                       messages::event_raised(std::string(name), content),
                       options.message_id.empty() ? to_string(random_uuid()) : options.message_id);
}

void client::suspend(const instance_id& id, const std::string& reason) {
    checks::check_text({"reason"}, reason);
    impl_->send(id, messages::suspended(reason), to_string(random_uuid()));
}

void client::resume(const instance_id& id, const std::string& reason) {
    checks::check_text({"reason"}, reason);
    impl_->send(id, messages::resumed(reason), to_string(random_uuid()));
}

control_result client::terminate(const instance_id& id,
                                 const std::string& reason,
                                 recursion reach) {
    checks::check_text({"reason"}, reason);
    backend& store = impl_->where.store();
    const bool is_recursive = reach == recursion::with_children;
    const termination end = calls::make_termination(
        id, reason, is_recursive ? tag_map{{"recursive", "true"}} : tag_map());
    const request_id request{random_uuid()};
    const auto outcomes = repeated([&] { return store.terminate(request, {&end, 1}); });
    if (outcomes.at(0) == terminate_outcome::no_such_instance) {
        throw no_such_instance(id);
    }
    if (is_recursive) {
        static_cast<void>(calls::terminate_descendants(
            store, id, reason, calls::descendants::all, [](const std::function<void()>& call) {
                repeated(call);
                return true;
            }));
    }
    switch (outcomes[0]) {
        case terminate_outcome::terminated:
            return control_result::ended;
        case terminate_outcome::instance_is_terminal:
            return control_result::had_ended;
        default:
            return control_result::accepted;
    }
}

bool client::unpark(const instance_id& id) {
    const request_id request{random_uuid()};
    const auto outcomes = repeated([&] { return impl_->where.store().unpark(request, {&id, 1}); });
    if (outcomes.at(0) == unpark_outcome::no_such_instance) {
        throw no_such_instance(id);
    }
    return outcomes.at(0) == unpark_outcome::unparked;
}

bool client::purge(const instance_id& id, bool force) {
    purge_request request;
    request.request = request_id{random_uuid()};
    request.instances = {id};
    request.force = force;
    request.parent_event = messages::child_gone(
        id.text(), failure_type::purged, "instance \"" + id.text() + "\" was purged");
    const auto result = repeated([&] { return impl_->where.store().purge(request); });
    if (result.outcomes.at(0) == purge_outcome::not_terminal) {
        throw invalid_input("instance \"" + id.text() +
                            "\" has not ended; terminate it first, or force the purge");
    }
    return result.outcomes.at(0) == purge_outcome::purged;
}

std::size_t client::purge(const instance_filter& filter) {
    calling::check_filter(filter);
    purge_request request;
    request.filter = filter;
    std::erase_if(request.filter.statuses,
                  [](orchestration_status status) { return !is_terminal(status); });
    if (request.filter.statuses.empty()) {
        if (!filter.statuses.empty()) {
            throw invalid_input(
                "purge: the filter names only statuses of instances that have not "
                "ended; allowed are completed, failed, cancelled and terminated");
        }
        request.filter.statuses = {orchestration_status::completed,
                                   orchestration_status::failed,
                                   orchestration_status::cancelled,
                                   orchestration_status::terminated};
    }
    std::size_t purged = 0;
    bool is_more = true;
    while (is_more) {
        request.request = request_id{random_uuid()};
        const auto result = repeated([&] { return impl_->where.store().purge(request); });
        purged += result.purged;
        is_more = result.more;
    }
    return purged;
}

}  // namespace v1
}  // namespace perdure
