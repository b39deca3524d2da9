// expect: an orchestration has no captures
#include <perdure/registry.hpp>

#include <string>
#include <string_view>

using namespace perdure;

struct order {
    std::string id;
};
template <>
struct perdure::codec<order> {
    static payload encode(const order& value) { return {"json", value.id}; }
    static order decode(const payload& stored) { return {stored.bytes}; }
};
inline constexpr activity<order, int> charge{"Charge"};

void bad(registry& known, int captured) {
    known.add(orchestrator<int, int>("Bad"), [captured](context&, int n) -> orchestration<int> {
        co_return n + captured;
    });
}
