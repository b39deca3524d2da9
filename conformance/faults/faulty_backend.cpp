#include "faults/faulty_backend.hpp"

#include <type_traits>

namespace perdure::conformance {

namespace {

request_id own_request() {
    return {random_uuid()};
}

}  // namespace

faulty_backend::faulty_backend(hub inner)
    : forwarding_backend(inner.store()), hub_(std::move(inner)) {}

void faulty_backend::plan(method which, mishap what, std::size_t n) {
    const std::lock_guard guard(mutex_);
    planned_[{which, calls_of_[which] + n}] = what;
}

void faulty_backend::plan_any(mishap what, std::size_t n) {
    const std::lock_guard guard(mutex_);
    planned_any_[calls_ + n] = what;
}

void faulty_backend::plan_random(const mishap_rates& rates, std::uint64_t seed) {
    const std::lock_guard guard(mutex_);
    rates_ = rates;
    dice_.seed(seed);
}

std::size_t faulty_backend::calls() const {
    const std::lock_guard guard(mutex_);
    return calls_;
}

std::size_t faulty_backend::mishaps() const {
    const std::lock_guard guard(mutex_);
    return mishaps_;
}

std::vector<held_item> faulty_backend::lost() const {
    const std::lock_guard guard(mutex_);
    return lost_;
}

std::optional<mishap> faulty_backend::next_mishap(method which) {
    const std::lock_guard guard(mutex_);
    ++calls_;
    ++calls_of_[which];
    std::optional<mishap> what;
    if (const auto found = planned_any_.find(calls_); found != planned_any_.end()) {
        what = found->second;
    }
    if (const auto found = planned_.find({which, calls_of_[which]}); found != planned_.end()) {
        what = found->second;
    }
    if (!what) {
        const bool hands_out = which == method::lock || which == method::commit;
        auto thrown = std::uniform_int_distribution<unsigned>(0, 999)(dice_);
        const auto hits = [&](unsigned rate) {
            const bool is_hit = thrown < rate;
            thrown -= is_hit ? 0 : rate;
            return is_hit;
        };
        if (hits(rates_.failure)) {
            what = mishap::failure;
        } else if (hits(rates_.lost_answer)) {
            what = mishap::lost_answer;
        } else if (hits(hands_out ? rates_.expiry : 0)) {
            what = mishap::expiry;
        } else if (hits(hands_out ? rates_.second_delivery : 0)) {
            what = mishap::second_delivery;
        } else if (hits(which == method::commit ? rates_.lost_commit : 0)) {
            what = mishap::lost_commit;
        }
    }
    mishaps_ += what ? 1U : 0U;
    return what;
}

void faulty_backend::undermine(mishap how, const worker_id& holder, const work_batch& batch) {
    if (how == mishap::expiry) {
        inner().take_over(own_request(), {&holder, 1});
        return;
    }
    std::vector<held_item> items;
    for (const orchestration_work& work : batch.orchestrations) {
        items.push_back({work.instance, {}, work.held});
    }
    for (const activity_work& work : batch.activities) {
        items.push_back({work.instance, work.task, work.held});
    }
    static_cast<void>(inner().return_leases({.request = own_request(), .items = items}));
}

template <class Call>
auto faulty_backend::attempt(method which, Call forward) {
    return perform(which, next_mishap(which), std::move(forward));
}

template <class Call>
auto faulty_backend::perform(method which, std::optional<mishap> what, Call forward) {
    if (what == mishap::failure) {
        throw backend_error(store_fault::unavailable, "a planned failure: nothing was done");
    }
    if (what == mishap::lost_answer) {
        static_cast<void>(forward());
        const bool only_reads =
            which == method::get || which == method::query || which == method::read_history;
        throw backend_error(only_reads ? store_fault::unavailable : store_fault::outcome_unknown,
                            "a planned loss of the answer");
    }
    auto answer = forward();
    using answer_type = decltype(answer);
    if constexpr (std::is_same_v<answer_type, std::pair<worker_id, work_batch>>) {
        if (what) {
            undermine(*what, answer.first, answer.second);
        }
    } else if constexpr (requires { answer.second.work; }) {
        if (what) {
            undermine(*what, answer.first, answer.second.work);
        }
    }
    return answer;
}

create_result faulty_backend::create(const lock_request& next,
                                     std::span<const new_instance> instances) {
    return attempt(method::create,
                   [&] { return std::pair(next.worker, inner().create(next, instances)); })
        .second;
}

send_result faulty_backend::send(const lock_request& next, std::span<const new_message> messages) {
    return attempt(method::send,
                   [&] { return std::pair(next.worker, inner().send(next, messages)); })
        .second;
}

std::vector<terminate_outcome> faulty_backend::terminate(
    const request_id& request, std::span<const termination> terminations) {
    return attempt(method::terminate, [&] { return inner().terminate(request, terminations); });
}

std::vector<std::optional<instance_record>> faulty_backend::get(
    std::span<const instance_id> instances) {
    return attempt(method::get, [&] { return inner().get(instances); });
}

instance_page faulty_backend::query(const instance_filter& filter,
                                    std::size_t limit,
                                    const std::string& after) {
    return attempt(method::query, [&] { return inner().query(filter, limit, after); });
}

std::optional<history_page> faulty_backend::read_history(const instance_id& instance,
                                                         std::uint64_t from,
                                                         std::size_t bytes) {
    return attempt(method::read_history,
                   [&] { return inner().read_history(instance, from, bytes); });
}

std::optional<instance_record> faulty_backend::wait(
    const instance_id& instance, std::chrono::steady_clock::time_point deadline) {
    return attempt(method::get, [&] { return inner().wait(instance, deadline); });
}

purge_result faulty_backend::purge(const purge_request& request) {
    return attempt(method::purge, [&] { return inner().purge(request); });
}

std::vector<unpark_outcome> faulty_backend::unpark(const request_id& request,
                                                   std::span<const instance_id> instances) {
    return attempt(method::unpark, [&] { return inner().unpark(request, instances); });
}

work_batch faulty_backend::lock(const lock_request& request) {
    return attempt(method::lock, [&] { return std::pair(request.worker, inner().lock(request)); })
        .second;
}

commit_result faulty_backend::commit(const commit_request& request) {
    const auto what = next_mishap(method::commit);
    if (what == mishap::lost_commit) {
        return pretend(request);
    }
    return perform(method::commit,
                   what,
                   [&] { return std::pair(request.next.worker, inner().commit(request)); })
        .second;
}

commit_result faulty_backend::pretend(const commit_request& request) {
    {
        const std::lock_guard guard(mutex_);
        for (const finished_work& item : request.finished) {
            const task_id task = item.activity ? item.activity->task : task_id();
            lost_.push_back({item.instance, task, item.held});
        }
    }
    commit_result answer;
    answer.outcomes.assign(request.finished.size(), commit_outcome::committed);
    answer.work.store_time = inner().status().store_time;
    return answer;
}

std::vector<lease_outcome> faulty_backend::renew(const renewal& request) {
    return attempt(method::renew, [&] { return inner().renew(request); });
}

std::vector<lease_outcome> faulty_backend::return_leases(const lease_return& request) {
    return attempt(method::return_leases, [&] { return inner().return_leases(request); });
}

void faulty_backend::take_over(const request_id& request, std::span<const worker_id> workers) {
    attempt(method::take_over, [&] {
        inner().take_over(request, workers);
        return 0;
    });
}

}  // namespace perdure::conformance
