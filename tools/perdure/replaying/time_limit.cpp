#include "time_limit.hpp"

#include <cstdlib>
#include <string>
#include <unistd.h>

namespace perdure::tool {

time_limit::time_limit(std::chrono::seconds limit, output_form form)
    : limit_(limit), form_(form), watcher_([this] { look_from_time_to_time(); }) {}

time_limit::~time_limit() {
    {
        const std::lock_guard guard(mutex_);
        is_over_ = true;
    }
    changed_.notify_one();
    watcher_.join();
}

void time_limit::begin(std::string_view instance, std::string_view definition) {
    const std::lock_guard guard(mutex_);
    instance_ = instance;
    definition_ = definition;
    used_ = {};
}

void time_limit::start() {
    const std::lock_guard guard(mutex_);
    is_called_ = true;
    since_ = clock::now();
}

void time_limit::stop() {
    const std::lock_guard guard(mutex_);
    is_called_ = false;
    used_ += clock::now() - since_;
}

void time_limit::look_from_time_to_time() {
    std::unique_lock lock(mutex_);
    const auto pause = std::chrono::duration_cast<clock::duration>(limit_) / 20;
    while (!changed_.wait_for(lock, pause, [this] { return is_over_; })) {
        if (is_called_ && used_ + (clock::now() - since_) > limit_) {
            end_process();
        }
    }
}

// The code may hold any lock, those of the streams as well, and its destructors may never end.
void time_limit::end_process() const {
    const std::string problem =
        "the code neither waits nor ends within " + std::to_string(limit_.count()) + " s";
    const auto put = [](int file, const std::string& text) {
        static_cast<void>(::write(file, text.data(), text.size()) < 0);
    };
    put(STDERR_FILENO,
        "perdure: instance \"" + one_line(instance_, 300) + "\" (" + one_line(definition_, 300) +
            "): " + problem + " (--time-limit); what follows it was not replayed\n");
    if (form_ == output_form::json) {
        put(STDOUT_FILENO,
            json_object()
                    .text("line", "endless")
                    .text("instance", instance_)
                    .text("problem", problem)
                    .finish() +
                '\n');
    }
    std::_Exit(exit_code::endless);
}

}  // namespace perdure::tool
