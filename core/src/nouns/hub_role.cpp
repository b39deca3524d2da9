#include <perdure/hub_role.hpp>

namespace perdure {
inline namespace v1 {

role_store::~role_store() = default;

}  // namespace v1
}  // namespace perdure
