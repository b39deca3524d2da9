// expect: no codec for this type
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

struct unknown {
    int number;
};
inline constexpr activity<unknown, int> mystery{"Mystery"};
orchestration<int> bad(context& ctx) {
    unknown input{1};
    auto handle = ctx.call(mystery, input);
    auto result = co_await handle;
    co_return result;
}
