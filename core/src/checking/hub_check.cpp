#include <perdure/hub_check.hpp>

#include "checking/image_check.hpp"
#include "moving/images_of.hpp"

#include <perdure/kit/forwarding_backend.hpp>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace perdure {

namespace checking {

namespace {

constexpr std::uint64_t any_sequence = ~std::uint64_t{0};

// What is found in an image, whose history goes on in the store.
class examiner {
  public:
    // What a plugin answers is looked at as it is, without the checks that would refuse it.
    examiner(backend& store, image_store& images, image_limits at_once)
        : store_(raw_of(store, images)), images_(images), at_once_(at_once) {}

    // Nothing when its history was replaced while it was read.
    std::optional<findings> examine(const instance_image& image,
                                    std::uint64_t last_sequence,
                                    check_counts& counts) {
        if (image.history_version == 0) {
            return findings{};  // Of an import that was interrupted; the instance is parked.
        }
        const instance_record& record = image.record;
        history_scan scan(record.instance, record.execution);
        scan.read(image.history, record.history_length);
        while (scan.length() < record.history_length) {
            const auto page =
                store_.read_history(record.instance, scan.length(), at_once_.bytes);
            if (!page || page->execution != record.execution) {
                return std::nullopt;
            }
            const std::uint64_t before = scan.length();
            // A chunk that is not there is no reason to ask for ever.
            const bool goes_on = !page->chunks.empty() &&
                                 page->chunks.back().first + page->chunks.back().count > before;
            if (!goes_on) {
                break;
            }
            // Chunks from the one that holds the event on; one that was read is not read again.
            const auto fresh = std::ranges::find_if(
                page->chunks, [&](const history_chunk& c) { return c.first + c.count > before; });
            scan.read({fresh, page->chunks.end()}, record.history_length);
        }
        counts.events += scan.events();
        counts.passed_over += scan.is_partial() && scan.violations().empty() ? 1 : 0;
        return check_image(image, scan, last_sequence);
    }

    // Of children that their parents await, those that have ended.
    std::vector<violation> ended_children(std::vector<violation> awaited) {
        std::vector<violation> found;
        for (auto next = awaited.begin(); next != awaited.end();) {
            const auto end = next + std::min<std::ptrdiff_t>(awaited.end() - next, batch_items_max);
            std::vector<instance_id> ids;
            std::transform(next, end, std::back_inserter(ids), [](const violation& each) {
                return instance_id(each.place);
            });
            const auto records = store_.get(ids);
            for (const auto& record : records) {
                if (record && has_ended_for(*record, *next)) {
                    found.push_back(std::move(*next));
                }
                ++next;
            }
        }
        return found;
    }

    // Whether the violation is there when it is looked for again, all of it at one moment.
    bool is_still_there(const violation& found) {
        std::vector<instance_id> ids{*found.instance};
        if (found.broken == invariant::child_end_told) {
            ids.emplace_back(found.place);
        }
        const auto images = images_.read_images(ids, at_once_.bytes);
        if (!images.front()) {
            return false;
        }
        check_counts again;
        auto seen = examine(*images.front(), any_sequence, again);
        if (!seen) {
            return false;
        }
        const auto is_it = [&](const violation& each) {
            return each.broken == found.broken && each.number == found.number &&
                   each.execution == found.execution;
        };
        if (found.broken == invariant::child_end_told) {
            return std::ranges::any_of(seen->children, is_it) && images.back() &&
                   has_ended_for(images.back()->record, found);
        }
        return found.broken == invariant::messages_distinct ||
               std::ranges::any_of(seen->violations, is_it);
    }

  private:
    static backend& raw_of(backend& store, image_store& images) {
        auto* raw = dynamic_cast<backend*>(&images);
        return raw != nullptr ? *raw : store;
    }
    static bool has_ended_for(const instance_record& child, const violation& awaited) {
        return is_terminal(child.status) && child.parent &&
               *child.parent ==
                   parent_link{*awaited.instance, awaited.execution, {awaited.number}};
    }

    backend& store_;
    image_store& images_;
    image_limits at_once_;
};

}  // namespace

}  // namespace checking

inline namespace v1 {

hub_check::hub_check(backend& store, image_limits at_once)
    : store_(store),
      images_(moving::images_of(store)),
      inside_(interface_of<store_check>(store)),
      at_once_(at_once) {}

std::optional<std::vector<violation>> hub_check::next() {
    if (is_at_end_) {
        return std::nullopt;
    }
    if (!is_inside_) {
        auto found = check_images();
        is_inside_ = after_.empty();
        is_at_end_ = is_inside_ && inside_ == nullptr;
        return found;
    }
    check_page page = inside_->check(after_, at_once_.instances);
    after_ = std::move(page.next);
    is_at_end_ = after_.empty();
    return std::move(page.violations);
}

std::vector<violation> hub_check::check_images() {
    checking::examiner examiner(store_, images_, at_once_);
    const image_page page = images_.read_images(after_, at_once_.instances, at_once_.bytes);
    std::vector<violation> found;
    std::vector<violation> children;
    const auto take = [](std::vector<violation>& to, std::vector<violation>& from) {
        std::ranges::move(from, std::back_inserter(to));
    };
    for (const instance_image& image : page.images) {
        auto seen = examiner.examine(image, page.last_sequence, counts_);
        ++counts_.instances;
        counts_.messages += image.inbox.size();
        counts_.activities += image.activities.size();
        if (!seen) {
            // It has continued as new meanwhile, so its history is short now.
            const auto anew =
                images_.read_images(std::array{image.record.instance}, at_once_.bytes);
            seen = anew.front() ? examiner.examine(*anew.front(), checking::any_sequence, counts_)
                                : checking::findings{};
        }
        if (!seen) {
            ++counts_.passed_over;
            continue;
        }
        take(found, seen->violations);
        take(children, seen->children);
    }
    after_ = page.next;
    auto ended = examiner.ended_children(std::move(children));
    take(found, ended);
    std::erase_if(found, [&](const violation& each) {
        // The store sees more of where work and leases are found.
        const bool is_left_to_store =
            asks_store() && (each.broken == invariant::work_is_found ||
                             each.broken == invariant::lease_can_end);
        return is_left_to_store || !examiner.is_still_there(each);
    });
    return found;
}

}  // namespace v1
}  // namespace perdure
