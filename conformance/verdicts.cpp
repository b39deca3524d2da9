#define CATCH_CONFIG_EXTERNAL_INTERFACES
#include "verdicts.hpp"

#include "fixture.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <condition_variable>
#include <fstream>
#include <iostream>
#include <mutex>
#include <thread>
#include <unistd.h>

// What becomes of each test, and the end of those that do not end.

namespace perdure::conformance {

namespace {

/// Guards what the runner and the watchdog share.
struct shared_state {
    std::mutex mutex;
    std::condition_variable_any changed;
    test_results finished;
    /// What is executed now, as it counts if it does not end.
    std::optional<test_result> running;
    std::chrono::steady_clock::time_point limit;
};

shared_state& shared() {
    static shared_state all;
    return all;
}

std::chrono::seconds time_limit(const Catch::TestCaseInfo& test) {
    const bool is_long = std::ranges::count(test.tags, "long") != 0;
    return std::chrono::seconds((is_long ? 600 : 120) * budgeted({1, 10, 60}));
}

[[noreturn]] void give_up(std::unique_lock<std::mutex>& lock) {
    shared().finished.push_back(*shared().running);
    const std::string name = shared().running->name;
    lock.unlock();
    std::cout << "\nFAILED: \"" << name << "\" has not ended within its time limit\n"
              << recent_notes();
    static_cast<void>(report_results());
    std::cout.flush();
    _exit(1);
}

/// Ends the program, with a verdict, when a test takes longer than it may.
class watchdog {
  public:
    // What it waits for exists before it and longer.
    watchdog() : state_(shared()), thread_([](const std::stop_token& end) { watch(end); }) {}

  private:
    static void watch(const std::stop_token& end) {
        std::unique_lock lock(shared().mutex);
        while (!end.stop_requested()) {
            if (!shared().running) {
                shared().changed.wait(lock, end, [] { return shared().running.has_value(); });
            } else if (std::chrono::steady_clock::now() >= shared().limit) {
                give_up(lock);
            } else {
                const auto limit = shared().limit;
                shared().changed.wait_until(
                    lock, end, limit, [&] { return shared().limit != limit || !shared().running; });
            }
        }
    }

    [[maybe_unused]] shared_state& state_;
    std::jthread thread_;
};

/// Catch2 2 cannot skip; a test that is skipped warns of it.
class verdict_listener final : public Catch::TestEventListenerBase {
  public:
    using TestEventListenerBase::TestEventListenerBase;

    void testCaseStarting(const Catch::TestCaseInfo& test) override {
        static const watchdog watching;
        forget_notes();
        test_result begun{test.name, theme_of(test.lineInfo.file), {}, verdict::failed, {}};
        for (const std::string& tag : test.tags) {
            begun.clauses.push_back(tag);
        }
        const std::lock_guard guard(shared().mutex);
        shared().running = std::move(begun);
        shared().limit = std::chrono::steady_clock::now() + time_limit(test);
        shared().changed.notify_all();
    }

    bool assertionEnded(const Catch::AssertionStats& stats) override {
        static const std::string mark = "skipped: ";
        const auto& result = stats.assertionResult;
        const std::string text = result.getMessage();
        if (result.getResultType() == Catch::ResultWas::Warning && text.rfind(mark, 0) == 0) {
            skipped_because_ = text.substr(mark.size());
        }
        if (!result.isOk() && !recent_notes().empty()) {
            std::cout << "The last calls before the failure that follows:\n" << recent_notes();
        }
        return true;
    }

    // A backend that never does what was waited for is not given the same time again and again.
    void sectionEnded(const Catch::SectionStats& stats) override {
        const std::chrono::duration<double> took(stats.durationInSeconds);
        if (stats.assertions.failed != 0 && took >= patience) {
            patience = std::max<duration>(patience / 2, 1s);
        }
    }

    void testCaseEnded(const Catch::TestCaseStats& stats) override {
        const std::lock_guard guard(shared().mutex);
        test_result ended = *std::exchange(shared().running, std::nullopt);
        ended.found = stats.totals.assertions.failed != 0 ? verdict::failed
                      : skipped_because_.empty()          ? verdict::passed
                                                          : verdict::skipped;
        ended.reason = std::exchange(skipped_because_, {});
        shared().finished.push_back(std::move(ended));
        shared().changed.notify_all();
    }

  private:
    std::string skipped_because_;
};

CATCH_REGISTER_LISTENER(verdict_listener)

}  // namespace

test_results results_until_now() {
    const std::lock_guard guard(shared().mutex);
    return shared().finished;
}

bool report_results() {
    const test_results results = results_until_now();
    print_table(std::cout, results);
    if (used().report.empty()) {
        return true;
    }
    std::ofstream file(used().report);
    write_certificate(file, results);
    return static_cast<bool>(file.flush());
}

}  // namespace perdure::conformance
