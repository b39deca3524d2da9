#pragma once

#include <perdure/export.hpp>

namespace perdure::dispatch {

class engine_log;

/// While it lives, its thread is inside a worker: one of the worker's own threads, or one that the
/// worker is calling user code on. From there nobody can wait for the worker's end. Scopes nest, of
/// one worker or of several. A worker is known by its log.
class PERDURE_EXPORT inside_worker {
  public:
    explicit inside_worker(const engine_log& worker) noexcept;
    inside_worker(const inside_worker&) = delete;
    inside_worker& operator=(const inside_worker&) = delete;
    ~inside_worker();

    /// Whether the calling thread is inside this worker.
    [[nodiscard]] static bool is(const engine_log& worker) noexcept;

  private:
    const engine_log& worker_;
    const inside_worker* const outer_;
};

}  // namespace perdure::dispatch
