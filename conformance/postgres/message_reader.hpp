#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace perdure::conformance {

/// Takes one direction of PostgreSQL's protocol apart: a type, a length, and so many bytes. Keeps
/// no more of a message than its beginning. Belongs to one thread.
class message_reader {
  public:
    /// The type of a message, 0 for those before the start, and the beginning of its content.
    using listener = std::function<void(char type, std::string_view head)>;

    /// What a client sends begins with messages that have no type.
    void begin_untyped() { typed_ = false; }
    void begin_typed() { typed_ = true; }
    /// The next byte is an answer by itself, as to the question for encryption.
    void expect_lone_byte() { ++lone_bytes_; }

    void read(std::string_view bytes, const listener& on_message) {
        while (!bytes.empty()) {
            if (lone_bytes_ > 0 && header_.empty()) {
                --lone_bytes_;
                bytes.remove_prefix(1);
            } else if (header_.size() < header_size()) {
                header_ += bytes.front();
                bytes.remove_prefix(1);
                if (header_.size() == header_size()) {
                    begin_content();
                }
            } else {
                const std::size_t taken = std::min(missing_, bytes.size());
                head_.append(bytes.substr(0, std::min(taken, head_size_max - head_.size())));
                missing_ -= taken;
                bytes.remove_prefix(taken);
            }
            if (header_.size() == header_size() && missing_ == 0) {
                finish(on_message);
            }
        }
    }

  private:
    // The names and texts of statements stand at the beginning, and ours are short.
    static constexpr std::size_t head_size_max = 4096;

    [[nodiscard]] std::size_t header_size() const { return typed_ ? 5 : 4; }

    void begin_content() {
        std::uint32_t length = 0;
        for (const char byte : std::string_view(header_).substr(header_size() - 4)) {
            length = (length << 8U) | static_cast<unsigned char>(byte);
        }
        // The length counts itself.
        missing_ = length < 4 ? 0 : length - 4;
    }

    void finish(const listener& on_message) {
        const char type = typed_ ? header_.front() : '\0';
        const std::string head = std::move(head_);
        header_.clear();
        head_.clear();
        on_message(type, head);
    }

    bool typed_ = true;
    std::size_t lone_bytes_ = 0;
    std::string header_;
    std::string head_;
    std::size_t missing_ = 0;
};

}  // namespace perdure::conformance
