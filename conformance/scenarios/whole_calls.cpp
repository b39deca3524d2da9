#define CATCH_CONFIG_FAST_COMPILE
#include "fixture.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <latch>
#include <thread>

using namespace perdure;
using namespace perdure::conformance;

// A call is one transaction, for whoever looks meanwhile.

namespace {

constexpr std::size_t item_count = 200;

using record = std::optional<instance_record>;

/// Somebody who reads the first and the last instance of a call, all the time, and writes something
/// else in between: a store that lets writers in between two parts of the call lets this one in.
class onlooker {
  public:
    /// `is_done` says whether the call has happened, as far as this record shows.
    onlooker(backend& store,
             const std::vector<instance_id>& ids,
             std::function<bool(const record&)> is_done)
        : store_(store),
          first_(ids.front()),
          last_(ids.back()),
          is_done_(std::move(is_done)),
          thread_([this](const std::stop_token& end) { look(end); }) {
        begun_.wait();
    }
    [[nodiscard]] bool has_seen_a_part() {
        thread_.request_stop();
        thread_.join();
        return saw_part_;
    }

  private:
    // What has happened to one of them when it is read has happened to the other one afterwards.
    void look(const std::stop_token& end) {
        bool is_first = true;
        while (!end.stop_requested()) {
            static_cast<void>(store_.renew({{"onlooker"}, nullptr, 1h, {}}));
            const bool first = is_done_(read(first_));
            const bool last = is_done_(read(last_));
            const bool first_again = is_done_(read(first_));
            saw_part_ = saw_part_ || (first && !last) || (last && !first_again);
            if (is_first) {
                begun_.count_down();
                is_first = false;
            }
        }
    }
    record read(const instance_id& id) { return store_.get({&id, 1}).front(); }

    backend& store_;
    instance_id first_;
    instance_id last_;
    std::function<bool(const record&)> is_done_;
    std::latch begun_{1};
    std::atomic<bool> saw_part_ = false;
    std::jthread thread_;
};

bool exists(const record& found) {
    return found.has_value();
}

bool is_leased(const record& found) {
    return !found->leased_by.empty();
}

bool is_parked(const record& found) {
    return !found->parked_reason.empty();
}

/// As many instances as an onlooker needs, and what a worker holds of them. Each test is executed a
/// few times, because a busy machine may give an onlooker no time while a call lasts.
class many_instances : public fixture {
  public:
    many_instances() { static_cast<void>(GENERATE(range(0, 4))); }
    std::vector<new_instance> planned() {
        std::vector<new_instance> fresh;
        std::generate_n(std::back_inserter(fresh), item_count, [] { return a_new_instance(); });
        return fresh;
    }
    std::vector<instance_id> pending() {
        const std::vector<new_instance> fresh = planned();
        REQUIRE(store.create({a_request()}, fresh).outcomes.size() == item_count);
        return ids_of(fresh);
    }
    std::vector<orchestration_work> all_leased() {
        pending();
        std::vector<orchestration_work> work = lock({item_count, 0}).orchestrations;
        REQUIRE(work.size() == item_count);
        return work;
    }
    template <class Items>
    static std::vector<instance_id> ids_of(const Items& items) {
        std::vector<instance_id> ids;
        for (const auto& item : items) {
            ids.push_back(item.instance);
        }
        return ids;
    }
    static std::vector<held_item> held_of(const std::vector<orchestration_work>& work) {
        std::vector<held_item> items;
        std::ranges::transform(
            work, std::back_inserter(items), [](const auto& w) { return held(w); });
        return items;
    }
};

}  // namespace

TEST_CASE_METHOD(many_instances,
                 "a call of a client's is seen whole by a reader beside it",
                 "[BATCH-3][READ-1]") {
    SECTION("a create") {
        const std::vector<new_instance> fresh = planned();
        onlooker beside(store, ids_of(fresh), exists);
        REQUIRE(store.create({a_request()}, fresh).outcomes.size() == item_count);
        CHECK_FALSE(beside.has_seen_a_part());
    }
    SECTION("a send") {
        const std::vector<instance_id> ids = pending();
        std::vector<new_message> messages;
        for (const instance_id& id : ids) {
            messages.push_back(a_message(id));
        }
        onlooker beside(store, ids, [](const record& r) { return r->inbox_length != 0; });
        REQUIRE(store.send({a_request()}, messages).outcomes.size() == item_count);
        CHECK_FALSE(beside.has_seen_a_part());
    }
    SECTION("a termination") {
        const std::vector<instance_id> ids = pending();
        std::vector<termination> wishes;
        for (const instance_id& id : ids) {
            wishes.push_back(a_termination(id));
        }
        onlooker beside(store, ids, [](const record& r) { return is_terminal(r->status); });
        REQUIRE(store.terminate(a_request(), wishes).size() == item_count);
        CHECK_FALSE(beside.has_seen_a_part());
    }
    SECTION("a purge") {
        purge_request wish;
        wish.request = a_request();
        wish.instances = pending();
        wish.force = true;
        onlooker beside(store, wish.instances, std::not_fn(exists));
        REQUIRE(store.purge(wish).purged == item_count);
        CHECK_FALSE(beside.has_seen_a_part());
    }
    SECTION("an unparking") {
        const std::vector<held_item> items = held_of(all_leased());
        REQUIRE(return_to(store, a_request(), items, return_kind::park).size() == item_count);
        const std::vector<instance_id> ids = ids_of(items);
        onlooker beside(store, ids, std::not_fn(is_parked));
        REQUIRE(store.unpark(a_request(), ids).size() == item_count);
        CHECK_FALSE(beside.has_seen_a_part());
    }
}

TEST_CASE_METHOD(many_instances,
                 "a lock is seen whole by a reader beside it",
                 "[BATCH-3][READ-1]") {
    onlooker beside(store, pending(), is_leased);
    REQUIRE(lock({item_count, 0}).orchestrations.size() == item_count);
    CHECK_FALSE(beside.has_seen_a_part());
}

TEST_CASE_METHOD(many_instances,
                 "a call of a worker's is seen whole by a reader beside it",
                 "[BATCH-3][READ-1]") {
    const std::vector<orchestration_work> work = all_leased();
    const std::vector<held_item> items = held_of(work);
    const std::vector<instance_id> ids = ids_of(work);
    SECTION("a commit") {
        std::vector<finished_turn> turns;
        std::ranges::transform(work, std::back_inserter(turns), turn_of);
        onlooker beside(store, ids, [](const record& r) { return r->history_length != 1; });
        REQUIRE(commit(turns).turns.size() == item_count);
        CHECK_FALSE(beside.has_seen_a_part());
    }
    SECTION("items given back") {
        onlooker beside(store, ids, std::not_fn(is_leased));
        REQUIRE(return_to(store, a_request(), items, return_kind::give_back).size() == item_count);
        CHECK_FALSE(beside.has_seen_a_part());
    }
    SECTION("an abandon") {
        onlooker beside(store, ids, std::not_fn(is_leased));
        REQUIRE(return_to(store, a_request(), items, return_kind::abandon, 0s).size() ==
                item_count);
        CHECK_FALSE(beside.has_seen_a_part());
    }
    SECTION("a park") {
        onlooker beside(store, ids, is_parked);
        REQUIRE(return_to(store, a_request(), items, return_kind::park).size() == item_count);
        CHECK_FALSE(beside.has_seen_a_part());
    }
    SECTION("a take-over") {
        onlooker beside(store, ids, std::not_fn(is_leased));
        store.take_over(a_request(), {&worker, 1});
        CHECK_FALSE(beside.has_seen_a_part());
    }
}
