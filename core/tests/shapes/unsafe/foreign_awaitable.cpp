// expect: await_transform
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

struct socket {
    bool await_ready() { return true; }
    void await_suspend(std::coroutine_handle<>) {}
    int await_resume() { return 1; }
};
orchestration<int> bad(context& ctx) {
    static_cast<void>(ctx);
    auto result = co_await socket();
    co_return result;
}
