#define CATCH_CONFIG_FAST_COMPILE
#include "differential/lockstep.hpp"

#include <perdure/adjustable_clock.hpp>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace perdure::conformance {

namespace {

constexpr std::size_t pool_size = 36;
constexpr std::size_t recent_max = 25;

struct definition {
    const char* name;
    const char* version;
};
constexpr std::array definitions{
    definition{"Order", "1"}, definition{"Order", "2"}, definition{"Refund", "1"}};

// The first word of an event made here, for counting.
std::string kind_of(const std::string& event) {
    const std::size_t first = event.find(":\"") + 2;
    return event.substr(first, event.find(' ', first) - first);
}

}  // namespace

lockstep::lockstep(backend& reference, const std::vector<backend*>& tested, std::uint64_t seed)
    : random(seed),
      sides_{side(0, {&reference}), side(1, tested)},
      began_(std::chrono::steady_clock::now()) {
    for (std::size_t n = 0; n < pool_size; ++n) {
        ids.emplace_back(fmt::format("i{:02}", n));
    }
    if (takes_speculative_turns()) {
        counts.expect_speculative_turns();
    }
}

bool lockstep::takes_speculative_turns() const {
    return std::ranges::all_of(
        sides_, [](const side& one) { return one.store().abilities().speculative_turns; });
}

void lockstep::step() {
    struct operation {
        std::size_t weight;
        void (*act)(lockstep&);
    };
    constexpr std::array operations{operation{20, lock_some},
                                    operation{24, commit_some},
                                    operation{6, lock_all_suspects},
                                    operation{9, create_some},
                                    operation{9, send_some},
                                    operation{5, terminate_some},
                                    operation{5, purge_some},
                                    operation{3, release_some},
                                    operation{6, read_some},
                                    operation{4, renew_some},
                                    operation{3, give_back_some},
                                    operation{4, abandon_some},
                                    operation{4, park_some},
                                    operation{1, take_over_one}};
    if (random.chance(15)) {
        advance();
        return;
    }
    std::size_t total = 0;
    for (const operation& one : operations) {
        total += one.weight;
    }
    std::size_t drawn = random.below(total);
    for (const operation& one : operations) {
        if (drawn < one.weight) {
            one.act(*this);
            return;
        }
        drawn -= one.weight;
    }
}

void lockstep::compare_everything() {
    compare("query all", [](const side& one) { return one.store().query({}, 1000, {}); });
    for (const instance_id& id : ids) {
        compare("read_history " + id.text(),
                [&](const side& one) { return one.store().read_history(id, 0, batch_bytes_max); });
    }
    compare("status", [](const side& one) { return one.store().status(); });
    counts.add("status: compared");
}

// Real time passes in the stores, too; it is made up for here, so that both clocks stand just after
// a whole minute since the origin.
void lockstep::advance() {
    elapsed_ += std::chrono::minutes(random.chance(10) ? 30 : random.between(1, 3));
    const auto passed =
        std::chrono::duration_cast<duration>(std::chrono::steady_clock::now() - began_);
    const duration by = std::max(duration::zero(), elapsed_ - moved_ - passed);
    moved_ += by;
    compare_texts(fmt::format("advance to {}min", elapsed_ / std::chrono::minutes(1)),
                  advance_clock(sides_[0].store(), by) ? "done" : "refused",
                  advance_clock(sides_[1].store(), by) ? "done" : "refused");
    counts.add("advance: done");
    // Who is silent for an hour may be forgotten, name and all [RENEW-2].
    renew_workers();
}

void lockstep::renew_workers() {
    for (const char* living : {"w1", "w2"}) {
        const worker_id worker{living};
        const work_filter filter = random_filter(random);
        compare("renew nothing as " + worker.text, [&](const side& one) {
            return one.store().renew({worker, &filter, std::chrono::minutes(20) + 30s, {}});
        });
    }
}

void lockstep::fail(const std::string& why) {
    std::string text = why + "\nThe last operations:";
    for (const std::string& line : recent_) {
        text += "\n" + line;
    }
    FAIL(text);
    throw std::logic_error("unreachable");
}

void lockstep::compare_texts(const std::string& what,
                             const std::string& reference,
                             const std::string& tested) {
    const bool is_same = reference == tested;
    recent_.push_back(
        is_same ? fmt::format("- {}\n  both: {}", what, reference)
                : fmt::format("- {}\n  reference: {}\n  tested:    {}", what, reference, tested));
    while (recent_.size() > recent_max) {
        recent_.pop_front();
    }
    if (!is_same) {
        fail("The answers to \"" + what + "\" differ.");
    }
}

