#include <perdure/backend_statistics.hpp>

namespace perdure {
inline namespace v1 {

statistics_source::~statistics_source() = default;

}  // namespace v1
}  // namespace perdure
