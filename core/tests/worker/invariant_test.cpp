#include "samples.hpp"

#include <perdure/client.hpp>
#include <perdure/kit/forwarding_backend.hpp>
#include <perdure/worker.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>

// A store that says what cannot be: the instance is parked with the reason, nothing of its turn is
// stored, and everything else goes on.

namespace perdure {
namespace {

using namespace testing;

/// Changes the turns that it hands out, until it is told to stop.
class lying_backend final : public forwarding_backend {
  public:
    using lie = std::function<void(orchestration_work&)>;

    lying_backend(backend& inner, lie how) : forwarding_backend(inner), how_(std::move(how)) {}

    work_batch lock(const lock_request& request) override { return lied(inner().lock(request)); }
    commit_result commit(const commit_request& request) override {
        commit_result answer = inner().commit(request);
        answer.work = lied(std::move(answer.work));
        return answer;
    }
    create_result create(const lock_request& next,
                         std::span<const new_instance> instances) override {
        create_result answer = inner().create(next, instances);
        answer.work = lied(std::move(answer.work));
        return answer;
    }
    send_result send(const lock_request& next, std::span<const new_message> messages) override {
        send_result answer = inner().send(next, messages);
        answer.work = lied(std::move(answer.work));
        return answer;
    }
    void tell_the_truth() { is_lying_ = false; }

  private:
    work_batch lied(work_batch batch) {
        for (orchestration_work& each : batch.orchestrations) {
            if (is_lying_ && each.instance.text() == "victim") {
                how_(each);
            }
        }
        return batch;
    }

    const lie how_;
    std::atomic<bool> is_lying_{true};
};

start_options as_victim() {
    start_options options;
    options.id = instance_id("victim");
    return options;
}

/// Why the victim is parked; afterwards the store tells the truth, and both instances complete.
std::string reason_of(lying_backend::lie how) {
    const hub inner = a_hub();
    const auto store = std::make_shared<lying_backend>(inner.store(), std::move(how));
    const hub where(store, "lying:");
    client c(where);
    const auto victim = c.start(hello, "victim", as_victim());
    const auto other = c.start(hello, "other");
    worker w(where, a_registry(), quick());
    w.start();

    std::string reason;
    while (reason.empty()) {
        reason = c.get(victim)->parked_reason;
    }

    CHECK(c.get(victim)->status == orchestration_status::pending);
    CHECK(c.wait<std::string>(other, 20s) == "Hello, other!");
    store->tell_the_truth();
    CHECK(c.unpark(victim));
    CHECK(c.wait<std::string>(victim, 20s) == "Hello, victim!");
    return reason;
}

TEST_CASE("a message that is handed out twice parks the instance", "[worker][invariant]") {
    const std::string reason = reason_of([](orchestration_work& work) {
        work.inbox.push_back({.sequence = 7, .event = R"({"type":"event_raised","name":"x"})"});
        work.inbox.push_back(
            {.sequence = 900'000, .event = R"({"type":"event_raised","name":"x"})"});
        work.inbox.push_back(work.inbox[work.inbox.size() - 2]);
    });

    CHECK_THAT(reason, Catch::Contains("handed out a message twice"));
}

TEST_CASE("a history of another length than the store says parks the instance",
          "[worker][invariant]") {
    CHECK_THAT(reason_of([](orchestration_work& work) { --work.history_length; }),
               Catch::Contains("has 1 events") && Catch::Contains("says that it has 0"));
    CHECK_THAT(reason_of([](orchestration_work& work) { ++work.history_length; }),
               Catch::Contains("ends after 1 events"));
}

}  // namespace
}  // namespace perdure
