#include "backend.hpp"

#include <perdure/plugin.hpp>

#include <memory>

namespace {

std::unique_ptr<perdure::backend> open_postgres(const perdure::backend_config& config) {
    return std::make_unique<perdure::postgres::postgres_backend>(
        perdure::postgres::read_settings(config));
}

}  // namespace

PERDURE_PLUGIN("postgres", PERDURE_VERSION_TEXT, open_postgres);
