#define CATCH_CONFIG_FAST_COMPILE
#include "second_process/revisited.hpp"

#include "second_process/second_process.hpp"

#include <catch2/catch.hpp>

namespace perdure::conformance {

revisited_hub::revisited_hub()
    : way_(GENERATE(way::opened_anew, way::another_process)), config_(a_hub_config()) {
    if (!abilities_under_test().durable) {
        return;
    }
    before_.emplace(open_hub(config_));
    if (way_ == way::another_process && abilities_under_test().multi_process) {
        again_.emplace(open_in_another_process(config_));
        static_cast<void>(again_->now());  // Only a call opens it for certain.
    }
}

bool revisited_hub::is_possible() const {
    return !lacks(way_ == way::opened_anew ? ability::durable : ability::multi_process);
}

fixture& revisited_hub::again() {
    if (way_ == way::opened_anew) {
        before_.reset();
        again_.emplace(open_hub(config_));
    }
    return *again_;
}

}  // namespace perdure::conformance
