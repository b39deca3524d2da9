#include "images.hpp"

#include <perdure/kit/images.hpp>
#include <perdure/kit/invariant.hpp>
#include <perdure/kit/outcomes.hpp>

#include <algorithm>
#include <charconv>

// An image has the members of `instance` under the names that all stores share.

namespace perdure::memory {

namespace {

lease_image lease_of(const leasable& item) {
    const auto since = item.queued ? std::optional(item.queued->since) : std::nullopt;
    const bool runs = item.is_in(list::leased);
    return {.token = item.held,
            .holder = item.held ? item.holder : worker_id(),
            .until = runs ? since : std::nullopt,
            .suspect = item.suspect,
            .deliveries = item.deliveries - 1,
            .ready_at = runs ? std::nullopt : since};
}

// Takes images until they weigh so many bytes; what is too much is left out of the last history.
class camera {
  public:
    camera(timestamp now, std::size_t bytes) : now_(now), room_(bytes) {}

    [[nodiscard]] bool is_full() const { return room_ == 0; }

    instance_image take(const instance& from) {
        instance_image image{.record = from.record,
                             .created_as = from.created_as,
                             .history_version = from.history_version,
                             .last_committed = from.last_committed,
                             .last_committer = from.last_committer,
                             .needs_turn = from.needs_turn,
                             .not_before = from.not_before,
                             .held = lease_of(from)};
        image.record.inbox_length = from.inbox.size();
        image.record.leased_by = from.is_leased(now_) ? from.holder.text : std::string();
        for (const auto& [order, m] : from.inbox) {
            const bool is_bound = m.execution != execution_id();
            image.inbox.push_back({m, order.first, is_bound, m.is_timer, m.completed_by});
        }
        for (const auto& [at, id] : from.accepted_order) {
            image.accepted.push_back({id, at});
        }
        for (const auto& [key, task] : from.activities) {
            image.activities.push_back({task.scheduled, key.execution, lease_of(task)});
        }
        std::ranges::sort(image.activities, {}, [](const activity_image& task) {
            return std::pair(task.execution, task.scheduled.task);
        });
        weigh(weight_of(image));
        for (const history_chunk& chunk : from.history) {
            if (is_full() && !image.history.empty()) {
                break;
            }
            image.history.push_back(chunk);
            weigh(chunk.text.size());
        }
        return image;
    }

  private:
    void weigh(std::size_t bytes) { room_ -= std::min(room_, bytes); }

