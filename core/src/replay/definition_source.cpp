#include "replay/definition_source.hpp"

#include "replay/live_instance.hpp"

namespace perdure::replay {

namespace {

class registered_coroutines final : public definition_source {
  public:
    explicit registered_coroutines(const registry& known) : known_(known) {}

    [[nodiscard]] std::uint64_t revision() const noexcept override { return 0; }
    [[nodiscard]] std::vector<definition_name> orchestrations() const override {
        std::vector<definition_name> names;
        for (const auto* definition : known_.orchestrations()) {
            names.push_back({definition->name, definition->version});
        }
        return names;
    }
    [[nodiscard]] std::unique_ptr<turn_machine> make(const orchestration_work& work,
                                                     const turn_limits& limits) const override {
        const auto* definition = known_.find_orchestration(work.name, work.version);
        return definition == nullptr ? nullptr
                                     : std::make_unique<live_instance>(
                                           work.instance, work.execution, *definition, limits);
    }

  private:
    const registry& known_;
};

}  // namespace

std::unique_ptr<const definition_source> coroutines_of(const registry& known) {
    return std::make_unique<registered_coroutines>(known);
}

}  // namespace perdure::replay
