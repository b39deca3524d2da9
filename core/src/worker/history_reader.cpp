#include "worker/history_reader.hpp"

#include <perdure/history_codec.hpp>

#include <fmt/format.h>

#include <iterator>
#include <utility>

namespace perdure::dispatch {

std::optional<executed> history_reader::rebuild(const leased_item& item,
                                                replay::turn_machine& machine) {
    const auto& work = std::get<orchestration_work>(item.work);
    std::vector<history_event> events;
    for (const history_chunk& chunk : work.history) {
        decode_chunk(chunk, events);
    }
    // Page by page, because the machine keeps what it needs, and all of it twice may be too much.
    for (std::uint64_t known = events.size();; known += events.size()) {
        const bool is_all = known >= work.history_length;
        machine.rebuild(
            events, is_all ? replay::history_ends::after_a_turn : replay::history_ends::anywhere);
        if (is_all) {
            return std::nullopt;
        }
        events.clear();
        if (auto instead = read_page(item, known, events)) {
            return instead;
        }
    }
}

std::optional<executed> history_reader::read_page(const leased_item& item,
                                                  std::uint64_t from,
                                                  std::vector<history_event>& events) {
    const auto& work = std::get<orchestration_work>(item.work);
    std::optional<history_page> page;
    const bool is_answered =
        calls_.repeat([&] { page = store_.read_history(work.instance, from, batch_bytes_max); },
                      [&] { return item.lease_end.load() > steady::now(); });
    if (!is_answered || !page || page->execution != work.execution ||
        page->history_version != work.history_version ||
        page->last_committed != work.last_committed) {
        // Whoever changed the history under the lease has taken the lease away.
        return executed::dropped();
    }
    for (const history_chunk& chunk : page->chunks) {
        const std::uint64_t next = from + events.size();
        if (chunk.first > next) {
            break;
        }
        if (chunk.first + chunk.count > next) {
            const std::size_t known = next - chunk.first;
            std::vector<history_event> decoded;
            decode_chunk(chunk, decoded);
            events.insert(
                events.end(),
                std::make_move_iterator(decoded.begin() + static_cast<std::ptrdiff_t>(known)),
                std::make_move_iterator(decoded.end()));
        }
    }
    if (events.empty()) {
        return executed::parked(
            fmt::format("the history ends after {} events, but {} are said to be there",
                        from,
                        work.history_length));
    }
    return std::nullopt;
}

}  // namespace perdure::dispatch
