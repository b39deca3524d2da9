#include "plugin/checked_backend.hpp"

#include "nouns/distinct.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace perdure::plugin {

namespace {

/// The text is only made of what is wrong: all this is asked of every call.
[[noreturn]] void refuse(const char* method, const std::string& reason) {
    throw backend_error(store_fault::rejected, fmt::format("{}: {}", method, reason));
}

/// What leaves a plugin is an answer or a `backend_error`.
template <class Call>
auto guarded(const char* method, Call call) -> decltype(call()) {
    try {
        return call();
    } catch (const backend_error&) {
        throw;
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception& foreign) {
        refuse(method, fmt::format("the plugin threw what it must not: {}", foreign.what()));
    }
}

/// [BATCH-2]
template <class Answers, class Questions>
Answers counted(const char* method, Answers answers, const Questions& questions) {
    if (answers.size() != questions.size()) {
        refuse(method,
               fmt::format("the plugin gives {} answers to {} items",
                           answers.size(),
                           questions.size()));
    }
    return answers;
}

[[noreturn]] void refuse(const finished_work& item, const char* reason) {
    refuse("commit", fmt::format("the work of \"{}\" {}", item.instance.text(), reason));
}

void check_turn(const finished_work& item) {
    const checkpoint& turn = *item.turn;
    const auto task_of = [](const new_activity& added) { return added.task; };
    if (std::ranges::count(turn.activities, task_id(), task_of) != 0 ||
        !are_distinct(turn.activities, task_of)) {
        refuse(item, "has an activity without a task id of its own");
    }
    if (!are_distinct(turn.consumed)) {
        refuse(item, "consumes a message twice");
    }
    if (turn.next && is_terminal(turn.status)) {
        refuse(item, "ends its instance and continues it as new");
    }
}

void check(const finished_work& item, const capabilities& abilities) {
    if (!item.turn && !item.activity) {
        refuse(item, "is neither turn nor activity");
    }
    if (item.turn) {
        check_turn(item);
    }
    if (item.turn && item.activity) {
        if (!abilities.speculative_turns) {
            refuse(item, "is a speculative turn, and this backend takes none");
        }
        if (!item.turn->consumed.empty()) {
            refuse(item, "is a speculative turn that consumes messages");
        }
    }
}

}  // namespace

checked_backend::checked_backend(std::shared_ptr<backend> plugin)
    : forwarding_backend(*plugin), plugin_(std::move(plugin)), abilities_(plugin_->abilities()) {}

void checked_backend::create_hub() {
    guarded("create_hub", [&] { inner().create_hub(); });
}

void checked_backend::delete_hub() {
    guarded("delete_hub", [&] { inner().delete_hub(); });
}

hub_status checked_backend::status() {
    return guarded("status", [&] { return inner().status(); });
}

std::string checked_backend::identity() {
    return guarded("identity", [&] { return inner().identity(); });
}

create_result checked_backend::create(const lock_request& next,
                                      std::span<const new_instance> instances) {
    create_result result = guarded("create", [&] { return inner().create(next, instances); });
    result.outcomes = counted("create", std::move(result.outcomes), instances);
    return result;
}

send_result checked_backend::send(const lock_request& next, std::span<const new_message> messages) {
    send_result result = guarded("send", [&] { return inner().send(next, messages); });
    result.outcomes = counted("send", std::move(result.outcomes), messages);
    return result;
}

std::vector<terminate_outcome> checked_backend::terminate(
    const request_id& request, std::span<const termination> terminations) {
    return counted("terminate",
                   guarded("terminate", [&] { return inner().terminate(request, terminations); }),
                   terminations);
}

std::vector<std::optional<instance_record>> checked_backend::get(
    std::span<const instance_id> instances) {
    return counted("get", guarded("get", [&] { return inner().get(instances); }), instances);
}

instance_page checked_backend::query(const instance_filter& filter,
                                     std::size_t limit,
                                     const std::string& after) {
    if (limit == 0) {
        refuse("query", "a page holds at least one instance");
    }
    return guarded("query", [&] { return inner().query(filter, limit, after); });
}

std::optional<history_page> checked_backend::read_history(const instance_id& instance,
                                                          std::uint64_t from,
                                                          std::size_t bytes) {
    return guarded("read_history", [&] { return inner().read_history(instance, from, bytes); });
}

std::optional<instance_record> checked_backend::wait(
    const instance_id& instance, std::chrono::steady_clock::time_point deadline) {
    return guarded("wait", [&] { return inner().wait(instance, deadline); });
}

purge_result checked_backend::purge(const purge_request& request) {
    if (request.instances.size() > request.limit) {
        refuse("purge",
               fmt::format(
                   "{} instances, but the limit is {}", request.instances.size(), request.limit));
    }
    return guarded("purge", [&] { return inner().purge(request); });
}

std::vector<unpark_outcome> checked_backend::unpark(const request_id& request,
                                                    std::span<const instance_id> instances) {
    return counted(
        "unpark", guarded("unpark", [&] { return inner().unpark(request, instances); }), instances);
}

work_batch checked_backend::lock(const lock_request& request) {
    return guarded("lock", [&] { return inner().lock(request); });
}

commit_result checked_backend::commit(const commit_request& request) {
    for (const finished_work& item : request.finished) {
        check(item, abilities_);
    }
    commit_result result = guarded("commit", [&] { return inner().commit(request); });
    result.outcomes = counted("commit", std::move(result.outcomes), request.finished);
    return result;
}

std::vector<lease_outcome> checked_backend::renew(const renewal& request) {
    return counted(
        "renew", guarded("renew", [&] { return inner().renew(request); }), request.items);
}

std::vector<lease_outcome> checked_backend::return_leases(const lease_return& request) {
    if (request.kind == return_kind::park) {
        const auto is_activity = [](const held_item& item) { return bool(item.task); };
        if (std::ranges::any_of(request.items, is_activity)) {
            refuse("return_leases", "only orchestrations are parked");
        }
        if (request.reason.empty()) {
            refuse("return_leases", "what is parked has a reason");
        }
    }
    return counted("return_leases",
                   guarded("return_leases", [&] { return inner().return_leases(request); }),
                   request.items);
}

void checked_backend::take_over(const request_id& request, std::span<const worker_id> workers) {
    guarded("take_over", [&] { inner().take_over(request, workers); });
}

wake_token checked_backend::wait_for_work(wake_token token,
                                          std::chrono::steady_clock::time_point deadline) {
    return guarded("wait_for_work", [&] { return inner().wait_for_work(token, deadline); });
}

}  // namespace perdure::plugin
