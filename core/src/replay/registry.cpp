#include <perdure/registry.hpp>

namespace perdure {
inline namespace v1 {

namespace {
void check_version(const std::string& name, const std::string& version) {
    if (!version.empty()) {
        check_name("version of orchestration " + name, version);
    }
}
}  // namespace

void registry::add_orchestration(orchestration_definition definition) {
    check_name("orchestration name", definition.name);
    check_version(definition.name, definition.version);
    auto key = std::pair(definition.name, definition.version);
    const auto [place, is_new] = orchestrations_.try_emplace(key, std::move(definition));
    if (!is_new) {
        throw invalid_input("orchestration \"" + key.first + "\" version \"" + key.second +
                            "\" is registered twice; name and version together must be unique");
    }
}

void registry::add_activity(activity_definition definition) {
    check_name("activity name", definition.name);
    auto key = definition.name;
    const auto [place, is_new] = activities_.try_emplace(key, std::move(definition));
    if (!is_new) {
        throw invalid_input("activity \"" + key + "\" is registered twice; names must be unique");
    }
}

const orchestration_definition* registry::find_orchestration(const std::string& name,
                                                             const std::string& version) const {
    const auto found = orchestrations_.find(std::pair(name, version));
    return found == orchestrations_.end() ? nullptr : &found->second;
}

const activity_definition* registry::find_activity(const std::string& name) const {
    const auto found = activities_.find(name);
    return found == activities_.end() ? nullptr : &found->second;
}

std::vector<const orchestration_definition*> registry::orchestrations() const {
    std::vector<const orchestration_definition*> all;
    for (const auto& [key, definition] : orchestrations_) {
        all.push_back(&definition);
    }
    return all;
}

std::vector<const activity_definition*> registry::activities() const {
    std::vector<const activity_definition*> all;
    for (const auto& [key, definition] : activities_) {
        all.push_back(&definition);
    }
    return all;
}

}  // namespace v1
}  // namespace perdure
