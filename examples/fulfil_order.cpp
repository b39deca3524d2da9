#include "fulfil_order.hpp"

perdure::orchestration<std::string> fulfil(perdure::context& ctx, order wanted) {
    co_await ctx.call(reserve, wanted);
    co_await ctx.call(charge, wanted);
    co_await ctx.call(pack, wanted);
    co_await ctx.call(ship, wanted);
    co_await ctx.call(notify, wanted);
    co_return "order " + wanted.number + " is on its way";
}
