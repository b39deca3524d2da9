#include "worker/sign_exchange.hpp"

#include <string>

namespace perdure::dispatch {

void sign_exchange::exchange() {
    const capabilities abilities = store_.abilities();
    if (has_exchanged_ || !abilities.durable || !abilities.multi_process) {
        return;
    }
    const std::uint64_t began = calls_.era();
    try {
        take_over_and_sign();
        has_exchanged_ = true;
    } catch (const backend_error& trouble) {
        // The keeper's next round tries again. Leases of the dead run out all the same.
        calls_.note_trouble(trouble, began);
        has_exchanged_ = !calls::may_pass(trouble);
    }
}

void sign_exchange::take_over_and_sign() {
    const std::string hub = store_.identity();
    const std::string directory = hub.empty() ? std::string() : life_sign_directory();
    if (!life_sign_) {
        life_sign_ = life_sign::leave(directory, hub, me_);
    }
    dead_workers dead(directory, hub);
    if (dead.ids().empty()) {
        return;
    }
    store_.take_over(request_id{random_uuid()}, dead.ids());
    dead.forget();
    if (log_.is_on()) {
        log_.write(log_event::leases_taken_over,
                   log_level::info,
                   {},
                   "leases of workers of this machine that died were taken over",
                   {{"workers", std::to_string(dead.ids().size())}});
    }
}

void sign_exchange::leave() {
    const std::uint64_t began = calls_.era();
    if (store_calls::was_away(began)) {
        return life_sign_.reset();  // Nobody waits for a store that does not answer.
    }
    try {
        store_.take_over(request_id{random_uuid()}, {&me_, 1});
    } catch (const backend_error& trouble) {
        // Then it is listed as live for one more lease.
        calls_.note_trouble(trouble, began);
    }
    life_sign_.reset();
}

}  // namespace perdure::dispatch
