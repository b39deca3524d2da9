#pragma once

#include "digest.hpp"
#include "export_format.hpp"
#include "line_reader.hpp"
#include "line_source.hpp"
#include "zstd_streams.hpp"

#include <perdure/instance_image.hpp>

#include <optional>
#include <string>
#include <variant>

namespace perdure::tool {

// An image of the file, or a part of one with a long history: other chunks of the same image each
// time, and the last only when all lines of the instance were found in order.
struct read_part {
    instance_image image;
    std::uint64_t last_sequence = 0;
};

// What is wrong with a file: where, with which instance, what was expected and what was found. That
// instance comes no further.
struct file_damage {
    std::string text;
    std::optional<instance_id> instance{};
};

// Reads and checks an export file in bounded memory: `part_bytes`, and what belongs to one instance
// beside its history. After a damage it goes on with the next instance. One thread at a time; the
// source must outlive it.
class export_reader {
  public:
    // Throws `damaged_file` for what is no export file, `invalid_input` for one of a newer version.
    export_reader(byte_source& from, std::size_t part_bytes);

    [[nodiscard]] const export_header& header() const noexcept { return header_; }

    using answer = std::variant<std::monostate, read_part, file_damage>;
    // What comes next; nothing at the end.
    [[nodiscard]] answer next();

    // Of the instances that were found in order.
    [[nodiscard]] const export_counts& counts() const noexcept { return counts_; }

  private:
    // An instance whose lines are being read.
    struct open_instance {
        read_part part;
        hash_value chain{};
        std::uint64_t lines = 1;
        std::uint64_t events = 0;
        std::size_t bytes = 0;
        // Of the last line: they come in a certain order.
        std::size_t rank = 0;
    };

    void read_header();
    [[nodiscard]] bool read_line();
    [[nodiscard]] bool is_skipped() const;
    [[nodiscard]] std::optional<answer> take_line();
    std::optional<answer> begin_instance();
    std::optional<answer> take_item(std::string_view kind);
    std::optional<answer> take_chunk(history_chunk chunk);
    answer end_instance();
    void end_file();
    void check_contradictions() const;
    file_damage give_up(const std::string& problem);
    // Line, byte and instance, for errors.
    [[nodiscard]] std::string where() const;

    // The first member of the line.
    [[nodiscard]] std::string_view kind() const;
    // Checks the chain, takes it off the line, and returns its value.
    [[nodiscard]] hash_value check_chain(const hash_value& previous);
    // Reads the members that `describe_line` names.
    template <class Describe>
    void read_members(const Describe& describe_line);

    decompressing_source bytes_;
    line_source lines_;
    std::size_t part_bytes_;
    hasher hasher_;
    export_header header_;
    std::string line_;
    // The line is to be taken (again) by the next call.
    bool is_line_kept_ = false;
    hash_value first_{};
    hash_value of_file_{};
    std::optional<open_instance> open_;
    // Until the next instance begins.
    bool is_skipping_ = false;
    bool is_damaged_ = false;
    bool is_over_ = false;
    bool has_end_ = false;
    // Of the last instance that began.
    std::uint64_t number_ = 0;
    std::optional<instance_id> last_;
    export_counts counts_;
};

}  // namespace perdure::tool
