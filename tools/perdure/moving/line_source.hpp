#pragma once

#include "byte_streams.hpp"

#include <cstdint>
#include <string>

namespace perdure::tool {

// The lines of a text, and where they are. One thread at a time; the source must outlive it.
class line_source {
  public:
    explicit line_source(byte_source& from) : from_(from), buffer_(std::size_t{64} << 10U, '\0') {}

    enum class [[nodiscard]] found{line, end, line_without_end};

    // The next line, without the line feed. Throws `error` for one that is too long, and what the
    // source throws.
    found next(std::string& line);

    // Of the last line, from 1 on.
    [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
    // Of its first byte, from 0 on.
    [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

  private:
    byte_source& from_;
    std::string buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::uint64_t number_ = 0;
    std::uint64_t offset_ = 0;
    std::uint64_t next_offset_ = 0;
};

}  // namespace perdure::tool
