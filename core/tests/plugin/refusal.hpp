#pragma once

#include <perdure/backend_error.hpp>

#include <catch2/catch.hpp>

#include <string>

namespace perdure::test {

/// The text with which an action is refused, after checking that it is a configuration error.
template <class Action>
std::string refusal(Action action) {
    try {
        action();
    } catch (const backend_error& wrong) {
        CHECK(wrong.code() == store_fault::configuration);
        return wrong.what();
    }
    FAIL("it was not refused");
    return {};
}

}  // namespace perdure::test
