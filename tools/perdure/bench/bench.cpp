#include "bench.hpp"

#include "workloads.hpp"

#include <algorithm>
#include <array>
#include <iostream>
#include <string_view>

namespace perdure::tool {
namespace {

struct workload {
    std::string_view name;
    measurement (*measure)(laboratory& lab);
};

constexpr std::array<workload, 7> workloads = {{{"sequence", measure_sequence},
                                                {"noop", measure_noop},
                                                {"latency", measure_latency},
                                                {"fanout", measure_fan_out},
                                                {"long", measure_long},
                                                {"idle", measure_idle},
                                                {"replay", measure_replay}}};

}  // namespace

std::vector<std::string> bench_workloads() {
    std::vector<std::string> names;
    for (const auto& one : workloads) {
        names.emplace_back(one.name);
    }
    return names;
}

int bench(const bench_command& given) {
    const auto chosen = std::find_if(workloads.begin(), workloads.end(), [&](const workload& one) {
        return one.name == given.workload;
    });
    if (chosen == workloads.end()) {
        throw invalid_input("--workload: there is no '" + given.workload + "'");
    }
    if (given.seconds > 0 && given.workload != "sequence" && given.workload != "noop") {
        throw invalid_input("--seconds: only sequence and noop can be repeated, not '" +
                            given.workload + "'");
    }
    measurement result;
    {
        laboratory lab(given);
        result = chosen->measure(lab);
    }
    if (given.floor == floor_program::executed) {
        const auto floor = measure_floor(given.hub, result.count);
        if (!floor) {
            throw invalid_input("--floor: this backend brings no floor program");
        }
        result.floor_orchestrations_per_second = floor;
        if (result.orchestrations_per_second) {
            result.floor_ratio = *result.orchestrations_per_second / *floor;
        }
    }
    if (given.form == output_form::json) {
        std::cout << result.to_json() << '\n';
    } else {
        result.print();
    }
    return exit_code::done;
}

}  // namespace perdure::tool