    const timestamp now_;
    std::size_t room_;
};

bool is_same(const instance& found, const instance_image& image) {
    return found.created_as == image.created_as && found.record.execution == image.record.execution;
}

// A chunk ends where the image begins.
bool joins(const instance& found, const instance_image& image) {
    const std::uint64_t first = image.history.front().first;
    return first == found.record.history_length ||
           std::ranges::any_of(found.history, [&](const auto& c) { return c.first == first; });
}

// Whether the image may be written over what is there.
bool is_accepted(const instance* found, const instance_image& image, write_mode mode) {
    const bool begins = image.history.front().first == 0;
    if (found == nullptr || (mode == write_mode::replace && begins)) {
        return begins;
    }
    const bool is_its_continuation = is_same(*found, image) && joins(*found, image);
    return mode == write_mode::replace
               ? is_its_continuation                                    // [IMAGE-7]
               : is_its_continuation && found->history_version == 0 &&  // [IMAGE-4]
                     found->record.history_length == image.history.front().first;
}

void restore_lease(call& work, leasable& item, const lease_image& held) {
    item.held = held.token;
    item.holder = held.holder;
    item.suspect = held.suspect;
    item.deliveries = held.deliveries + 1;
    if (held.token) {
        work.hub.leases.emplace(held.token, &item);
    }
    if (held.until) {
        work.enqueue(item, list::leased, *held.until);
    } else {
        work.settle(item, held.ready_at);
    }
}

void restore(call& work, instance& target, const instance_image& image) {
    const auto& [record,
                 created_as,
                 history_version,
                 last_committed,
                 last_committer,
                 needs_turn,
                 not_before,
                 held,
                 history,
                 inbox,
                 accepted,
                 activities] = image;
    target.record = record;
    target.history_version = history_version;
    target.last_committed = last_committed;
    target.last_committer = last_committer;
    target.needs_turn = needs_turn;
    target.not_before = not_before;
    for (const auto& [body, due, for_execution, is_timer, completed_by] : inbox) {
        const auto bound_to = for_execution ? record.execution : execution_id();
        target.inbox.emplace(std::pair(due, body.sequence),
                             message{body, bound_to, is_timer, completed_by});
    }
    for (const accepted_message& known : accepted) {
        target.accepted.insert(known.id);
        target.accepted_order.emplace_back(known.at, known.id);
    }
    for (const auto& [scheduled, execution, task_held] : activities) {
        const item_key key{record.instance, scheduled.task, execution};
        activity task{{key, ++work.hub.last_ticket, scheduled.priority}, scheduled};
        task.not_before = task_held.ready_at.value_or(timestamp());
        restore_lease(
            work, target.activities.emplace(key, std::move(task)).first->second, task_held);
    }
    restore_lease(work, target, held);
}

// Puts an instance with nothing but a history in the place of what is there.
instance& replaced(call& work, const instance_image& image) {
    const instance_id& id = image.record.instance;
    instance* found = work.find(id);
    const std::uint64_t first = image.history.front().first;
    std::vector<history_chunk> kept;
    const std::uint64_t ticket = found != nullptr ? found->ticket : ++work.hub.last_ticket;
    if (found != nullptr) {
        std::ranges::copy_if(found->history, std::back_inserter(kept), [&](const auto& chunk) {
            return chunk.first < first;
        });
        work.erase(*found);
    }
    instance& target = work.hub.instances.try_emplace(id, id, ticket).first->second;
    target.record.name = image.record.name;
    target.record.version = image.record.version;
    target.record.kind = image.record.kind;
    target.record.execution = image.record.execution;
    target.record.parked_reason = incomplete_image;
    target.record.history_length = first;
    target.created_as = image.created_as;
    target.history_version = 0;
    target.history = std::move(kept);
    for (const history_chunk& chunk : image.history) {
        target.append({chunk.count, chunk.text});
    }
    return target;
}

write_outcome write(call& work, const instance_image& image, write_mode mode) {
    if (!is_accepted(work.find(image.record.instance), image, mode)) {
        return write_outcome::refused;  // [IMAGE-5]
    }
    instance& target = replaced(work, image);
    if (has_end(image)) {
        restore(work, target, image);
    }
    return write_outcome::written;
}

}  // namespace

image_page images_of_store::read_images(const std::string& after,
                                        std::size_t limit,
                                        std::size_t bytes) {
    std::uint64_t last = 0;
    const char* end = after.data() + after.size();
    refuse_unless(after.empty() || std::from_chars(after.data(), end, last).ptr == end,
                  "this is not what another page of images said");
    const call work(hub(), call::in_closed_hub::allowed);
    std::map<std::uint64_t, const instance*> following;
    for (const auto& [id, found] : work.hub.instances) {
        if (found.ticket > last) {
            following.emplace(found.ticket, &found);
        }
    }
    camera taking(work.now, bytes);
    image_page page{.last_sequence = work.hub.last_sequence};
    for (const auto& [ticket, found] : following) {
        if (page.images.size() == limit || (taking.is_full() && !page.images.empty())) {
            page.next = std::to_string(last);
            break;
        }
        page.images.push_back(taking.take(*found));
        last = ticket;
    }
    return page;
}

std::vector<std::optional<instance_image>> images_of_store::read_images(
    std::span<const instance_id> instances, std::size_t bytes) {
    call work(hub(), call::in_closed_hub::allowed);
    return each(instances, [&](const instance_id& id) {
        const instance* found = work.find(id);
        return found ? std::optional(camera(work.now, bytes).take(*found)) : std::nullopt;
    });
}

std::vector<write_outcome> images_of_store::write_images(std::span<const instance_image> images,
                                                         std::uint64_t last_sequence,
                                                         write_mode mode) {
    refuse_contradictions(images, last_sequence);
    call work(hub(), call::in_closed_hub::allowed);
    work.hub.last_sequence = std::max(work.hub.last_sequence, last_sequence);
    return each(images, [&](const instance_image& image) { return write(work, image, mode); });
}

void images_of_store::remove_images(std::span<const instance_id> instances) {
    call work(hub(), call::in_closed_hub::allowed);
    for (const instance_id& id : instances) {
        if (instance* found = work.find(id)) {
            work.erase(*found);
        }
    }
}

void images_of_store::set_closed(const std::string& reason) {
    const call work(hub(), call::in_closed_hub::allowed);
    work.hub.closed_reason = reason;
    work.hub.waiting.announce_work();
    work.hub.waiting.announce_end();
}

std::string images_of_store::closed_reason() {
    return call(hub(), call::in_closed_hub::allowed).hub.closed_reason;
}

}  // namespace perdure::memory
