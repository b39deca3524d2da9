#pragma once

#include <perdure/ids.hpp>
#include <perdure/time.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <vector>

// Values in the binary format of PostgreSQL's protocol, written and read. A batch travels as
// composite values whose attributes are arrays: one array for each column, all of one length.
//
//   array      int32 dimensions (1, or 0 when empty), int32 1 if there is a null, int32 element
//   type,
//              int32 size, int32 1 (lower bound); then the elements: int32 length (-1 null), bytes
//   composite  int32 attributes; for each int32 type, int32 length (-1 null), bytes

namespace perdure::postgres {

/// Microseconds since 2000-01-01, as the server keeps a timestamp. `timestamp::max()` and whatever
/// lies before the server's range become its infinities.
[[nodiscard]] std::int64_t to_postgres_time(timestamp value) noexcept;
/// The infinities become `timestamp::max()` and `timestamp::min()`.
[[nodiscard]] timestamp from_postgres_time(std::int64_t value) noexcept;

/// What a length that leads beyond the server's last day is cut to; as good as for ever [TIME-4].
inline constexpr duration longest_duration = std::chrono::hours(24) * 365 * 100'000;

/// The SQL types that we send, each with its numbers in the catalogue, which are the same in every
/// database, and the way in which a value is written.
namespace sql {

void put_16(std::string& to, std::uint16_t value);
void put_32(std::string& to, std::uint32_t value);
void put_64(std::string& to, std::uint64_t value);

/// A lease token's 64 bits only need to come back as they went.
struct bigint {
    static constexpr std::uint32_t type = 20;
    static constexpr std::uint32_t array_type = 1016;
    static void put(std::string& to, std::integral auto value) {
        put_64(to, static_cast<std::uint64_t>(value));
    }
    static void put(std::string& to, duration value) {
        put(to, std::min(value, longest_duration).count());
    }
};
struct integer {
    static constexpr std::uint32_t type = 23;
    static constexpr std::uint32_t array_type = 1007;
    static void put(std::string& to, std::integral auto value) {
        put_32(to, static_cast<std::uint32_t>(value));
    }
};
struct smallint {
    static constexpr std::uint32_t type = 21;
    static constexpr std::uint32_t array_type = 1005;
    static void put(std::string& to, std::integral auto value) {
        put_16(to, static_cast<std::uint16_t>(value));
    }
};
struct boolean {
    static constexpr std::uint32_t type = 16;
    static constexpr std::uint32_t array_type = 1000;
    static void put(std::string& to, std::same_as<bool> auto value) { to += value ? '\1' : '\0'; }
};
struct text {
    static constexpr std::uint32_t type = 25;
    static constexpr std::uint32_t array_type = 1009;
    static void put(std::string& to, std::string_view value) { to.append(value); }
};
struct bytea {
    static constexpr std::uint32_t type = 17;
    static constexpr std::uint32_t array_type = 1001;
    static void put(std::string& to, std::string_view value) { to.append(value); }
};
struct uuid {
    static constexpr std::uint32_t type = 2950;
    static constexpr std::uint32_t array_type = 2951;
    static void put(std::string& to, const perdure::uuid& value) {
        put_64(to, value.high);
        put_64(to, value.low);
    }
};
struct timestamptz {
    static constexpr std::uint32_t type = 1184;
    static constexpr std::uint32_t array_type = 1185;
    static void put(std::string& to, timestamp value) {
        put_64(to, static_cast<std::uint64_t>(to_postgres_time(value)));
    }
};

}  // namespace sql

/// Overwrites the 32 bits at `position`.
void patch_32(std::string& in, std::size_t position, std::uint32_t value);
/// The number of bytes from `start` on, or -1 for null, as the protocol's length. Throws
/// `backend_error` (rejected) when it is beyond what the protocol can carry.
[[nodiscard]] std::uint32_t length_since(const std::string& in, std::size_t start);

/// The elements of an array, one behind the other, while they are collected. `clear` keeps the
/// memory for the next batch.
template <class Type>
class array {
  public:
    template <class Value>
    void push(const Value& value) {
        const std::size_t start = items_.size() + 4;
        sql::put_32(items_, 0);
        Type::put(items_, value);
        patch_32(items_, start - 4, length_since(items_, start));
        ++size_;
    }
    void push_null() {
        sql::put_32(items_, static_cast<std::uint32_t>(-1));
        ++size_;
        has_null_ = true;
    }
    template <class Value>
    void push(const std::optional<Value>& value) {
        if (value) {
            push(*value);
        } else {
            push_null();
        }
    }
    void clear() noexcept {
        items_.clear();
        size_ = 0;
        has_null_ = false;
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool has_null() const noexcept { return has_null_; }
    [[nodiscard]] std::string_view items() const noexcept { return items_; }

  private:
    std::string items_;
    std::size_t size_ = 0;
    bool has_null_ = false;
};

/// The parameters of one call, in the order of their numbers, in one piece of memory. Between
/// `begin_record` and `end_record`, values become the attributes of one composite value. `clear`
/// keeps the memory for the next call.
class parameters {
  public:
    template <class Type, class Value>
    parameters& add(const Value& value) {
        const std::size_t start = begin_value(Type::type);
        Type::put(buffer_, value);
        end_value(start);
        return *this;
    }
    template <class Type, class Value>
    parameters& add(const std::optional<Value>& value) {
        return value ? add<Type>(*value) : add_null<Type>();
    }
    template <class Type>
    parameters& add_null() {
        begin_value(Type::type);
        end_null();
        return *this;
    }
    template <class Type>
    parameters& add_null_list() {
        begin_value(Type::array_type);
        end_null();
        return *this;
    }
    template <class Type>
    parameters& add(const array<Type>& list) {
        const std::size_t start = begin_value(Type::array_type);
        begin_array(Type::type);
        buffer_.append(list.items());
        end_array(start, list.size(), list.has_null());
        return *this;
    }
    /// An array of what `projection` makes of each element of a range, a value or an optional one;
    /// written in place.
    template <class Type, std::ranges::input_range Range, class Projection = std::identity>
    parameters& add_list(const Range& range, const Projection& projection = {}) {
        const std::size_t start = begin_value(Type::array_type);
        begin_array(Type::type);
        std::size_t count = 0;
        bool has_null = false;
        for (const auto& element : range) {
            put_item<Type>(std::invoke(projection, element), has_null);
            ++count;
        }
        end_array(start, count, has_null);
        return *this;
    }
    /// Records do not nest.
    void begin_record();
    void end_record();
    /// A composite value that is null.
    void add_null_record();

