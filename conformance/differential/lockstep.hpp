#pragma once

#include "differential/tally.hpp"
#include "differential/wording.hpp"
#include "fixture.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

// Two backends that are asked the same, one call after the other, and the little that has to be
// known about them so that most calls find something to do.

namespace perdure::conformance {

/// Everything random.
class dice {
  public:
    explicit dice(std::uint64_t seed) : engine_(seed) {}

    [[nodiscard]] std::size_t below(std::size_t end) { return engine_() % end; }
    [[nodiscard]] std::size_t between(std::size_t first, std::size_t last) {
        return first + below(last - first + 1);
    }
    [[nodiscard]] bool chance(std::size_t percent) { return below(100) < percent; }
    template <class Items>
    [[nodiscard]] const auto& one_of(const Items& items) {
        return items[below(items.size())];
    }
    [[nodiscard]] std::uint64_t number() { return engine_(); }

  private:
    std::mt19937_64 engine_;
};

/// One of the two backends, as one process or several have it open; times in plans are counted from
/// the origin.
class side {
  public:
    side(std::size_t number, std::vector<backend*> openings)
        : index(number),
          origin(openings.front()->status().store_time),
          openings_(std::move(openings)) {}

    std::size_t index = 0;
    timestamp origin;

    /// The next opening, in turn: what one has done, the other one must know.
    [[nodiscard]] backend& store() const { return *openings_[next_++ % openings_.size()]; }
    [[nodiscard]] timestamp at(timestamp planned) const {
        return origin + planned.time_since_epoch();
    }
    [[nodiscard]] std::optional<timestamp> at(const std::optional<timestamp>& planned) const {
        return planned ? std::optional(at(*planned)) : std::nullopt;
    }
    [[nodiscard]] wording words(wording::detail shown) const { return {origin, shown}; }
    /// From now on it is another hub that is asked.
    void move_to(std::vector<backend*> openings) { openings_ = std::move(openings); }

  private:
    std::vector<backend*> openings_;
    mutable std::size_t next_ = 0;
};

/// What one item is on either side: tokens and sequences differ.
template <class Work>
using both_of = std::array<Work, 2>;

/// Leased items, those that are still held as far as is known, and those whose lease is over.
template <class Work>
struct holdings {
    std::vector<both_of<Work>> held;
    std::deque<both_of<Work>> spent;

    void hold(both_of<Work> item) {
        constexpr std::size_t kept = 16;
        held.push_back(std::move(item));
        if (held.size() > kept) {
            spend(taken(held, 0));
        }
    }
    void spend(both_of<Work> item) {
        constexpr std::size_t kept = 12;
        spent.push_back(std::move(item));
        if (spent.size() > kept) {
            spent.pop_front();
        }
    }
    /// Takes one out, mostly a held one.
    [[nodiscard]] std::optional<both_of<Work>> draw(dice& random) {
        const bool is_spent = held.empty() || (!spent.empty() && random.chance(12));
        if (is_spent && spent.empty()) {
            return std::nullopt;
        }
        if (is_spent) {
            return taken(spent, random.below(spent.size()));
        }
        // The newest ones are the least likely to be lost by now.
        const std::size_t newest = std::min<std::size_t>(held.size(), 6);
        return taken(held, held.size() - 1 - random.below(newest));
    }

  private:
    template <class List>
    static both_of<Work> taken(List& list, std::size_t at) {
        both_of<Work> item = std::move(list[at]);
        list.erase(list.begin() + std::ptrdiff_t(at));
        return item;
    }
};

/// What a worker asks for; each call of the same plan has a request id of its own.
struct lock_plan {
    worker_id worker;
    work_filter filter;
    room asked;
    duration lease{};
    std::size_t messages = 1000;
    bool suspects = false;
};

class lockstep {
  public:
    lockstep(backend& reference, const std::vector<backend*>& tested, std::uint64_t seed);

    /// One random operation, and its comparison.
    void step();
    /// Compares all that can be read.
    void compare_everything();
    /// Lets the tested side go on in another hub, which is empty and has a test clock [IMAGE-1].
    void move_tested_side(const std::vector<backend*>& openings);

    dice random;
    tally counts;

    // What is known.
    std::vector<instance_id> ids;
    std::map<instance_id, new_instance> creations;
    std::map<instance_id, execution_id> executions;
    std::vector<execution_id> old_executions;
    std::map<instance_id, std::vector<task_id>> scheduled;
    std::map<instance_id, std::vector<task_id>> timers;
    std::map<instance_id, new_child> children;
    /// As far as was last seen.
    std::set<instance_id> absent;
    std::vector<instance_id> parked;
    holdings<orchestration_work> orchestrations;
    holdings<activity_work> activities;
    /// Tokens, on the side of the reference, that have committed or completed something.
    std::set<lease_token> committed;

