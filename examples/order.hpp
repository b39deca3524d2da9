#pragma once

#include <perdure/activity.hpp>
#include <perdure/codec_cereal.hpp>

#include <cereal/types/string.hpp>

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

// What 06_order.cpp needs beside its orchestration: the order, the world outside, the command line.

struct order {
    std::string number;
    std::string article;
    std::int64_t cents = 0;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(CEREAL_NVP(number), CEREAL_NVP(article), CEREAL_NVP(cents));
    }
};

// Everything that the activities do to the world, as lines of a text file. Many threads may call
// it.
class outside_world {
  public:
    // Without a ledger the lines go nowhere but to standard output. The process kills itself right
    // after the effect of the activity named by `crash_after`, before anybody can record it.
    outside_world(std::string ledger, std::string crash_after);

    // Does what the activity is named after, unless the ledger shows that it was done under this
    // call's idempotency key before.
    void effect(const perdure::activity_context& ctx, const order& wanted);
    // How many effects this process had.
    [[nodiscard]] int effects();

  private:
    [[nodiscard]] bool was_done(const std::string& key) const;
    void append(const std::string& line) const;

    std::mutex mutex_;
    std::string ledger_;
    std::string crash_after_;
    int effects_ = 0;
};

// Throws `std::runtime_error` with the usage.
struct order_arguments {
    explicit order_arguments(const std::vector<std::string>& words);

    std::string hub = "memory:";
    std::string ledger;
    std::string crash_after;
    // "start", "work", or empty for both.
    std::string verb;
    std::string number = "order-1";
};
