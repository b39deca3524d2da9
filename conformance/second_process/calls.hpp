#pragma once

#include <cstdint>

namespace perdure::conformance {

/// The calls of the contract, as one process asks another for them.
enum class remote_call : std::uint8_t {
    abilities,
    create_hub,
    delete_hub,
    status,
    advance_clock,
    identity,
    create,
    send,
    terminate,
    get,
    query,
    read_history,
    wait,
    purge,
    unpark,
    lock,
    commit,
    renew,
    return_leases,
    take_over,
    wait_for_work,
    interrupt_waits,
};

/// What the first byte of an answer says.
enum class remote_answer : std::uint8_t { done, store_failed };

}  // namespace perdure::conformance
