#include "nouns/invariant.hpp"

#include <perdure/backend_error.hpp>
#include <perdure/codec.hpp>
#include <perdure/failure.hpp>
#include <perdure/history_codec.hpp>

// Out-of-line destructors: the type information of an exception lives in core alone, so that it is
// the same for plugins and hosts.

namespace perdure {
inline namespace v1 {

error::~error() = default;
invalid_input::~invalid_input() = default;
payload_error::~payload_error() = default;
history_error::~history_error() = default;
unknown_event_kind::~unknown_event_kind() = default;

task_failed::task_failed(failure reason)
    : error(reason.message), reason_(std::make_shared<const failure>(std::move(reason))) {}
task_failed::~task_failed() = default;
activity_failed::~activity_failed() = default;
child_failed::~child_failed() = default;
task_cancelled::~task_cancelled() = default;

std::string_view to_string(store_fault code) noexcept {
    switch (code) {
        case store_fault::unavailable:
            return "unavailable";
        case store_fault::timeout:
            return "timeout";
        case store_fault::conflict:
            return "conflict";
        case store_fault::outcome_unknown:
            return "outcome unknown";
        case store_fault::corrupt:
            return "corrupt";
        case store_fault::full:
            return "full";
        case store_fault::read_only:
            return "read only";
        case store_fault::schema:
            return "schema";
        case store_fault::rejected:
            return "rejected";
        case store_fault::configuration:
            return "configuration";
        case store_fault::moved:
            return "moved";
    }
    return "unknown";
}

backend_error::backend_error(store_fault code, const std::string& what, std::string sqlstate)
    : error(what), code_(code), sqlstate_(std::move(sqlstate)), text_(what) {}
backend_error::~backend_error() = default;

bool backend_error::retryable() const noexcept {
    return code_ == store_fault::unavailable || code_ == store_fault::timeout ||
           code_ == store_fault::conflict || code_ == store_fault::outcome_unknown;
}

void backend_error::add_context(const std::string& where) {
    text_ = where + ": " + text_;
}

}  // namespace v1

broken_invariant::broken_invariant(const std::string& what)
    : error("an assertion of the engine does not hold, so nothing of this turn is stored: " +
            what) {}
broken_invariant::~broken_invariant() = default;

}  // namespace perdure
