#pragma once

#include "byte_streams.hpp"
#include "digest.hpp"
#include "export_format.hpp"
#include "line_writer.hpp"

#include <perdure/instance_image.hpp>

#include <span>

namespace perdure::tool {

// Writes an export file. One thread at a time; the sink must outlive it.
class export_writer {
  public:
    export_writer(byte_sink& to, const export_header& header);

    // An image, or the part that follows the one before. Throws `backend_error` (rejected) for an
    // instance whose import was not completed.
    void write(const instance_image& part, std::uint64_t last_sequence);
    // Writes the end, and finishes the sink.
    void finish();

    [[nodiscard]] const export_counts& counts() const noexcept { return counts_; }

  private:
    void begin(const instance_image& image, std::uint64_t last_sequence);
    void write_accepted(std::span<const accepted_message> messages);
    void end();
    template <class Item>
    void write_item(std::string_view kind, const Item& item);
    // Writes the line, and returns the next value of the chain.
    hash_value write_line(line_writer line, const hash_value& previous);

    byte_sink& to_;
    hasher hasher_;
    // Of the header; the chain of each instance begins with it.
    hash_value first_{};
    hash_value of_instance_{};
    hash_value of_file_{};
    std::uint64_t lines_ = 0;
    export_counts counts_;
};

}  // namespace perdure::tool
