// expect: name_the_input_or_the_handle_first
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
    auto result = co_await ctx.call(charge, order{"a long enough order number"});
    co_return result;
}
