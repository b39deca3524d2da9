#pragma once

#include <perdure/failure.hpp>

#include <string>

// Assertions that stay on in every build.

namespace perdure {

/// Something that is always true was not: a mistake of core, or of a store. It ends one turn, and
/// nothing of that turn is stored: the worker parks the instance with this text, and the process
/// goes on. Thrown by the engine around the author's code and never inside of it, where a
/// `catch (...)` could take it for a failure of the author's own.
class PERDURE_EXPORT broken_invariant : public error {
  public:
    explicit broken_invariant(const std::string& what);
    broken_invariant(const broken_invariant&) = default;
    broken_invariant& operator=(const broken_invariant&) = default;
    ~broken_invariant() override;
};

/// Throws `broken_invariant` unless the condition holds. `what` says what is wrong.
inline void require(bool holds, const char* what) {
    if (!holds) [[unlikely]] {
        throw broken_invariant(what);
    }
}

}  // namespace perdure
