// expect: name_the_input_or_the_handle_first
#include <perdure/codec_cereal.hpp>
#include <perdure/context.hpp>

#include <string>
#include <vector>

using namespace perdure;

inline constexpr activity<std::vector<std::string>, int> charge{"Charge"};

orchestration<int> bad(context& ctx, std::string id) {
    auto result = co_await ctx.call(charge, {id, id + " and more"});
    co_return result;
}
