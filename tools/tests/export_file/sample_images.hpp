#pragma once

#include "moving/export_reader.hpp"
#include "moving/export_writer.hpp"

#include <perdure/instance_image.hpp>

#include <string>
#include <vector>

// Images with everything that an instance can have, and files of them in memory.

namespace perdure::tool {

inline constexpr std::uint64_t sample_sequence = 40;

// A running instance with a history of so many chunks behind its start event.
instance_image sample_image(const std::string& id, std::size_t chunks = 2);
// What is strange about each is its id.
std::vector<instance_image> strange_images();

// A file of these images.
std::string file_of(const std::vector<instance_image>& images, const export_header& header = {});
// The same, compressed.
std::string compressed(const std::string& text);

class text_source final : public byte_source {
  public:
    explicit text_source(std::string text) : text_(std::move(text)) {}
    [[nodiscard]] std::size_t read(std::span<char> into) override;

  private:
    std::string text_;
    std::size_t at_ = 0;
};

// All that a file gives.
struct read_file {
    // With the parts of long histories put together.
    std::vector<instance_image> images{};
    // Parts, and those of images whose end did not come.
    std::vector<instance_image> parts{};
    std::vector<file_damage> damages{};
    export_header header{};
    std::uint64_t last_sequence = 0;
};
read_file read_all(const std::string& file, std::size_t part_bytes = std::size_t{1} << 20U);

std::vector<std::string> lines_of(const std::string& file);
std::string joined(const std::vector<std::string>& lines);
// The lines with a chain that is right again, as somebody writes it who has changed them.
std::string chained_again(std::vector<std::string> lines);

}  // namespace perdure::tool
