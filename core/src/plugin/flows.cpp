#include "plugin/errors.hpp"
#include "plugin/exported_object.hpp"

#include <perdure/flows.hpp>
#include <perdure/plugin.hpp>

namespace perdure {
inline namespace v1 {

namespace {

constexpr plugin::exported_object flows_object{
    "perdure_flows", "orchestrations, which a library exports by PERDURE_FLOWS"};

std::optional<std::string> problem_of(const flows_descriptor& found) {
    if (found.magic != flows_magic) {
        return plugin::mismatch("magic number", found.magic, flows_magic);
    }
    if (found.struct_size != sizeof(flows_descriptor)) {
        return plugin::mismatch(
            "size of flows_descriptor", std::size_t{found.struct_size}, sizeof(flows_descriptor));
    }
    if (const auto other = plugin::other_build(found.build_fingerprint)) {
        return other;
    }
    if (found.add == nullptr) {
        return "function: found none";
    }
    return std::nullopt;
}

}  // namespace

void load_flows(const std::string& file, registry& into, detail::same_library) {
    std::string problem;
    const auto* found =
        static_cast<const flows_descriptor*>(plugin::find_exported(file, flows_object, problem));
    if (found != nullptr) {
        problem = problem_of(*found).value_or("");
    }
    if (!problem.empty()) {
        plugin::refuse("flows " + file + ": " + problem);
    }
    try {
        found->add(into);
    } catch (const std::exception& thrown) {
        plugin::refuse("flows " + file + ": its function has thrown: " + thrown.what());
    }
}

}  // namespace v1
}  // namespace perdure
