#include "backend.hpp"

#include <perdure/plugin.hpp>

#include <memory>

namespace {

std::unique_ptr<perdure::backend> open_sqlite(const perdure::backend_config& config) {
    return std::make_unique<perdure::sqlite::sqlite_backend>(
        perdure::sqlite::read_settings(config));
}

}  // namespace

PERDURE_PLUGIN("sqlite", PERDURE_VERSION_TEXT, open_sqlite);
