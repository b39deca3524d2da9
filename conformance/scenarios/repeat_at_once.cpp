#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <barrier>
#include <cstddef>
#include <future>
#include <set>

using namespace perdure;
using namespace perdure::conformance;

// A caller that has lost patience repeats a call while the first is still under way. None of these
// calls meets another at an instance, so only the request id can tell them apart.

namespace {

constexpr std::size_t thread_count = 8;

/// What threads are told that make one call at the same moment.
template <class Call>
auto answers_at_once(Call call) {
    std::barrier begin(static_cast<std::ptrdiff_t>(thread_count));
    std::vector<std::future<decltype(call())>> threads;
    for (std::size_t n = 0; n < thread_count; ++n) {
        threads.push_back(std::async(std::launch::async, [&] {
            begin.arrive_and_wait();
            return call();
        }));
    }
    std::vector<decltype(call())> answers;
    for (auto& thread : threads) {
        answers.push_back(thread.get());
    }
    return answers;
}

template <class Answer>
bool are_equal(const std::vector<Answer>& answers) {
    return std::adjacent_find(answers.begin(), answers.end(), std::not_equal_to<>()) ==
           answers.end();
}

std::set<lease_token> tokens_of(const work_batch& batch) {
    std::set<lease_token> tokens;
    for (const orchestration_work& work : batch.orchestrations) {
        tokens.insert(work.held.token);
    }
    return tokens;
}

std::size_t rounds() {
    return budgeted({20, 100, 1000});
}

}  // namespace

TEST_CASE_METHOD(fixture,
                 "calls about nobody that are repeated at once have the same answers",
                 "[REPEAT-1]") {
    for (std::size_t round = 0; round < rounds(); ++round) {
        const request_id request = a_request();
        const instance_id nobody = an_id();
        const new_message message = a_message(nobody);
        const termination wish = a_termination(nobody);
        purge_request removal;
        removal.request = a_request();
        removal.instances = {nobody};

        const auto sent = answers_at_once([&] {
            return store.send({request}, {&message, 1}).outcomes;
        });
        const request_id end = a_request();
        const auto ended = answers_at_once([&] { return store.terminate(end, {&wish, 1}); });
        const request_id release = a_request();
        const auto released = answers_at_once([&] { return store.unpark(release, {&nobody, 1}); });
        const auto purged = answers_at_once([&] { return store.purge(removal).outcomes; });

        REQUIRE(sent.front() == std::vector{send_outcome::no_such_instance});
        REQUIRE(are_equal(sent));
        REQUIRE(ended.front() == std::vector{terminate_outcome::no_such_instance});
        REQUIRE(are_equal(ended));
        REQUIRE(released.front() == std::vector{unpark_outcome::no_such_instance});
        REQUIRE(are_equal(released));
        REQUIRE(purged.front() == std::vector{purge_outcome::no_such_instance});
        REQUIRE(are_equal(purged));
    }
}

TEST_CASE_METHOD(fixture,
                 "a lock or commit that is repeated at once hands out the same items",
                 "[REPEAT-1][LOCK-1]") {
    constexpr std::size_t room_of_one = 2;
    std::set<lease_token> all;
    for (std::size_t round = 0; round < rounds(); ++round) {
        const auto create = [&](std::size_t count) {
            std::vector<new_instance> fresh;
            for (std::size_t n = 0; n < count; ++n) {
                fresh.push_back(a_new_instance());
            }
            REQUIRE(store.create({a_request()}, fresh).outcomes.size() == fresh.size());
        };
        const lock_request wanted = request({room_of_one, 0});
        const lock_request next = request({room_of_one, 0});

        create(room_of_one);
        const auto locked = answers_at_once([&] { return tokens_of(store.lock(wanted)); });
        // Enough for each of them, so that none finds only what another one holds at that moment.
        create(room_of_one * thread_count);
        const auto handed =
            answers_at_once([&] { return tokens_of(commit_to(store, {}, {}, next).work); });

        REQUIRE(locked.front().size() == room_of_one);
        REQUIRE(are_equal(locked));
        REQUIRE(handed.front().size() == room_of_one);
        REQUIRE(are_equal(handed));
        all.insert(locked.front().begin(), locked.front().end());
        all.insert(handed.front().begin(), handed.front().end());
        REQUIRE(all.size() == 2 * room_of_one * (round + 1));
    }
}
