#include <perdure/client.hpp>

#include <string>
#include <utility>

namespace perdure {
inline namespace v1 {

already_exists::already_exists(const instance_id& id, orchestration_status found)
    : error("an instance \"" + id.text() + "\" exists already; its status is " +
            std::string(to_string(found))),
      status_(found) {}
already_exists::~already_exists() = default;

no_such_instance::no_such_instance(const instance_id& id)
    : error("there is no instance \"" + id.text() + "\"") {}
no_such_instance::~no_such_instance() = default;

instance_has_ended::instance_has_ended(const instance_id& id)
    : invalid_input("instance \"" + id.text() + "\" has ended and takes no more messages") {}
instance_has_ended::~instance_has_ended() = default;

orchestration_failed::orchestration_failed(const instance_id& id,
                                           orchestration_status status,
                                           failure reason)
    : task_failed([&] {
          if (!reason.properties.contains("instance")) {
              reason.properties.emplace("instance", id.text());
          }
          return std::move(reason);
      }()),
      status_(status) {}
orchestration_failed::~orchestration_failed() = default;

wait_timeout::~wait_timeout() = default;

}  // namespace v1
}  // namespace perdure
