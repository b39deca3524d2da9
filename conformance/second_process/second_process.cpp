#include "second_process/second_process.hpp"

#include <perdure/adjustable_clock.hpp>

#include "processes.hpp"
#include "second_process/calls.hpp"
#include "second_process/wire.hpp"

#include <mutex>
#include <stdexcept>

namespace perdure::conformance {

namespace {

using steady_time = std::chrono::steady_clock::time_point;

template <class T>
std::vector<std::remove_const_t<T>> owned(std::span<T> items) {
    return {items.begin(), items.end()};
}

std::optional<work_filter> filter_of(const work_filter* filter) {
    return filter != nullptr ? std::optional(*filter) : std::nullopt;
}

class remote_backend final : public backend, public adjustable_clock {
  public:
    explicit remote_backend(const backend_config& config) : process_(config, "calls") {
        abilities_ = ask<capabilities>(remote_call::abilities);
    }

    capabilities abilities() const noexcept override { return abilities_; }
    void create_hub() override { tell(remote_call::create_hub); }
    void delete_hub() override { tell(remote_call::delete_hub); }
    hub_status status() override { return ask<hub_status>(remote_call::status); }
    bool advance_clock(duration by) override { return ask<bool>(remote_call::advance_clock, by); }

    std::string identity() override { return ask<std::string>(remote_call::identity); }

    create_result create(const lock_request& next,
                         std::span<const new_instance> instances) override {
        return ask<create_result>(
            remote_call::create, owned(instances), next, filter_of(next.filter));
    }
    send_result send(const lock_request& next, std::span<const new_message> messages) override {
        return ask<send_result>(remote_call::send, owned(messages), next, filter_of(next.filter));
    }
    std::vector<terminate_outcome> terminate(const request_id& request,
                                             std::span<const termination> wishes) override {
        return ask<std::vector<terminate_outcome>>(remote_call::terminate, request, owned(wishes));
    }
    std::vector<std::optional<instance_record>> get(std::span<const instance_id> ids) override {
        return ask<std::vector<std::optional<instance_record>>>(remote_call::get, owned(ids));
    }
    instance_page query(const instance_filter& filter,
                        std::size_t limit,
                        const std::string& after) override {
        return ask<instance_page>(remote_call::query, filter, limit, after);
    }
    std::optional<history_page> read_history(const instance_id& id,
                                             std::uint64_t from,
                                             std::size_t bytes) override {
        return ask<std::optional<history_page>>(remote_call::read_history, id, from, bytes);
    }
    std::optional<instance_record> wait(const instance_id& id, steady_time deadline) override {
        return ask<std::optional<instance_record>>(remote_call::wait, id, deadline);
    }
    purge_result purge(const purge_request& request) override {
        return ask<purge_result>(remote_call::purge, request);
    }
    std::vector<unpark_outcome> unpark(const request_id& request,
                                       std::span<const instance_id> ids) override {
        return ask<std::vector<unpark_outcome>>(remote_call::unpark, request, owned(ids));
    }

    work_batch lock(const lock_request& request) override {
        return ask<work_batch>(remote_call::lock, request, filter_of(request.filter));
    }
    commit_result commit(const commit_request& request) override {
        return ask<commit_result>(remote_call::commit,
                                  owned(request.finished),
                                  request.next,
                                  filter_of(request.next.filter));
    }
    std::vector<lease_outcome> renew(const renewal& request) override {
        return ask<std::vector<lease_outcome>>(remote_call::renew,
                                               request.worker,
                                               filter_of(request.filter),
                                               request.lease_duration,
                                               owned(request.items));
    }
    std::vector<lease_outcome> return_leases(const lease_return& request) override {
        return ask<std::vector<lease_outcome>>(remote_call::return_leases,
                                               request.request,
                                               owned(request.items),
                                               request.kind,
                                               request.delay,
                                               request.reason,
                                               request.needed);
    }
    void take_over(const request_id& request, std::span<const worker_id> workers) override {
        tell(remote_call::take_over, request, owned(workers));
    }
    wake_token wait_for_work(wake_token token, steady_time deadline) override {
        return ask<wake_token>(remote_call::wait_for_work, token, deadline);
    }
    void interrupt_waits() noexcept override {
        try {
            tell(remote_call::interrupt_waits);
        } catch (const std::exception&) {
            return;  // Nobody waits in a process that has ended.
        }
    }

  private:
    template <class... Arguments>
    wire_reader answer_to(remote_call what, const Arguments&... arguments) {
        wire_writer question;
        question(what, arguments...);
        const std::lock_guard guard(mutex_);
        send_piece(process_.channel(), question.bytes());
        std::string text;
        if (!receive_piece(process_.channel(), text)) {
            throw std::runtime_error("the other process has ended");
        }
        wire_reader answer(std::move(text));
        if (answer.next<remote_answer>() == remote_answer::store_failed) {
            const auto code = answer.next<store_fault>();
            const auto reason = answer.next<std::string>();
            throw backend_error(code, reason, answer.next<std::string>());
        }
        return answer;
    }
    template <class Answer, class... Arguments>
    Answer ask(remote_call what, const Arguments&... arguments) {
        return answer_to(what, arguments...).template next<Answer>();
    }
    template <class... Arguments>
    void tell(remote_call what, const Arguments&... arguments) {
        static_cast<void>(answer_to(what, arguments...));
    }

    std::mutex mutex_;
    test_process process_;
    capabilities abilities_;
};

}  // namespace

hub open_in_another_process(const backend_config& config) {
    return {std::make_shared<remote_backend>(config), config.backend + " in another process"};
}

}  // namespace perdure::conformance