void lockstep::compare_repeat(const std::string& kind,
                              const side& one,
                              const std::string& first,
                              const std::string& second) {
    if (first != second) {
        fail(fmt::format(
            "A repeat of {} differs from the first answer of the {}.\n  first:  {}\n  second: {}",
            kind,
            one.index == 0 ? "reference" : "plugin under test",
            first,
            second));
    }
}

std::vector<std::optional<instance_record>> lockstep::look(
    const std::vector<instance_id>& touched) {
    if (touched.empty()) {
        return {};
    }
    const auto found = compare("get", [&](const side& one) { return one.store().get(touched); });
    for (std::size_t n = 0; n < touched.size(); ++n) {
        absent.erase(touched[n]);
        if (!found[0][n]) {
            if (std::ranges::find(ids, touched[n]) != ids.end()) {
                absent.insert(touched[n]);
            }
        } else {
            saw_execution(touched[n], found[0][n]->execution);
        }
        counts.add(found[0][n] ? "get: record" : "get: nothing");
    }
    return found[0];
}

void lockstep::saw_execution(const instance_id& id, execution_id current) {
    execution_id& known = executions[id];
    if (known != current && known != execution_id()) {
        old_executions.push_back(known);
    }
    known = current;
}

instance_id lockstep::an_id_of_the_pool() {
    return random.chance(6) ? instance_id("never-created") : random.one_of(ids);
}

instance_id lockstep::a_child() {
    return children.empty()
               ? random.one_of(ids)
               : std::next(children.begin(), std::ptrdiff_t(random.below(children.size())))
                     ->second.instance.instance;
}

instance_id lockstep::an_absent_id() {
    return absent.empty() ? random.one_of(ids)
                          : *std::next(absent.begin(), std::ptrdiff_t(random.below(absent.size())));
}

std::vector<instance_id> lockstep::some_ids(std::size_t most) {
    std::set<instance_id> chosen;
    const std::size_t count = random.between(1, most);
    while (chosen.size() < count) {
        chosen.insert(random.chance(55) ? a_child() : an_id_of_the_pool());
    }
    return {chosen.begin(), chosen.end()};
}

std::string lockstep::next_event(const std::string& kind) {
    return an_event(kind + " " + std::to_string(++last_event_));
}

timestamp lockstep::later(std::size_t most_minutes) {
    return timestamp(elapsed_ + std::chrono::minutes(random.between(1, most_minutes)) + 30s);
}

new_instance lockstep::plan_instance(const instance_id& id) {
    const definition& chosen = random.one_of(definitions);
    new_instance fresh{.instance = id,
                       .execution = next_execution(),
                       .name = chosen.name,
                       .version = chosen.version,
                       .start_event = next_event("started"),
                       .replaced_event = next_event("child-replaced")};
    if (random.chance(25)) {
        fresh.level = static_cast<feature_level>(random.between(1, 3));
    }
    if (random.chance(30)) {
        fresh.tags["colour"] = random.chance(50) ? "red" : "blue";
    }
    if (random.chance(15)) {
        fresh.start_at = later();
    }
    return fresh;
}

new_message lockstep::plan_message() {
    new_message planned{.target = an_id_of_the_pool(), .event = next_event("raised")};
    if (random.chance(25)) {
        planned.level = static_cast<feature_level>(random.between(1, 3));
    }
    if (random.chance(35)) {
        planned.id = "m" + std::to_string(random.below(6));
    }
    if (!old_executions.empty() && random.chance(15)) {
        planned.execution = random.one_of(old_executions);
    } else if (executions.contains(planned.target) && random.chance(15)) {
        planned.execution = executions[planned.target];
        planned.task = next_task();
    }
    if (random.chance(15)) {
        planned.visible_at = later();
    } else if (random.chance(10)) {
        // Before the messages that are there already: it is ordered by its arrival.
        planned.visible_at = now() - std::chrono::minutes(random.between(1, 60)) + 30s;
    }
    return planned;
}

termination lockstep::plan_termination(const instance_id& target) {
    return {target,
            next_event("terminate"),
            next_event("terminated"),
            {"json", next_event("why")},
            next_event("child-terminated")};
}

lock_plan lockstep::plan_lock() {
    lock_plan plan{worker_id{random.chance(70) ? "w1" : "w2"},
                   random_filter(random),
                   {30, 30},
                   std::chrono::minutes(random.chance(70) ? 20 : random.between(1, 4)) + 30s};
    if (random.chance(40)) {
        plan.asked = {random.below(3), random.below(3)};
    }
    if (random.chance(15)) {
        plan.messages = random.between(1, 2);
    }
    return plan;
}

