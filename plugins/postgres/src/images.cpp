#include "backend.hpp"
#include "image_batches.hpp"
#include "work.hpp"

#include <perdure/kit/images.hpp>
#include <perdure/printable.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string>

// How instances move: images of them, read and written.

namespace perdure::postgres {

namespace {

constexpr statement read_some{
    "read_images",
    "select instance, state, chunks, inbox, accepted, tasks, next, last_sequence"
    " from _ReadImages($1, $2, $3, $4)",
    effect::none};
constexpr statement write_some{"write_images",
                               "select outcomes, left_ready, next_due, store_time"
                               " from _WriteImages($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                               effect::mutating};
constexpr statement remove_some{"remove_images", "select _RemoveImages($1, $2)", effect::mutating};
constexpr statement close_this{"set_closed", "select _SetClosed($1)", effect::mutating};
constexpr statement read_reason{"closed_reason", "select _ClosedReason()", effect::none};

constexpr std::size_t next_column = 6;
constexpr std::size_t sequence_column = 7;

// What a page has at most, whatever is asked for: the server makes one answer of it.
constexpr std::size_t page_images_max = 100'000;
constexpr std::size_t page_bytes_max = std::size_t{256} << 20U;

std::int64_t key_in(const std::string& after) {
    std::int64_t key = 0;
    const char* const end = after.data() + after.size();
    const auto [stop, problem] = std::from_chars(after.data(), end, key);
    if (!after.empty() && (problem != std::errc() || stop != end || key < 0)) {
        throw backend_error(
            store_fault::rejected,
            "\"" + printable(after) + "\" is no place to go on reading images from");
    }
    return key;
}

std::optional<instance_image> image_in(const answer& found, std::size_t row) {
    return read_image({.record = found.at(row, 0),
                       .state = found.at(row, 1),
                       .chunks = found.at(row, 2),
                       .inbox = found.at(row, 3),
                       .accepted = found.at(row, 4),
                       .tasks = found.at(row, 5)});
}

template <class Number>
Number at_most(std::uint64_t number) {
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<Number>::max());
    return static_cast<Number>(std::min(number, most));
}

}  // namespace

// [IMAGE-2] [IMAGE-3]
image_page postgres_backend::read_images(const std::string& after,
                                         std::size_t limit,
                                         std::size_t bytes) {
    parameters values;
    values.add<sql::bigint>(key_in(after))
        .add<sql::integer>(std::clamp(limit, std::size_t{1}, page_images_max))
        .add_null_list<sql::text>()
        .add<sql::bigint>(std::clamp(bytes, std::size_t{1}, page_bytes_max));
    const answer found = hub_.call(read_some, values);
    image_page page;
    page.images.reserve(found.rows());
    for (std::size_t row = 0; row < found.rows(); ++row) {
        if (std::optional<instance_image> image = image_in(found, row)) {
            page.images.push_back(std::move(*image));
        }
    }
    if (const auto next = found.at(0, next_column).number_or_null()) {
        page.next = std::to_string(*next);
    }
    page.last_sequence = static_cast<std::uint64_t>(found.at(0, sequence_column).number());
    return page;
}

std::vector<std::optional<instance_image>> postgres_backend::read_images(
    std::span<const instance_id> instances, std::size_t bytes) {
    std::vector<std::optional<instance_image>> images;
    if (instances.empty()) {
        return images;
    }
    parameters values;
    values.add_null<sql::bigint>()
        .add_null<sql::integer>()
        .add_list<sql::text>(instances, &instance_id::text)
        .add<sql::bigint>(std::clamp(bytes, std::size_t{1}, page_bytes_max));
    const answer found = hub_.call(read_some, values);
    images.reserve(found.rows());
    for (std::size_t row = 0; row < found.rows(); ++row) {
        images.push_back(image_in(found, row));
    }
    return images;
}

// [IMAGE-6]
std::vector<write_outcome> postgres_backend::write_images(std::span<const instance_image> images,
                                                          std::uint64_t last_sequence,
                                                          write_mode mode) {
    refuse_contradictions(images, last_sequence);
    refuse_unstorable(images);
    return hub_.with_names([&] { return write_now(images, last_sequence, mode); });
}

std::vector<write_outcome> postgres_backend::write_now(std::span<const instance_image> images,
                                                       std::uint64_t last_sequence,
                                                       write_mode mode) {
    parameters values;
    add_images(values, hub_, images);
    values.add<sql::bigint>(at_most<std::int64_t>(last_sequence))
        .add<sql::boolean>(mode == write_mode::replace)
        .add<sql::bigint>(era_.load());
    announcing_call work(hub_);
    const answer done = hub_.call(write_some, values);
    // What waits has waited since it was ready in its first hub.
    hub_.low_water_marks().forget();
    work.news.due_is_news = true;
    // Whoever waits for an instance that was purged here finds its image.
    work.news.any_may_have_ended = true;
    work.finish(done.only(3), done.only(1), done.only(2));
    return read_outcomes<write_outcome>(done.only(0));
}

void postgres_backend::remove_images(std::span<const instance_id> instances) {
    parameters values;
    values.add_list<sql::text>(instances, &instance_id::text).add<sql::bigint>(era_.load());
    change_for_all(remove_some, values);
}

// Whoever waits hears of it.
void postgres_backend::set_closed(const std::string& reason) {
    parameters values;
    values.add<sql::text>(reason);
    change_for_all(close_this, values);
}

std::string postgres_backend::closed_reason() {
    return std::string(hub_.call(read_reason, {}).only(0).text());
}

// A call that may have ended whatever somebody waits for, and answers with the store's time.
void postgres_backend::change_for_all(const statement& what, const parameters& values) {
    announcing_call work(hub_);
    const answer done = hub_.call(what, values);
    work.news.any_may_have_ended = true;
    work.finish(done.only(0).time(), true, {});
}

}  // namespace perdure::postgres
