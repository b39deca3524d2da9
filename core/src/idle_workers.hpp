#pragma once

#include <perdure/backend.hpp>
#include <perdure/backend_error.hpp>
#include <perdure/export.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace perdure {
inline namespace v1 {
namespace detail {

/// The workers of a hub's handles in this process: what a client's call makes ready it takes along
/// for one of them that has nothing to do, as a commit does for its own worker [HANDOFF-3]. Clients
/// and workers know nothing of each other but this. Safe from any thread; its mutex is not locked
/// while it calls a worker or the store.
class PERDURE_EXPORT idle_workers {
  public:
    /// What a worker has room for, on its terms, and the filter that the request points to.
    struct room {
        lock_request next{};
        std::shared_ptr<const work_filter> filter{};
    };

    /// A worker, as a client's call sees it. Safe from any thread.
    class member {
      public:
        member() = default;
        member(const member&) = delete;
        member& operator=(const member&) = delete;
        virtual ~member();

        /// Room for turns, which is offered and not reserved. Nothing when it has work, or when it
        /// would have to look for what else is ready.
        [[nodiscard]] virtual std::optional<room> offer() = 0;
        /// Whether it has a live frame of this instance.
        [[nodiscard]] virtual bool has_frame(const instance_id& instance) const = 0;
        /// What was leased for it. When it has stopped meanwhile, it gives that back.
        virtual void take(work_batch work) = 0;
        /// A call that brought this room has failed, and may have leased something all the same: a
        /// `lock` with the same request tells.
        virtual void ask_again(room brought) = 0;
    };

    void join(std::weak_ptr<member> who);

    /// The outcomes of `call`, which gets the room of a worker for these new instances or messages,
    /// or none, under this request id. What it leases goes to that worker; when it fails, the
    /// worker asks for that.
    template <class Items, class Call>
    auto hand_out(const request_id& request, Items items, const Call& call) {
        choice chosen = choose(items);
        chosen.space.next.request = request;
        try {
            auto result = call(std::as_const(chosen.space.next));
            chosen.take(std::move(result.work));
            return std::move(result.outcomes);
        } catch (const backend_error&) {
            chosen.ask_again();
            throw;
        }
    }

  private:
    struct choice {
        std::shared_ptr<member> who{};
        room space{};

        void take(work_batch work) const;
        void ask_again();
    };

    /// Who has the definition of the most of them that may run at once; nobody when all have none.
    [[nodiscard]] choice choose(std::span<const new_instance> instances);
    /// Who has the live frame of the most targets. Nobody here knows their definitions, so that
    /// when there are no frames the first who has room is asked, and perhaps nothing is handed out.
    [[nodiscard]] choice choose(std::span<const new_message> messages);
    [[nodiscard]] std::vector<std::shared_ptr<member>> present();

    std::mutex mutex_;
    std::vector<std::weak_ptr<member>> members_;
};

}  // namespace detail
}  // namespace v1
}  // namespace perdure
