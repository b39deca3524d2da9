#include "order.hpp"

#include <csignal>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <unistd.h>
#include <utility>

outside_world::outside_world(std::string ledger, std::string crash_after)
    : ledger_(std::move(ledger)), crash_after_(std::move(crash_after)) {}

void outside_world::effect(const perdure::activity_context& ctx, const order& wanted) {
    const std::lock_guard guard(mutex_);
    const auto key = ctx.idempotency_key();
    if (was_done(key)) {
        append("(" + ctx.name + " was asked for again with key " + key + ": nothing done)");
        return;
    }
    append(ctx.name + " " + wanted.article + " for " + wanted.number + ", key " + key);
    effects_ += 1;
    if (ctx.name == crash_after_) {
        std::cout << "  ... and here the process is killed with SIGKILL" << std::endl;
        ::kill(::getpid(), SIGKILL);
    }
}

int outside_world::effects() {
    const std::lock_guard guard(mutex_);
    return effects_;
}

bool outside_world::was_done(const std::string& key) const {
    std::ifstream ledger(ledger_);
    for (std::string line; std::getline(ledger, line);) {
        if (line.ends_with(", key " + key)) {
            return true;
        }
    }
    return false;
}

void outside_world::append(const std::string& line) const {
    std::cout << "  " << line << std::endl;
    if (!ledger_.empty()) {
        std::ofstream ledger(ledger_, std::ios::app);
        ledger << line << std::endl;
        if (!ledger) {
            throw std::runtime_error("cannot write to the ledger " + ledger_);
        }
    }
}

order_arguments::order_arguments(const std::vector<std::string>& words) {
    std::vector<std::string> plain;
    for (std::size_t at = 0; at < words.size(); ++at) {
        std::string* const option = words[at] == "--hub"           ? &hub
                                    : words[at] == "--ledger"      ? &ledger
                                    : words[at] == "--crash-after" ? &crash_after
                                                                   : nullptr;
        if (option == nullptr) {
            plain.push_back(words[at]);
        } else if (at + 1 < words.size()) {
            *option = words[++at];
        } else {
            throw std::runtime_error(words[at] + " needs a value");
        }
    }
    if (plain.size() == 2 && plain[0] == "start") {
        verb = "start";
        number = plain[1];
    } else if (plain.size() == 1 && plain[0] == "work") {
        verb = "work";
    } else if (plain.size() == 1 && plain[0].find(':') != std::string::npos) {
        hub = plain[0];
    } else if (!plain.empty()) {
        throw std::runtime_error(
            "usage: 06_order [--hub HUB] [--ledger FILE] [--crash-after ACTIVITY] "
            "[start ORDER | work]");
    }
}
