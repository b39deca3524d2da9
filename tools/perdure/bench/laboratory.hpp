#pragma once

#include "bench.hpp"
#include "measurement.hpp"
#include "workforce.hpp"

#include <perdure/client.hpp>

#include <span>
#include <string>
#include <vector>

namespace perdure::tool {

// What every workload needs: the hub, a client, workers, and how to wait for many instances.
class laboratory {
  public:
    // Opens the hub; throws `invalid_input` when it holds anything but earlier benchmarks.
    explicit laboratory(const bench_command& given);

    [[nodiscard]] const bench_command& given() const noexcept { return given_; }
    [[nodiscard]] const hub& where() const noexcept { return where_; }
    [[nodiscard]] client& starter() noexcept { return starter_; }
    // The count asked for, or this one.
    [[nodiscard]] std::size_t count_or(std::size_t usual) const;
    [[nodiscard]] progress_bar::visibility progress() const;

    // Puts the workers to work, and notes from where to count what they use.
    void begin_work();
    // A measurement with all that is the same for every workload.
    [[nodiscard]] measurement measured(std::size_t count, double seconds);
    // Ends the workers.
    void end_work() { workers_.reset(); }
    [[nodiscard]] resource_use use() { return workers_->use(); }

    [[nodiscard]] std::vector<instance_id> start_all(const orchestrator<std::uint32_t, void>& what,
                                                     std::span<const std::uint32_t> inputs);
    // Waits until all have completed, and returns what the hub knows of them; throws `error` when
    // one failed. `activities` is how many they execute in total.
    [[nodiscard]] std::vector<instance_record> wait_for_all(std::span<const instance_id> ids,
                                                            std::uint64_t activities);

  private:
    void wait_for(const instance_id& id, progress_bar& bar, std::uint64_t activities);

    bench_command given_;
    hub where_;
    client starter_;
    std::unique_ptr<workforce> workers_;
    resource_use at_begin_;
    std::uint64_t seen_at_begin_ = 0;
};

// A hub beside the one that is measured, for comparisons; deleted with its files at the end.
class hub_beside {
  public:
    hub_beside(const laboratory& lab, const std::string& suffix);
    hub_beside(const hub_beside&) = delete;
    hub_beside& operator=(const hub_beside&) = delete;
    ~hub_beside();

    [[nodiscard]] const hub& where() const noexcept { return where_; }

  private:
    backend_config config_;
    hub where_;
};

}  // namespace perdure::tool
