#define CATCH_CONFIG_FAST_COMPILE
#include "load.hpp"
#include "soundness.hpp"

#include "engine/orchestrations.hpp"
#include "fixture.hpp"

#include <perdure/history_codec.hpp>

#include <catch2/catch.hpp>

#include <iostream>
#include <map>

namespace perdure::conformance {

namespace {

constexpr std::size_t starts_at_once = 5;

std::string result_of_steps() {
    int value = 1;
    for (int step = 0; step < load::steps; ++step) {
        value = value * value % 1000 + 1;
    }
    return std::to_string(value);
}

std::vector<instance_id> all_of(const hub& where) {
    std::vector<instance_id> all;
    std::string after;
    do {
        const instance_page page = where.store().query({}, batch_items_max, after);
        for (const instance_record& found : page.instances) {
            all.push_back(found.instance);
        }
        after = page.next;
    } while (!after.empty());
    return all;
}

/// Whether each step was scheduled and completed once, and the instance ended once.
bool happened_once(const std::vector<history_event>& history) {
    std::map<std::uint64_t, int> scheduled;
    std::map<std::uint64_t, int> completed;
    int ends = 0;
    for (const history_event& event : history) {
        scheduled[event.task.value] += event.kind == event_kind::task_scheduled ? 1 : 0;
        completed[event.task.value] += event.kind == event_kind::task_completed ? 1 : 0;
        ends += event.kind == event_kind::execution_completed ? 1 : 0;
    }
    bool is_once = ends == 1;
    for (std::uint64_t step = 1; step <= load::steps; ++step) {
        is_once = is_once && scheduled[step] == 1 && completed[step] == 1;
    }
    return is_once;
}

}  // namespace

load::load(const hub& where, std::size_t clients, kind what) : where_(where), what_(what) {
    for (std::size_t n = 0; n < clients; ++n) {
        clients_.emplace_back([this](const std::stop_token& stop) { work_until(stop); });
    }
}

void load::work_until(const std::stop_token& stop) {
    client through(where_);
    while (!stop.stop_requested()) {
        try {
            start_some(through);
        } catch (const std::exception& wrong) {
            const std::lock_guard guard(mutex_);
            refusals_.emplace_back(wrong.what());
            return;
        }
    }
}

void load::start_some(client& through) {
    const std::vector<int> inputs(starts_at_once, steps);
    const auto started = what_ == kind::sequences
                             ? through.start_many(sequence, std::span(inputs))
                             : through.start_many(random_words, std::span(inputs));
    {
        const std::lock_guard guard(mutex_);
        acknowledged_.insert(acknowledged_.end(), started.begin(), started.end());
    }
    for (const instance_id& id : started) {
        wait_for_end(through, id);
    }
    const std::lock_guard guard(mutex_);
    ended_ += started.size();
    changed_.notify_all();
}

void load::wait_for_end(client& through, const instance_id& id) const {
    try {
        static_cast<void>(through.wait_for_end(id, patience));
    } catch (const no_such_instance&) {
        if (what_ == kind::sequences) {
            throw;
        }
    }
}

bool load::goes_on(std::size_t count) {
    std::unique_lock guard(mutex_);
    const std::size_t wanted = ended_ + count;
    return changed_.wait_for(guard, patience, [&] { return ended_ >= wanted; });
}

void load::finish() {
    clients_.clear();
}

duration patience_with_many() {
    return is_budget("soak") ? duration(std::chrono::hours(2)) : duration(std::chrono::minutes(2));
}

void check_exactly_once(const hub& where, const std::vector<instance_id>& started) {
    client clients(where);
    const std::string result = result_of_steps();
    for (const instance_id& id : started) {
        INFO("instance " << id.text() << ", seed " << seed());
        const instance_record ended = clients.wait_for_end(id, patience_with_many(), false);
        REQUIRE(ended.status == orchestration_status::completed);
        REQUIRE(ended.output.bytes == result);
        REQUIRE(happened_once(clients.history(id)));
    }
    CHECK(all_of(where).size() == started.size());
    std::cout << "  " << started.size() << " orchestrations of " << load::steps
              << " activities, each exactly once\n";
    CHECK(faults_of(where) == "");
}

void check_random_words(const hub& where) {
    client clients(where);
    const std::vector<instance_id> all = all_of(where);
    for (const instance_id& id : all) {
        INFO("instance " << id.text() << ", seed " << seed());
        const instance_record ended = clients.wait_for_end(id, patience_with_many(), false);
        REQUIRE(ended.status == orchestration_status::completed);
        REQUIRE(codec<std::string>::decode(ended.output) == words_of(clients.history(id)));
        REQUIRE(happened_once(clients.history(id)));
    }
    std::cout << "  " << all.size() << " orchestrations of " << load::steps
              << " activities, with the results that their histories have\n";
    CHECK(faults_of(where) == "");
}

void check_exactly_once(const hub& where, load& clients) {
    clients.finish();
    CHECK(clients.refusals() == std::vector<std::string>());
    check_exactly_once(where, clients.acknowledged());
}

}  // namespace perdure::conformance
