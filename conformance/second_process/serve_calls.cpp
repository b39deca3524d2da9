#include "processes.hpp"
#include "second_process/calls.hpp"
#include "second_process/wire.hpp"

#include <perdure/adjustable_clock.hpp>

#include <unistd.h>

// The other end: a process that has the hub open and executes the calls that come from its standard
// input, until that ends.

namespace perdure::conformance {

namespace {

class call_server {
  public:
    explicit call_server(backend& store) : store_(store) {}

    /// The answer to one call.
    [[nodiscard]] std::string serve(std::string question) {
        wire_reader asked(std::move(question));
        wire_writer answer;
        try {
            answer(remote_answer::done);
            const auto what = asked.next<remote_call>();
            if (!serve_hub(what, asked, answer) && !serve_client(what, asked, answer)) {
                serve_worker(what, asked, answer);
            }
        } catch (const backend_error& failed) {
            wire_writer instead;
            instead(remote_answer::store_failed,
                    failed.code(),
                    std::string(failed.what()),
                    failed.sqlstate());
            return instead.bytes();
        }
        return answer.bytes();
    }

  private:
    using steady_time = std::chrono::steady_clock::time_point;

    bool serve_hub(remote_call what, wire_reader& asked, wire_writer& answer) {
        switch (what) {
            case remote_call::abilities:
                answer(store_.abilities());
                return true;
            case remote_call::create_hub:
                store_.create_hub();
                return true;
            case remote_call::delete_hub:
                store_.delete_hub();
                return true;
            case remote_call::status:
                answer(store_.status());
                return true;
            case remote_call::advance_clock:
                answer(advance_clock(store_, asked.next<duration>()));
                return true;
            case remote_call::identity:
                answer(store_.identity());
                return true;
            case remote_call::interrupt_waits:
                store_.interrupt_waits();
                return true;
            default:
                return false;
        }
    }

    bool serve_client(remote_call what, wire_reader& asked, wire_writer& answer) {
        switch (what) {
            case remote_call::create: {
                const auto instances = asked.next<std::vector<new_instance>>();
                answer(store_.create(next_request(asked), instances));
                return true;
            }
            case remote_call::send: {
                const auto messages = asked.next<std::vector<new_message>>();
                answer(store_.send(next_request(asked), messages));
                return true;
            }
            case remote_call::terminate: {
                const auto request = asked.next<request_id>();
                answer(store_.terminate(request, asked.next<std::vector<termination>>()));
                return true;
            }
            case remote_call::get:
                answer(store_.get(asked.next<std::vector<instance_id>>()));
                return true;
            case remote_call::query: {
                const auto filter = asked.next<instance_filter>();
                const auto limit = asked.next<std::size_t>();
                answer(store_.query(filter, limit, asked.next<std::string>()));
                return true;
            }
            case remote_call::read_history: {
                const auto id = asked.next<instance_id>();
                const auto from = asked.next<std::uint64_t>();
                answer(store_.read_history(id, from, asked.next<std::size_t>()));
                return true;
            }
            case remote_call::wait: {
                const auto id = asked.next<instance_id>();
                answer(store_.wait(id, asked.next<steady_time>()));
                return true;
            }
            case remote_call::purge:
                answer(store_.purge(asked.next<purge_request>()));
                return true;
            case remote_call::unpark: {
                const auto request = asked.next<request_id>();
                answer(store_.unpark(request, asked.next<std::vector<instance_id>>()));
                return true;
            }
            default:
                return false;
        }
    }

    void serve_worker(remote_call what, wire_reader& asked, wire_writer& answer) {
        switch (what) {
            case remote_call::lock:
                answer(store_.lock(next_request(asked)));
                return;
            case remote_call::commit: {
                const auto finished = asked.next<std::vector<finished_work>>();
                answer(store_.commit({finished, next_request(asked)}));
                return;
            }
            case remote_call::renew: {
                const auto worker = asked.next<worker_id>();
                filter_ = asked.next<std::optional<work_filter>>();
                const auto lease = asked.next<duration>();
                const auto items = asked.next<std::vector<held_item>>();
                answer(store_.renew({worker, filter_ ? &*filter_ : nullptr, lease, items}));
                return;
            }
            case remote_call::wait_for_work: {
                const auto token = asked.next<wake_token>();
                answer(store_.wait_for_work(token, asked.next<steady_time>()));
                return;
            }
            default:
                serve_return(what, asked, answer);
        }
    }

    void serve_return(remote_call what, wire_reader& asked, wire_writer& answer) {
        const auto request = asked.next<request_id>();
        if (what == remote_call::take_over) {
            store_.take_over(request, asked.next<std::vector<worker_id>>());
            return;
        }
        const auto items = asked.next<std::vector<held_item>>();
        lease_return returned{.request = request, .items = items};
        returned.kind = asked.next<return_kind>();
        returned.delay = asked.next<duration>();
        returned.reason = asked.next<std::string>();
        returned.needed = asked.next<feature_level>();
        answer(store_.return_leases(returned));
    }

    lock_request next_request(wire_reader& asked) {
        auto request = asked.next<lock_request>();
        filter_ = asked.next<std::optional<work_filter>>();
        request.filter = filter_ ? &*filter_ : nullptr;
        return request;
    }

    backend& store_;
    std::optional<work_filter> filter_;
};

void serve_calls() {
    const auto store = plugin_under_test().create(hub_config_as_given());
    call_server server(*store);
    std::string question;
    while (receive_piece(STDIN_FILENO, question)) {
        send_piece(STDOUT_FILENO, server.serve(std::move(question)));
    }
}

const process_role calls_server("calls", serve_calls);

}  // namespace

}  // namespace perdure::conformance
