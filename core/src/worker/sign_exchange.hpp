#pragma once

#include "worker/dead_workers.hpp"
#include "worker/store_calls.hpp"

#include <perdure/backend.hpp>

#include <memory>

namespace perdure::dispatch {

/// How the workers of one machine learn of each other's deaths: a worker takes over from the dead
/// ones, and leaves the sign by which its own death will be known. One thread at a time: first the
/// worker's start, then its lease keeper, then its stop.
class sign_exchange {
  public:
    sign_exchange(backend& store, store_calls& calls, const engine_log& log, const worker_id& me)
        : store_(store), calls_(calls), log_(log), me_(me) {}
    sign_exchange(const sign_exchange&) = delete;
    sign_exchange& operator=(const sign_exchange&) = delete;
    ~sign_exchange() = default;

    /// To be repeated: it does nothing more once the store has answered.
    void exchange();
    /// Nothing is held any more: this worker is not listed as live from now on. What the store
    /// could not take back is free at once.
    void leave();

  private:
    void take_over_and_sign();

    backend& store_;
    store_calls& calls_;
    const engine_log& log_;
    const worker_id me_;
    std::unique_ptr<life_sign> life_sign_;
    bool has_exchanged_ = false;
};

}  // namespace perdure::dispatch