    void clear() noexcept;
    [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }
    /// Null for an SQL null.
    [[nodiscard]] const char* value(std::size_t n) const;
    [[nodiscard]] int length(std::size_t n) const { return values_.at(n).length; }

  private:
    struct extent {
        std::size_t offset = 0;
        int length = 0;
        bool is_null = false;
    };

    template <class Type, class Value>
    void put_item(const Value& value, bool& /*has_null*/) {
        const std::size_t start = buffer_.size() + 4;
        sql::put_32(buffer_, 0);
        Type::put(buffer_, value);
        patch_32(buffer_, start - 4, length_since(buffer_, start));
    }
    template <class Type, class Value>
    void put_item(const std::optional<Value>& value, bool& has_null) {
        if (value) {
            put_item<Type>(*value, has_null);
        } else {
            sql::put_32(buffer_, static_cast<std::uint32_t>(-1));
            has_null = true;
        }
    }
    /// Writes the head of an attribute within a record. Returns where the value begins.
    std::size_t begin_value(std::uint32_t type);
    void end_value(std::size_t start);
    void end_null();
    void begin_array(std::uint32_t element_type);
    void end_array(std::size_t start, std::size_t count, bool has_null);

    std::string buffer_;
    std::vector<extent> values_;
    std::optional<std::size_t> record_;
    std::uint32_t attributes_ = 0;
};

}  // namespace perdure::postgres
