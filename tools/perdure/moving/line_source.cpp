#include "line_source.hpp"

#include "export_format.hpp"

#include <string_view>

namespace perdure::tool {

line_source::found line_source::next(std::string& line) {
    line.clear();
    ++number_;
    offset_ = next_offset_;
    while (true) {
        const std::string_view rest = std::string_view(buffer_).substr(begin_, end_ - begin_);
        const std::size_t length = rest.find('\n');
        line += rest.substr(0, length);
        if (length != std::string_view::npos) {
            begin_ += length + 1;
            next_offset_ = offset_ + line.size() + 1;
            return found::line;
        }
        if (line.size() > line_bytes_max) {
            throw error("the line is longer than " + std::to_string(line_bytes_max) + " bytes");
        }
        begin_ = 0;
        end_ = from_.read(buffer_);
        if (end_ == 0) {
            next_offset_ = offset_ + line.size();
            return line.empty() ? found::end : found::line_without_end;
        }
    }
}

}  // namespace perdure::tool
