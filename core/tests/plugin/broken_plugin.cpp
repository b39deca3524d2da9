#include <perdure/plugin.hpp>

#include <stdexcept>

// A plugin with one fault, chosen by the build: see CMakeLists.txt.

#ifndef TEST_MAGIC
#define TEST_MAGIC ::perdure::plugin_magic
#endif
#ifndef TEST_SIZE
#define TEST_SIZE sizeof(::perdure::plugin_descriptor)
#endif
#ifndef TEST_CONTRACT
#define TEST_CONTRACT ::perdure::contract_version
#endif
#ifndef TEST_FINGERPRINT
#define TEST_FINGERPRINT PERDURE_BUILD_FINGERPRINT
#endif
#ifndef TEST_SYMBOL
#define TEST_SYMBOL perdure_plugin
#endif

static std::unique_ptr<perdure::backend> create(const perdure::backend_config& config) {
    perdure::option_reader(config).finish();
#ifdef TEST_FOREIGN
    throw std::runtime_error("from another world");
#else
    throw perdure::backend_error(perdure::store_fault::unavailable, "nobody is at home");
#endif
}

extern "C" __attribute__((visibility("default"))) const perdure::plugin_descriptor TEST_SYMBOL;
const perdure::plugin_descriptor TEST_SYMBOL = {
    TEST_MAGIC, TEST_SIZE, TEST_CONTRACT, TEST_FINGERPRINT, "broken", "1.0", create};
