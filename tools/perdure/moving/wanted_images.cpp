#include "wanted_images.hpp"

#include "../filters.hpp"

#include <perdure/client.hpp>

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace perdure::tool {
namespace {

// Of instances that are asked for by id, so many are held at once, and so much of each.
constexpr image_limits selected_at_once{.instances = 32, .bytes = std::size_t{256} << 10U};

void take_all(image_reader& reads, const image_taker& take) {
    for (auto images = reads.next(); !images.empty(); images = reads.next()) {
        for (instance_image& image : images) {
            take(std::move(image));
        }
    }
}

// Each of them, cut as `selected_at_once` says.
void take_these(image_reader& reads, std::span<const instance_id> ids, const image_taker& take) {
    for (auto& found : reads.get(ids)) {
        for (std::optional<instance_image> part = std::move(found); part;) {
            auto rest = reads.rest_of(*part);
            take(*std::exchange(part, std::move(rest)));
        }
    }
}

void take_found(image_reader& reads,
                client& asking,
                const instance_filter& filter,
                const image_taker& take) {
    std::string after;
    do {
        const instance_page page = asking.query(filter, selected_at_once.instances, after);
        std::vector<instance_id> ids;
        for (const instance_record& found : page.instances) {
            ids.push_back(found.instance);
        }
        take_these(reads, ids, take);
        after = page.next;
    } while (!after.empty());
}

}  // namespace

void check_wanted(std::string_view verb, const hub& from, const wanted_instances& wanted) {
    if (!wanted.ids.empty() && !wanted.filter.is_empty()) {
        throw invalid_input(std::string(verb) + ": filters do not go with named instances");
    }
    static_cast<void>(read_filter(wanted.filter));
    for (const auto& id : wanted.ids) {
        const instance_id one(id);
        if (!from.store().get(std::span(&one, 1)).front()) {
            throw no_such_instance(one);
        }
    }
}

image_limits at_once_for(const wanted_instances& wanted) {
    return wanted.is_whole_hub() ? image_limits() : selected_at_once;
}

void take_wanted(const hub& from,
                 const wanted_instances& wanted,
                 image_reader& reads,
                 const image_taker& take) {
    if (wanted.is_whole_hub()) {
        take_all(reads, take);
        return;
    }
    client asking(from);
    if (wanted.ids.empty()) {
        take_found(reads, asking, read_filter(wanted.filter), take);
    }
    for (const auto& id : wanted.ids) {
        const instance_id one(id);
        take_these(reads, std::span(&one, 1), take);
    }
}

}  // namespace perdure::tool
