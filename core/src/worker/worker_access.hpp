#pragma once

#include "replay/definition_source.hpp"

#include <perdure/worker.hpp>

#include <memory>

namespace perdure {
inline namespace v1 {
namespace detail {

/// Makes workers with what the public constructor does not offer.
struct PERDURE_EXPORT worker_access {
    /// Executes what the registry has, and what the source has at each time. The source lives as
    /// long as the worker's last thread, at least.
    [[nodiscard]] static std::unique_ptr<worker> make(
        hub where,
        registry what,
        worker_options options,
        std::shared_ptr<const replay::definition_source> changing);
};

}  // namespace detail
}  // namespace v1
}  // namespace perdure
