#include "binary.hpp"

#include <perdure/backend_error.hpp>

#include <limits>

namespace perdure::postgres {

namespace {

// From 1970-01-01 to 2000-01-01.
constexpr std::int64_t epoch_difference = 946'684'800'000'000;
// 4714-11-24 BC, the server's first day.
constexpr std::int64_t earliest_time = -211'813'488'000'000'000;
constexpr std::int64_t infinity = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t minus_infinity = std::numeric_limits<std::int64_t>::min();

constexpr std::size_t array_head_bytes = 20;
constexpr std::size_t empty_array_bytes = 12;

template <class Number>
void put_number(std::string& to, Number value) {
    char bytes[sizeof(Number)];
    for (std::size_t n = 0; n < sizeof(Number); ++n) {
        bytes[n] = static_cast<char>(value >> (8 * (sizeof(Number) - 1 - n)));
    }
    to.append(bytes, sizeof(Number));
}

}  // namespace

std::int64_t to_postgres_time(timestamp value) noexcept {
    if (value == timestamp::max()) {
        return infinity;
    }
    const std::int64_t since_1970 = value.time_since_epoch().count();
    return since_1970 < earliest_time + epoch_difference ? minus_infinity
                                                         : since_1970 - epoch_difference;
}

timestamp from_postgres_time(std::int64_t value) noexcept {
    if (value == minus_infinity) {
        return timestamp::min();
    }
    // The server's last days are later than what microseconds since 1970 can tell.
    return value > infinity - epoch_difference ? timestamp::max()
                                               : timestamp(duration(value + epoch_difference));
}

namespace sql {

void put_16(std::string& to, std::uint16_t value) {
    put_number(to, value);
}

void put_32(std::string& to, std::uint32_t value) {
    put_number(to, value);
}

void put_64(std::string& to, std::uint64_t value) {
    put_number(to, value);
}

}  // namespace sql

void patch_32(std::string& in, std::size_t position, std::uint32_t value) {
    for (std::size_t n = 0; n < 4; ++n) {
        in[position + n] = static_cast<char>(value >> (24U - 8U * n));
    }
}

std::uint32_t length_since(const std::string& in, std::size_t start) {
    const std::size_t length = in.size() - start;
    if (length > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
        throw backend_error(store_fault::rejected, "a value is longer than PostgreSQL can take");
    }
    return static_cast<std::uint32_t>(length);
}

std::size_t parameters::begin_value(std::uint32_t type) {
    if (record_) {
        sql::put_32(buffer_, type);
        sql::put_32(buffer_, 0);
        ++attributes_;
    }
    return buffer_.size();
}

void parameters::end_value(std::size_t start) {
    const std::uint32_t length = length_since(buffer_, start);
    if (record_) {
        patch_32(buffer_, start - 4, length);
    } else {
        values_.push_back({start, static_cast<int>(length), false});
    }
}

void parameters::end_null() {
    if (record_) {
        patch_32(buffer_, buffer_.size() - 4, static_cast<std::uint32_t>(-1));
    } else {
        values_.push_back({0, 0, true});
    }
}

void parameters::begin_array(std::uint32_t element_type) {
    sql::put_32(buffer_, 1);
    sql::put_32(buffer_, 0);
    sql::put_32(buffer_, element_type);
    sql::put_32(buffer_, 0);
    sql::put_32(buffer_, 1);
}

void parameters::end_array(std::size_t start, std::size_t count, bool has_null) {
    if (count == 0) {
        // An array without elements has no dimension either.
        patch_32(buffer_, start, 0);
        buffer_.resize(start + empty_array_bytes);
    } else {
        patch_32(buffer_, start + 4, has_null ? 1 : 0);
        patch_32(buffer_, start + array_head_bytes - 8, static_cast<std::uint32_t>(count));
    }
    end_value(start);
}

void parameters::begin_record() {
    record_ = buffer_.size();
    attributes_ = 0;
    sql::put_32(buffer_, 0);
}

void parameters::end_record() {
    const std::size_t start = record_.value();
    record_.reset();
    patch_32(buffer_, start, attributes_);
    end_value(start);
}

void parameters::add_null_record() {
    values_.push_back({0, 0, true});
}

void parameters::clear() noexcept {
    buffer_.clear();
    values_.clear();
    record_.reset();
}

const char* parameters::value(std::size_t n) const {
    const extent& found = values_.at(n);
    return found.is_null ? nullptr : buffer_.data() + found.offset;
}

}  // namespace perdure::postgres
