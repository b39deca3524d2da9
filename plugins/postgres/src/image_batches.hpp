#pragma once

#include "store.hpp"

#include <perdure/instance_image.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

// Images of instances, to and from the composite types of the schema.

namespace perdure::postgres {

/// The columns of a lease. An expiry that a call has noticed is counted in them, and not in an image;
/// it has a time at which it is ready beside the token.
struct stored_lease {
    std::optional<std::uint64_t> token;
    std::optional<timestamp> until;
    /// A name, valid as long as what it was made of.
    std::optional<std::string_view> holder;
    std::optional<timestamp> ready_at;
    bool suspect = false;
    bool leased_alone = false;
    std::uint32_t deliveries = 0;

    friend bool operator==(const stored_lease&, const stored_lease&) = default;
};

[[nodiscard]] stored_lease stored_form(const lease_image& held);
[[nodiscard]] lease_image image_of(const stored_lease& held);

/// Throws `backend_error` (rejected), which names the instance, for numbers beyond what the columns
/// take, and for what is parked and leased at once.
void refuse_unstorable(std::span<const instance_image> images);

/// The parameters of _WriteImages but the last one. The images are those that the store takes.
void add_images(parameters& values, store& hub, std::span<const instance_image> images);

/// The columns of a row of _ReadImages that are an image, in their order.
struct image_columns {
    field record;
    field state;
    field chunks;
    field inbox;
    field accepted;
    field tasks;
};
/// Nothing for a row of nulls.
[[nodiscard]] std::optional<instance_image> read_image(const image_columns& row);

}  // namespace perdure::postgres
