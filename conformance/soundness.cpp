#include "soundness.hpp"

#include <perdure/hub_check.hpp>
#include <perdure/kit/forwarding_backend.hpp>

#include <vector>

namespace perdure::conformance {

namespace {

std::string text_of(const std::vector<violation>& found) {
    std::string text;
    for (const violation& each : found) {
        text += std::string(to_string(each.broken)) + ": " +
                (each.instance ? "\"" + each.instance->text() + "\": " : std::string()) + each.found +
                "\n";
    }
    return text;
}

}  // namespace

std::string faults_of(const hub& where) {
    std::string text;
    if (interface_of<image_store>(where.store()) == nullptr) {
        return text;
    }
    // Destructors ask, which must not throw.
    try {
        hub_check checking(where.store());
        while (const auto part = checking.next()) {
            text += text_of(*part);
        }
    } catch (const backend_error& fault) {
        text += std::string("it cannot be checked: ") + fault.what();
    }
    return text;
}

std::string faults_inside(backend& store) {
    std::string text;
    if (auto* inside = interface_of<store_check>(store)) {
        check_page page;
        do {
            page = inside->check(page.next, batch_items_max);
            text += text_of(page.violations);
        } while (!page.next.empty());
    }
    return text;
}

}  // namespace perdure::conformance
