#include "backend.hpp"

#include <perdure/plugin.hpp>

using namespace perdure::memory;

// The hubs that have a name, for as long as somebody has them open: the one mutable global, because
// a name has to mean the same everywhere in the process.
static std::shared_ptr<store> open_store(const std::string& name) {
    static std::mutex mutex;
    static std::map<std::string, std::weak_ptr<store>> open_hubs;
    const std::lock_guard guard(mutex);
    auto hub = name.empty() ? nullptr : open_hubs[name].lock();
    if (!hub) {
        hub = std::make_shared<store>();
    }
    if (!name.empty()) {
        open_hubs[name] = hub;
    }
    return hub;
}

static std::unique_ptr<perdure::backend> open_memory(const perdure::backend_config& config) {
    perdure::option_reader options(config);
    const bool has_test_clock = options.flag("test_clock", false);
    options.finish();
    const auto clock = has_test_clock ? memory_backend::clock::test : memory_backend::clock::real;
    return std::make_unique<memory_backend>(open_store(config.address), clock);
}

PERDURE_PLUGIN("memory", PERDURE_VERSION_TEXT, open_memory);