lock_request lockstep::request_of(const lock_plan& plan, request_id request) {
    lock_request wanted;
    wanted.request = request;
    wanted.worker = plan.worker;
    wanted.filter = &plan.filter;
    wanted.orchestrations = plan.asked.orchestrations;
    wanted.activities = plan.asked.activities;
    wanted.lease_duration = plan.lease;
    wanted.messages = plan.messages;
    wanted.suspects = plan.suspects;
    return wanted;
}

// [REPEAT-2] [LOCK-8]
void lockstep::collect(handed_out& all,
                       const side& one,
                       const work_batch& batch,
                       request_id request) {
    std::set<lease_token> tokens;
    std::string names;
    for (const orchestration_work& work : batch.orchestrations) {
        names += " " + work.instance.text();
        tokens.insert(work.held.token);
        all.orchestrations.emplace(key{work.instance, {}}, work);
    }
    for (const activity_work& work : batch.activities) {
        names += fmt::format(" {}/{}", work.instance.text(), work.task.value);
        tokens.insert(work.held.token);
        all.activities.emplace(key{work.instance, work.task}, work);
    }
    recent_.push_back(fmt::format("- side {} handed out{}", one.index, names));
    const std::size_t count = batch.orchestrations.size() + batch.activities.size();
    if (tokens.size() != count) {
        fail(fmt::format("Side {} has handed out two items with one token.", one.index));
    }
    for (std::uint32_t n = 0; n < 2 * batch_items_max && !tokens.empty(); ++n) {
        tokens.erase(derive_token(request, n));
    }
    if (!tokens.empty()) {
        fail(fmt::format("The tokens of side {} are not derived from the request.", one.index));
    }
}

void lockstep::take(std::array<work_batch, 2> batches, request_id request, const lock_plan& plan) {
    std::array<handed_out, 2> all;
    const auto keys = [](const auto& items) {
        std::vector<key> found;
        for (const auto& [name, work] : items) {
            found.push_back(name);
        }
        return found;
    };
    while (true) {
        for (const side& one : sides_) {
            collect(all[one.index], one, batches[one.index], request);
        }
        const bool is_same = keys(all[0].orchestrations) == keys(all[1].orchestrations) &&
                             keys(all[0].activities) == keys(all[1].activities);
        const bool has_more = !batches[0].orchestrations.empty() || !batches[0].activities.empty();
        if (is_same && !(plan.suspects && has_more)) {
            break;
        }
        if (!has_more) {
            fail("The two sides hand out different items.");
        }
        lock_plan rest = plan;
        if (!plan.suspects) {
            rest.asked = {std::max<std::size_t>(1, plan.asked.orchestrations),
                          std::max<std::size_t>(1, plan.asked.activities)};
        }
        request = next_request();
        batches = change("lock", "what is left", [request, rest](const side& one) {
            return one.store().lock(request_of(rest, request));
        });
    }
    keep(std::move(all));
}

void lockstep::keep(std::array<handed_out, 2> all) {
    const auto keep_each = [&](auto& items, auto& into, const auto& seen) {
        for (auto& [name, work] : items[0]) {
            auto& other = items[1].at(name);
            compare_texts("handed out",
                          sides_[0].words(wording::detail::comparable).of(work),
                          sides_[1].words(wording::detail::comparable).of(other));
            seen(work);
            into.hold({std::move(work), std::move(other)});
        }
    };
    std::array instances{std::move(all[0].orchestrations), std::move(all[1].orchestrations)};
    std::array tasks{std::move(all[0].activities), std::move(all[1].activities)};
    keep_each(instances, orchestrations, [&](const auto& work) { count_item(work); });
    keep_each(tasks, activities, [&](const auto& work) {
        counts.add("item: deliveries above 1", work.deliveries > 1 ? 1 : 0);
        counts.add("lock: suspect activity", work.suspect ? 1 : 0);
    });
}

void lockstep::count_item(const orchestration_work& work) {
    saw_execution(work.instance, work.execution);
    counts.add("item: deliveries above 1", work.deliveries > 1 ? 1 : 0);
    counts.add("item: suspect", work.suspect ? 1 : 0);
    counts.add("lock: suspect orchestration", work.suspect ? 1 : 0);
    counts.add(work.history.empty() ? "item: history left out" : "item: history given");
    for (const inbox_message& message : work.inbox) {
        counts.add("inbox: " + kind_of(message.event));
    }
}

}  // namespace perdure::conformance
