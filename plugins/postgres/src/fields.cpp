#include "fields.hpp"

#include "binary.hpp"

#include <perdure/backend_error.hpp>

#include <fmt/format.h>

namespace perdure::postgres {

namespace {

constexpr std::size_t number_bytes = 4;

template <class Number>
Number number_at(std::string_view bytes, std::size_t position) {
    Number value = 0;
    for (std::size_t n = 0; n < sizeof(Number); ++n) {
        value = static_cast<Number>(value << 8U | static_cast<unsigned char>(bytes[position + n]));
    }
    return value;
}

// Reads a value from its beginning to its end, and never beyond.
class cursor {
  public:
    explicit cursor(std::string_view bytes) : rest_(bytes) {}

    [[nodiscard]] std::uint32_t number() {
        if (rest_.size() < number_bytes) {
            refuse_answer("a value ends too early");
        }
        const auto value = number_at<std::uint32_t>(rest_, 0);
        rest_.remove_prefix(number_bytes);
        return value;
    }
    [[nodiscard]] field value(std::uint32_t type) {
        const auto length = static_cast<std::int32_t>(number());
        if (length == -1) {
            return {};
        }
        if (length < 0 || static_cast<std::size_t>(length) > rest_.size()) {
            refuse_answer("a value ends too early");
        }
        const std::string_view bytes = rest_.substr(0, static_cast<std::size_t>(length));
        rest_.remove_prefix(bytes.size());
        return {type, bytes};
    }
    /// Refuses a count of things of at least `least` bytes each that cannot be there, before memory
    /// is taken for them.
    [[nodiscard]] std::size_t count(std::uint32_t claimed, std::size_t least) const {
        if (claimed > rest_.size() / least) {
            refuse_answer("a value ends too early");
        }
        return claimed;
    }
    void finish() const {
        if (!rest_.empty()) {
            refuse_answer("a value is longer than it says");
        }
    }

  private:
    std::string_view rest_;
};

}  // namespace

void refuse_answer(const std::string& what) {
    throw backend_error(store_fault::corrupt, "PostgreSQL's answer cannot be read: " + what);
}

std::string_view field::bytes_of(std::size_t size, const char* what) const {
    if (is_null_) {
        refuse_answer(fmt::format("null where {} was expected", what));
    }
    if (bytes_.size() != size) {
        refuse_answer(
            fmt::format("{} bytes of type {} where {} was expected", bytes_.size(), type_, what));
    }
    return bytes_;
}

std::int64_t field::number() const {
    switch (bytes_.size()) {
        case 2:
            return static_cast<std::int16_t>(number_at<std::uint16_t>(bytes_, 0));
        case 4:
            return static_cast<std::int32_t>(number_at<std::uint32_t>(bytes_, 0));
        default:
            return static_cast<std::int64_t>(number_at<std::uint64_t>(bytes_of(8, "a number"), 0));
    }
}

bool field::flag() const {
    return bytes_of(1, "a boolean")[0] != '\0';
}

std::string_view field::text() const {
    if (is_null_) {
        refuse_answer("null where a text was expected");
    }
    return bytes_;
}

uuid field::id() const {
    const std::string_view bytes = bytes_of(16, "a uuid");
    return {number_at<std::uint64_t>(bytes, 0), number_at<std::uint64_t>(bytes, 8)};
}

timestamp field::time() const {
    const std::string_view bytes = bytes_of(8, "a time");
    return from_postgres_time(static_cast<std::int64_t>(number_at<std::uint64_t>(bytes, 0)));
}

std::optional<std::int64_t> field::number_or_null() const {
    return is_null_ ? std::nullopt : std::optional(number());
}

std::optional<std::string_view> field::text_or_null() const {
    return is_null_ ? std::nullopt : std::optional(text());
}

std::optional<uuid> field::id_or_null() const {
    return is_null_ ? std::nullopt : std::optional(id());
}

std::optional<timestamp> field::time_or_null() const {
    return is_null_ ? std::nullopt : std::optional(time());
}

array_reader::array_reader(const field& source) {
    if (source.is_null()) {
        return;
    }
    cursor bytes(source.text());
    const std::uint32_t dimensions = bytes.number();
    static_cast<void>(bytes.number());  // Whether there is a null, which every element says itself.
    const std::uint32_t type = bytes.number();
    if (dimensions > 1) {
        refuse_answer("an array has more than one dimension");
    }
    if (dimensions == 1) {
        const std::uint32_t size = bytes.number();
        static_cast<void>(bytes.number());  // The lower bound.
        items_.reserve(bytes.count(size, number_bytes));
        for (std::uint32_t n = 0; n < size; ++n) {
            items_.push_back(bytes.value(type));
        }
    }
    bytes.finish();
}

const field& array_reader::at(std::size_t n) const {
    if (n >= items_.size()) {
        refuse_answer(fmt::format("an array of {} has no element {}", items_.size(), n));
    }
    return items_[n];
}

record_reader::record_reader(const field& source) {
    if (source.is_null()) {
        return;
    }
    cursor bytes(source.text());
    const std::uint32_t size = bytes.number();
    attributes_.reserve(bytes.count(size, 2 * number_bytes));
    for (std::uint32_t n = 0; n < size; ++n) {
        const std::uint32_t type = bytes.number();
        attributes_.push_back(bytes.value(type));
    }
    bytes.finish();
}

const field& record_reader::at(std::size_t n) const {
    if (n >= attributes_.size()) {
        refuse_answer(fmt::format("a record of {} has no attribute {}", attributes_.size(), n));
    }
    return attributes_[n];
}

}  // namespace perdure::postgres
