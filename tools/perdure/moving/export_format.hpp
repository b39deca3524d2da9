#pragma once

#include <perdure/failure.hpp>
#include <perdure/time.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// What writers and readers of export files have in common; docs/export-format.md describes the
// file.

namespace perdure::tool {

inline constexpr std::string_view export_format = "perdure-export";
inline constexpr std::uint64_t export_version = 1;

// The longest line, and so the most that a file can make a reader hold in memory at once: what a
// store keeps as one text.
inline constexpr std::size_t line_bytes_max = std::size_t{1} << 30U;

// So many ids of accepted messages stand in one line.
inline constexpr std::size_t accepted_in_line_max = 500;

// The first member of each line.
namespace line_kind {
inline constexpr std::string_view header = "header";
inline constexpr std::string_view instance = "instance";
inline constexpr std::string_view message = "message";
inline constexpr std::string_view accepted = "accepted";
inline constexpr std::string_view activity = "activity";
inline constexpr std::string_view chunk = "chunk";
inline constexpr std::string_view end_of_instance = "end_of_instance";
inline constexpr std::string_view end = "end";
}  // namespace line_kind

// The last member of each line but the first: `,"chain":"` and the digits of a hash value, `"}`.
inline constexpr std::string_view chain_member = ",\"chain\":\"";
inline constexpr std::size_t chain_bytes = chain_member.size() + 64 + 2;

// A file of which not even the first line can be read.
class damaged_file final : public error {
  public:
    using error::error;
};

struct export_header {
    std::string format{export_format};
    std::uint64_t version = export_version;
    bool redacted = false;
    // By the clock of the store.
    timestamp written_at{};
    // Which Perdure wrote it.
    std::string by{};
    // Backend and address, without secrets.
    std::string hub{};
    // How many workers lived on the hub: with any, instances are of different moments.
    std::uint64_t live_workers = 0;
};

template <class Members, class Header>
void describe_header(Members& has, Header& value) {
    has("format", value.format);
    has("version", value.version);
    has("redacted", value.redacted);
    has("written_at", value.written_at);
    has("by", value.by);
    has("hub", value.hub);
    has("live_workers", value.live_workers);
}

struct export_counts {
    std::uint64_t instances = 0;
    std::uint64_t events = 0;
    std::uint64_t messages = 0;
    std::uint64_t activities = 0;
    std::uint64_t last_sequence = 0;

    friend bool operator==(const export_counts&, const export_counts&) = default;
};

template <class Members, class Counts>
void describe_counts(Members& has, Counts& value) {
    has("instances", value.instances);
    has("events", value.events);
    has("messages", value.messages);
    has("activities", value.activities);
    has("last_sequence", value.last_sequence);
}

}  // namespace perdure::tool
