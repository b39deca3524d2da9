#pragma once

#include "../output.hpp"

#include <cstddef>
#include <string>
#include <vector>

// `perdure bench`: how fast this machine and this backend are, in numbers that can be compared.

namespace perdure::tool {

enum class floor_program { left_out, executed };

struct bench_command {
    std::string hub;
    std::string workload;
    // 0: as many as take some seconds.
    std::size_t count = 0;
    // Of sequence and noop: rounds of that count follow each other until so much time is over.
    unsigned seconds = 0;
    // Worker processes; 0: the worker is in this process.
    unsigned workers = 0;
    floor_program floor = floor_program::left_out;
    output_form form = output_form::text;
};

// The names that `workload` may have.
[[nodiscard]] std::vector<std::string> bench_workloads();

int bench(const bench_command& given);

// What a worker process of a bench does, until its standard input is closed.
int work_for_bench(const std::string& hub);

}  // namespace perdure::tool
