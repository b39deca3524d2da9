#pragma once

#include "../output.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace perdure::tool {

// Ends the process when the code of one instance takes too long: nothing else can end a loop in it.
// One thread at a time.
class time_limit {
  public:
    time_limit(std::chrono::seconds limit, output_form form);
    time_limit(const time_limit&) = delete;
    time_limit& operator=(const time_limit&) = delete;
    ~time_limit();

    // Another instance, which has all of the time again.
    void begin(std::string_view instance, std::string_view definition);

    // Calls what executes the code of the instance.
    template <class Function>
    auto watch(Function&& function) {
        const watched_call call(*this);
        return std::forward<Function>(function)();
    }

  private:
    using clock = std::chrono::steady_clock;

    class watched_call {
      public:
        explicit watched_call(time_limit& owner) : owner_(owner) { owner_.start(); }
        watched_call(const watched_call&) = delete;
        watched_call& operator=(const watched_call&) = delete;
        ~watched_call() { owner_.stop(); }

      private:
        time_limit& owner_;
    };

    void start();
    void stop();
    void look_from_time_to_time();
    [[noreturn]] void end_process() const;

    const std::chrono::seconds limit_;
    const output_form form_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_over_ = false;
    std::string instance_;
    std::string definition_;
    // Of the instance, in the calls before this one.
    clock::duration used_{};
    bool is_called_ = false;
    clock::time_point since_{};
    std::thread watcher_;
};

}  // namespace perdure::tool
