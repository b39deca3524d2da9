// expect: name_the_input_or_the_handle_first
#include <perdure/context.hpp>

#include <optional>
#include <string>

using namespace perdure;

struct order {
    std::string id;
};
template <>
struct perdure::codec<order> {
    static payload encode(const order&) { return {"json", "1"}; }
    static order decode(const payload&) { return {}; }
};
inline constexpr orchestrator<order, int> child{"Child"};

orchestration<int> bad(context& ctx, std::string id) {
    auto result = co_await ctx.call(child, {id + " and more"});
    co_return result;
}
