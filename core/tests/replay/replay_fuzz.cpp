#include "mutated_history.hpp"
#include "sample_orchestrations.hpp"

// libFuzzer's target over histories: bytes choose a recorded history and how it is changed.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const perdure::registry known = perdure::test::sample_orchestrations();
    static const auto histories =
        perdure::test::recorded_histories(known, std::string(PERDURE_TEST_DATA) + "/histories");
    static_cast<void>(perdure::test::replay_mutated(known, histories, {data, size}));
    return 0;
}
