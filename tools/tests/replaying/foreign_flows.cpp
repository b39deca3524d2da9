#include <perdure/flows.hpp>
#include <perdure/registry.hpp>

// A library that is refused, for one reason: see CMakeLists.txt.

#ifndef TEST_MAGIC
#define TEST_MAGIC ::perdure::flows_magic
#endif
#ifndef TEST_SIZE
#define TEST_SIZE sizeof(::perdure::flows_descriptor)
#endif
#ifndef TEST_FINGERPRINT
#define TEST_FINGERPRINT PERDURE_BUILD_FINGERPRINT
#endif
#ifndef TEST_SYMBOL
#define TEST_SYMBOL perdure_flows
#endif
#ifndef TEST_FUNCTION
#define TEST_FUNCTION add
#endif

[[maybe_unused]] static void add(perdure::registry& /*known*/) {}

extern "C" __attribute__((visibility("default"))) const perdure::flows_descriptor TEST_SYMBOL;
const perdure::flows_descriptor TEST_SYMBOL = {
    TEST_MAGIC, TEST_SIZE, TEST_FINGERPRINT, TEST_FUNCTION};
