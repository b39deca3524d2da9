// expect: name_the_input_or_the_handle_first
#include <perdure/context.hpp>

#include <optional>
#include <string>

using namespace perdure;

struct order {
    std::string id;
};
template <>
struct perdure::codec<std::optional<order>> {
    static payload encode(const std::optional<order>&) { return {"json", "1"}; }
    static std::optional<order> decode(const payload&) { return {}; }
};
inline constexpr activity<std::optional<order>, int> charge{"Charge"};

orchestration<int> bad(context& ctx, std::string id) {
    auto result = co_await ctx.call(charge, order{id + " and more"});
    co_return result;
}
