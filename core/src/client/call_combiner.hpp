#pragma once

#include <perdure/backend.hpp>
#include <perdure/backend_error.hpp>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace perdure::calling {

/// Lets threads that call at the same time share one call of the backend: while one call is under
/// way, the items of the others gather and leave together in the next. An item that comes alone
/// leaves at once. Safe from any thread.
template <class Item, class Outcome>
class call_combiner {
  public:
    using call = std::function<std::vector<Outcome>(std::span<const Item>)>;

    explicit call_combiner(call shared) : call_(std::move(shared)) {}
    call_combiner(const call_combiner&) = delete;
    call_combiner& operator=(const call_combiner&) = delete;
    ~call_combiner() = default;

    /// The outcome of this item, or the error of its call. `bytes` is what the item weighs.
    Outcome submit(Item item, std::size_t bytes) {
        ticket mine{std::move(item), bytes, {}, false, false, {}, {}};
        std::unique_lock guard(mutex_);
        waiting_.push_back(&mine);
        if (is_led_) {
            mine.told.wait(guard, [&] { return mine.is_done || mine.is_leader; });
        }
        if (!mine.is_done) {
            // Whoever leads stands first, so that its own item is part of the call.
            is_led_ = true;
            lead(guard);
        }
        if (mine.problem) {
            std::rethrow_exception(mine.problem);
        }
        return *mine.outcome;
    }

  private:
    struct ticket {
        Item item;
        std::size_t bytes;
        std::condition_variable told;
        bool is_leader;
        bool is_done;
        std::optional<Outcome> outcome;
        std::exception_ptr problem;
    };
    using tickets = std::span<ticket* const>;

    void lead(std::unique_lock<std::mutex>& guard) {
        const std::vector<ticket*> round = take_round();
        guard.unlock();
        std::vector<Item> items;
        items.reserve(round.size());
        for (ticket* each : round) {
            items.push_back(std::move(each->item));
        }
        perform(items, round);
        guard.lock();
        for (ticket* each : round) {
            // With the mutex held: the ticket is gone as soon as its thread has seen this.
            each->is_done = true;
            each->told.notify_one();
        }
        is_led_ = !waiting_.empty();
        if (is_led_) {
            waiting_.front()->is_leader = true;
            waiting_.front()->told.notify_one();
        }
    }

    std::vector<ticket*> take_round() {
        std::vector<ticket*> round;
        std::size_t bytes = 0;
        while (!waiting_.empty() && round.size() < batch_items_max) {
            bytes += waiting_.front()->bytes;
            if (!round.empty() && bytes > batch_bytes_max) {
                break;
            }
            round.push_back(waiting_.front());
            waiting_.pop_front();
        }
        return round;
    }

    /// A call that fails as a whole is halved, so that a refused item does not fail the others.
    void perform(std::span<const Item> items, tickets owners) {
        try {
            std::vector<Outcome> outcomes = call_(items);
            for (std::size_t i = 0; i < owners.size(); ++i) {
                owners[i]->outcome = std::move(outcomes.at(i));
            }
            return;
        } catch (const backend_error& trouble) {
            const bool is_refusal = trouble.code() == store_fault::rejected;
            if (!is_refusal || owners.size() == 1) {
                fail(owners);
                return;
            }
        } catch (const std::exception&) {
            fail(owners);
            return;
        }
        const std::size_t half = owners.size() / 2;
        perform(items.first(half), owners.first(half));
        perform(items.subspan(half), owners.subspan(half));
    }

    static void fail(tickets owners) {
        for (ticket* each : owners) {
            each->problem = std::current_exception();
        }
    }

    const call call_;
    std::mutex mutex_;
    std::deque<ticket*> waiting_;
    bool is_led_ = false;
};

}  // namespace perdure::calling
