#pragma once

#include <perdure/ids.hpp>
#include <perdure/time.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What the server answers, read where it lies: nothing is copied, and everything is valid as long
// as the answer that it came in. Bytes that are not what was asked for are a `backend_error`
// (corrupt).

namespace perdure::postgres {

/// One value of a row, of a record or of an array, in binary.
class field {
  public:
    /// A null.
    field() = default;
    field(std::uint32_t type, std::string_view bytes) noexcept
        : type_(type), bytes_(bytes), is_null_(false) {}

    [[nodiscard]] bool is_null() const noexcept { return is_null_; }
    /// The number of its SQL type in the catalogue; zero for a null.
    [[nodiscard]] std::uint32_t type() const noexcept { return type_; }

    // Each throws for a null, and for a value whose size is not one of its type.
    /// Of a smallint, integer or bigint.
    [[nodiscard]] std::int64_t number() const;
    [[nodiscard]] bool flag() const;
    /// Of a text, name, json or bytea: the bytes.
    [[nodiscard]] std::string_view text() const;
    [[nodiscard]] std::string string() const { return std::string(text()); }
    [[nodiscard]] uuid id() const;
    /// Of a timestamptz.
    [[nodiscard]] timestamp time() const;
    /// Of a bigint that counts microseconds.
    [[nodiscard]] duration microseconds() const { return duration(number()); }

    // The same with nothing for a null.
    [[nodiscard]] std::optional<std::int64_t> number_or_null() const;
    [[nodiscard]] std::optional<std::string_view> text_or_null() const;
    [[nodiscard]] std::optional<uuid> id_or_null() const;
    [[nodiscard]] std::optional<timestamp> time_or_null() const;
    [[nodiscard]] bool flag_or_false() const { return !is_null_ && flag(); }

  private:
    [[nodiscard]] std::string_view bytes_of(std::size_t size, const char* what) const;

    std::uint32_t type_ = 0;
    std::string_view bytes_;
    bool is_null_ = true;
};

/// An array of one dimension. A null is read as an empty one, because that is what array_agg makes
/// of no rows.
class array_reader {
  public:
    array_reader() = default;
    explicit array_reader(const field& source);

    [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
    [[nodiscard]] bool empty() const noexcept { return items_.empty(); }
    /// Throws when there is no such element, as do the ones below.
    [[nodiscard]] const field& at(std::size_t n) const;

    [[nodiscard]] bool is_null(std::size_t n) const { return at(n).is_null(); }
    [[nodiscard]] std::int64_t number(std::size_t n) const { return at(n).number(); }
    [[nodiscard]] bool flag(std::size_t n) const { return at(n).flag(); }
    [[nodiscard]] std::string_view text(std::size_t n) const { return at(n).text(); }
    [[nodiscard]] std::string string(std::size_t n) const { return at(n).string(); }
    [[nodiscard]] uuid id(std::size_t n) const { return at(n).id(); }
    [[nodiscard]] timestamp time(std::size_t n) const { return at(n).time(); }

    [[nodiscard]] auto begin() const noexcept { return items_.begin(); }
    [[nodiscard]] auto end() const noexcept { return items_.end(); }

  private:
    std::vector<field> items_;
};

/// A composite value, by its attributes in their order. A null has none.
class record_reader {
  public:
    record_reader() = default;
    explicit record_reader(const field& source);

    [[nodiscard]] std::size_t size() const noexcept { return attributes_.size(); }
    [[nodiscard]] const field& at(std::size_t n) const;
    /// The attribute as an array.
    [[nodiscard]] array_reader list(std::size_t n) const { return array_reader(at(n)); }

  private:
    std::vector<field> attributes_;
};

/// Throws unless all these arrays of one batch have the same length, and returns it.
template <class... Arrays>
[[nodiscard]] std::size_t common_size(const array_reader& first, const Arrays&... rest);

/// Throws `backend_error` (corrupt).
[[noreturn]] void refuse_answer(const std::string& what);

template <class... Arrays>
std::size_t common_size(const array_reader& first, const Arrays&... rest) {
    if (((rest.size() != first.size()) || ...)) {
        refuse_answer("the columns of a batch have different lengths");
    }
    return first.size();
}

}  // namespace perdure::postgres