    // Making what calls need.
    [[nodiscard]] instance_id an_id_of_the_pool();
    /// Children and others, each once.
    [[nodiscard]] std::vector<instance_id> some_ids(std::size_t most);
    [[nodiscard]] instance_id a_child();
    [[nodiscard]] instance_id an_absent_id();
    [[nodiscard]] request_id next_request() { return {next_uuid()}; }
    [[nodiscard]] execution_id next_execution() { return {next_uuid()}; }
    [[nodiscard]] task_id next_task() { return {++last_task_}; }
    [[nodiscard]] std::string next_event(const std::string& kind);
    /// In some minutes and a half, so that real time makes no difference.
    [[nodiscard]] timestamp later(std::size_t most_minutes = 8);
    [[nodiscard]] timestamp now() const { return timestamp(elapsed_); }
    [[nodiscard]] new_instance plan_instance(const instance_id& id);
    [[nodiscard]] new_message plan_message();
    [[nodiscard]] termination plan_termination(const instance_id& target);
    [[nodiscard]] lock_plan plan_lock();
    void saw_execution(const instance_id& id, execution_id current);

    // Calling.
    [[nodiscard]] const side& reference() const { return sides_[0]; }
    [[nodiscard]] bool takes_speculative_turns() const;
    /// What `act` says of each side.
    template <class Act>
    auto on_both(Act act) {
        return std::array{act(sides_[0]), act(sides_[1])};
    }
    /// Makes the call on both sides; fails the test unless they say the same.
    template <class Call>
    auto compare(const std::string& what, Call call) {
        const auto answers = on_both(call);
        compare_texts(what,
                      sides_[0].words(wording::detail::comparable).of(answers[0]),
                      sides_[1].words(wording::detail::comparable).of(answers[1]));
        return answers;
    }
    /// The same with a call that changes something; now and then it is repeated [REPEAT-1].
    template <class Call>
    auto change(const std::string& kind, const std::string& what, Call call) {
        const auto answers = compare(kind + " " + what, call);
        if (random.chance(15)) {
            for (const side& one : sides_) {
                const wording exact = one.words(wording::detail::exact);
                const auto& first = answers[one.index];
                compare_repeat(kind, one, exact.of(first), exact.of(call(one)));
            }
            counts.add("repeat: " + kind);
        }
        return answers;
    }
    /// Looks at instances that a call has touched.
    std::vector<std::optional<instance_record>> look(const std::vector<instance_id>& touched);
    /// Takes what was handed out into the holdings. As equals may be handed out in any order, it
    /// locks until both sides have handed out the same.
    void take(std::array<work_batch, 2> batches, request_id request, const lock_plan& plan);
    [[nodiscard]] static lock_request request_of(const lock_plan& plan, request_id request);

  private:
    using key = std::pair<instance_id, task_id>;
    struct handed_out {
        std::map<key, orchestration_work> orchestrations;
        std::map<key, activity_work> activities;
    };

    void advance();
    void renew_workers();
    [[nodiscard]] uuid next_uuid() { return {random.number(), ++last_uuid_}; }
    void compare_texts(const std::string& what,
                       const std::string& reference,
                       const std::string& tested);
    void compare_repeat(const std::string& kind,
                        const side& one,
                        const std::string& first,
                        const std::string& second);
    [[noreturn]] void fail(const std::string& why);
    void collect(handed_out& all, const side& one, const work_batch& batch, request_id request);
    void keep(std::array<handed_out, 2> all);
    void count_item(const orchestration_work& work);

    std::array<side, 2> sides_;
    std::chrono::steady_clock::time_point began_;
    /// By how much the clocks were moved, and where they stand without the real time of the test.
    duration moved_{};
    duration elapsed_{};
    std::deque<std::string> recent_;
    std::uint64_t last_uuid_ = 0;
    std::uint64_t last_task_ = 0;
    std::uint64_t last_event_ = 0;
};

// The operations; each makes one call, or some that belong together.
void create_some(lockstep& pair);
void send_some(lockstep& pair);
void terminate_some(lockstep& pair);
void purge_some(lockstep& pair);
void release_some(lockstep& pair);
void read_some(lockstep& pair);
void lock_some(lockstep& pair);
void lock_all_suspects(lockstep& pair);
void renew_some(lockstep& pair);
void give_back_some(lockstep& pair);
void abandon_some(lockstep& pair);
void park_some(lockstep& pair);
void take_over_one(lockstep& pair);
void commit_some(lockstep& pair);

/// What a worker has, all of it or some of it.
[[nodiscard]] work_filter random_filter(dice& random);
/// Its times are planned ones.
[[nodiscard]] instance_filter random_instance_filter(lockstep& pair);
/// The same filter with the times of this side.
[[nodiscard]] instance_filter at(const side& one, instance_filter planned);

}  // namespace perdure::conformance
