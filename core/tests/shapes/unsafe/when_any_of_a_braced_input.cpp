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
inline constexpr activity<order, int> charge{"Charge"};

orchestration<int> bad(context& ctx, std::string id) {
    auto first = co_await when_any(ctx.call(charge, {id + " and more"}), ctx.call(charge, order()));
    co_return static_cast<int>(first.index());
}
