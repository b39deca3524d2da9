#include <perdure/kit/images.hpp>
#include <perdure/kit/invariant.hpp>
#include <perdure/printable.hpp>

#include <algorithm>
#include <utility>

namespace perdure {
inline namespace v1 {

namespace {

void check_lease(const lease_image& held) {
    refuse_unless(!held.until || held.token, "a lease has an end and no token");
    refuse_unless(held.token || held.holder.text.empty(), "there is a holder without a lease");
    refuse_unless(!held.until || !held.ready_at, "what is leased does not wait for a worker");
}

void check_history(const instance_image& image) {
    refuse_unless(image.history_version != 0, "a history version begins at 1");
    refuse_unless(!image.history.empty(), "there is no history");
    std::uint64_t next = image.history.front().first;
    for (const history_chunk& chunk : image.history) {
        refuse_unless(chunk.first == next && chunk.count != 0,
                      "a chunk of the history does not follow the one before it");
        next += chunk.count;
    }
    refuse_unless(next <= image.record.history_length, "the history is longer than it says");
}

void check_state(const instance_image& image) {
    const instance_record& record = image.record;
    const bool has_ended = is_terminal(record.status);
    refuse_unless(has_ended == record.completed_at.has_value(),
                  "the time at which it ended does not go with the status");
    refuse_unless(!has_ended || (image.inbox.empty() && !image.held.token && !image.held.ready_at &&
                                 record.parked_reason.empty()),
                  "what has ended is neither leased, ready nor parked and has no inbox");
    refuse_unless(record.level != 0, "a feature level begins at 1");
}

void check_inbox(const instance_image& image, std::uint64_t last_sequence) {
    const message_image* before = nullptr;
    for (const message_image& next : image.inbox) {
        refuse_unless(next.due >= next.message.visible_at, "a message is due before it is visible");
        refuse_unless(next.message.sequence <= last_sequence,
                      "a message has a higher sequence than the hub has given");
        refuse_unless(before == nullptr || std::pair(before->due, before->message.sequence) <
                                               std::pair(next.due, next.message.sequence),
                      "the inbox is not in order");
        before = &next;
    }
}

void check_activities(const instance_image& image) {
    const activity_image* before = nullptr;
    for (const activity_image& next : image.activities) {
        refuse_unless(bool(next.scheduled.task), "an activity has no task");
        refuse_unless(before == nullptr || std::pair(before->execution, before->scheduled.task) <
                                               std::pair(next.execution, next.scheduled.task),
                      "the activities are not in order");
        refuse_unless(next.held.until.has_value() != next.held.ready_at.has_value(),
                      "an activity is either leased or waits for a worker");
        check_lease(next.held);
        before = &next;
    }
}

void refuse_contradictions(const instance_image& image, std::uint64_t last_sequence) {
    try {
        check_history(image);
        check_state(image);
        check_lease(image.held);
        check_inbox(image, last_sequence);
        check_activities(image);
    } catch (backend_error& wrong) {
        wrong.add_context("writing the image of instance \"" +
                          printable(image.record.instance.text()) + "\"");
        throw;
    }
}

}  // namespace

void refuse_contradictions(std::span<const instance_image> images, std::uint64_t last_sequence) {
    for (const instance_image& image : images) {
        refuse_contradictions(image, last_sequence);
    }
}

std::size_t weight_of(const instance_image& image) noexcept {
    constexpr std::size_t columns = 256;
    const instance_record& record = image.record;
    std::size_t bytes = columns + record.custom_status.bytes.size() + record.output.bytes.size() +
                        record.failure.size() + record.parked_reason.size();
    for (const auto& [key, value] : record.tags) {
        bytes += key.size() + value.size();
    }
    for (const message_image& message : image.inbox) {
        bytes += columns + message.message.event.size();
    }
    for (const accepted_message& message : image.accepted) {
        bytes += message.id.size() + sizeof message.at;
    }
    for (const activity_image& task : image.activities) {
        bytes += columns + task.scheduled.input.bytes.size() + task.scheduled.details.size();
    }
    return bytes;
}

}  // namespace v1
}  // namespace perdure
