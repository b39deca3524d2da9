#include "nouns/checks.hpp"

#include <perdure/context.hpp>

#include <cstdlib>
#include <cxxabi.h>
#include <string_view>
#include <typeinfo>

// The parts of the authoring headers that need no template.

namespace perdure {
inline namespace v1 {

namespace detail {

root_frame::~root_frame() = default;

turn& turn_of(context& ctx) noexcept {
    return *ctx.turn_;
}

void throw_failure(const task_slot& slot) {
    if (slot.cancelled) {
        throw task_cancelled(*slot.reason);
    }
    if (slot.kind == event_kind::child_created) {
        throw perdure::child_failed(*slot.reason);
    }
    throw activity_failed(*slot.reason);
}

namespace {

std::string readable_name(const std::type_info& type) {
    int status = 0;
    char* text = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
    std::string name = status == 0 && text != nullptr ? text : type.name();
    std::free(text);  // NOLINT: __cxa_demangle allocates with malloc
    // The version of the library is no part of what a type is called.
    constexpr std::string_view versioned = "perdure::v1::";
    return name.starts_with(versioned) ? "perdure::" + name.substr(versioned.size()) : name;
}

}  // namespace

failure describe_exception(const std::exception_ptr& thrown) {
    try {
        std::rethrow_exception(thrown);
    } catch (const task_failed& problem) {
        // Whatever has carried it so far: type, flag and properties are for whoever decides on a
        // retry, however many children lie between.
        return checks::bounded(problem.reason());
    } catch (const std::exception& problem) {
        return checks::bounded({readable_name(typeid(problem)), problem.what()});
    } catch (...) {
        const std::type_info* type = abi::__cxa_current_exception_type();
        return {type != nullptr ? readable_name(*type) : "unknown",
                "an exception that is not derived from std::exception"};
    }
}

failure describe_activity_exception(const std::exception_ptr& thrown) {
    failure reason = describe_exception(thrown);
    try {
        std::rethrow_exception(thrown);
    } catch (const payload_error&) {
        // The same bytes will fail again.
        reason.type = failure_type::payload_error;
        reason.non_retriable = true;
    } catch (...) {  // NOLINT(bugprone-empty-catch): everything else is retriable
    }
    return reason;
}

slot_group::slot_group(turn* owner, std::vector<task_slot*> slots, goal wanted)
    : owner_(owner), slots_(std::move(slots)), goal_(wanted) {}

bool slot_group::is_reached() const noexcept {
    const auto is_done = [](const task_slot* slot) { return slot->done; };
    const auto is_settled = [](const task_slot* slot) { return slot->is_settled(); };
    return std::all_of(slots_.begin(), slots_.end(), is_settled) ||
           (is_one() && std::any_of(slots_.begin(), slots_.end(), is_done));
}

namespace {
template <class Condition>
const task_slot* earliest(const std::vector<task_slot*>& slots, Condition condition) {
    const task_slot* first = nullptr;
    for (const task_slot* slot : slots) {
        if (slot->done && condition(*slot) &&
            (first == nullptr || slot->done_order < first->done_order)) {
            first = slot;
        }
    }
    return first;
}
}  // namespace

const task_slot* slot_group::first_done() const noexcept {
    return earliest(slots_, [](const task_slot&) { return true; });
}

const task_slot* slot_group::first_failed() const noexcept {
    return earliest(slots_, [](const task_slot& slot) { return slot.reason != nullptr; });
}

group_waiter::group_waiter(slot_group group) : group_(std::move(group)) {}

bool group_waiter::is_ready() {
    if (group_.owner() != nullptr) {
        group_.owner()->await(group_.slots());
    }
    return group_.is_reached();
}

group_waiter::~group_waiter() {
    if (suspended_) {
        for (task_slot* slot : group_.slots()) {
            std::erase(slot->waiters, static_cast<waiter*>(this));
        }
    }
}

void group_waiter::suspend(std::coroutine_handle<> handle) {
    suspended_ = handle;
    open_ = 0;
    for (task_slot* slot : group_.slots()) {
        if (!slot->is_settled()) {
            slot->waiters.push_back(this);
            ++open_;
        }
    }
}

void group_waiter::wake() noexcept {
    // Counting keeps a fan-in of n tasks linear. A handle listed twice is counted, and woken,
    // twice.
    --open_;
    const bool is_enough = group_.is_one() || open_ == 0;
    if (is_enough && suspended_ && !woken_) {
        woken_ = true;
        group_.owner()->push(suspended_);
    }
}

first_of which_first(const slot_group& group) {
    const task_slot* first = group.first_done();
    if (first == nullptr) {
        throw_failure(*group.slots().front());  // All of them were taken back.
    }
    const auto place = std::find(group.slots().begin(), group.slots().end(), first);
    return {group.slots(), static_cast<std::size_t>(place - group.slots().begin())};
}

void throw_first_failure(const slot_group& group) {
    if (const task_slot* failed = group.first_failed()) {
        throw_failure(*failed);
    }
    for (const task_slot* slot : group.slots()) {
        if (slot->cancelled) {
            throw_failure(*slot);
        }
    }
}

}  // namespace detail

task_handle<void> context::create_timer(timestamp fire_at) {
    return {*turn_, turn_->create_timer(fire_at), &detail::slot_value<void>};
}

void context::cancel_losers(const first_of& first) {
    const auto& all = first.slots();
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (all[i] != all[first.index()] && all[i]->kind != event_kind::child_created) {
            turn_->cancel(*all[i]);
        }
    }
}

uuid context::new_id() {
    uuid id{turn_->random(), turn_->random()};
    // The version and variant bits of a random UUID.
    id.high = (id.high & ~0xF000ULL) | 0x4000ULL;
    id.low = (id.low & ~(0xC000ULL << 48U)) | (0x8000ULL << 48U);
    return id;
}

}  // namespace v1
}  // namespace perdure
