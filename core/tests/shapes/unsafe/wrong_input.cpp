// expect: order
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

orchestration<int> bad(context& ctx) {
    auto handle = ctx.call(charge, 42);
    auto result = co_await handle;
    co_return result;
}
