// expect: take parameters after context& by value
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

orchestration<int> bad(context& ctx, const std::string& text) {
    static_cast<void>(ctx);
    co_return static_cast<int>(text.size());
}
