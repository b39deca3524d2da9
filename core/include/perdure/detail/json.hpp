#pragma once

#include <perdure/codec.hpp>
#include <perdure/export.hpp>
#include <perdure/payload.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// Writing and reading JSON values piece by piece, for the archives in <perdure/codec_cereal.hpp>.
// What is behind it is in core, so that user code compiles no JSON parser.

namespace perdure {
inline namespace v1 {
namespace detail {

/// Builds one JSON value from front to back. Throws `payload_error` for what JSON cannot carry.
class PERDURE_EXPORT json_writer {
  public:
    void open_array();
    void open_object();
    /// An array if `choose_array` comes before the first content, otherwise an object.
    void open_either();
    void choose_array();
    void close();

    /// The name of the value that comes next in an object; without one it is called "value0",
    /// "value1" and so on. The text must live until that value is written.
    void name(std::string_view text) noexcept;

    void null();
    void value(bool flag);
    void value(std::int64_t number);
    void value(std::uint64_t number);
    void value(float number);
    void value(double number);
    void value(std::string_view text);

    /// The finished value.
    [[nodiscard]] payload take();

  private:
    enum class shape : std::uint8_t { either, array, object };
    struct level {
        shape form;
        bool is_empty = true;
        std::uint32_t unnamed = 0;
    };

    void open(shape form, std::string_view text);
    void before_value();

    std::string out_;
    std::vector<level> levels_;
    std::string_view name_;
    bool has_name_ = false;
};

/// A JSON value and a place in it, at first the whole. Every function that reads is about the value
/// at the place, and throws `payload_error` with the path to it when it is something else.
class PERDURE_EXPORT json_reader {
  public:
    /// Checks the whole text. The payload must outlive the reader.
    explicit json_reader(const payload& stored);
    json_reader(const json_reader&) = delete;
    json_reader& operator=(const json_reader&) = delete;
    ~json_reader();

    /// Goes to a member of the object here; false, and stays, if it has none of this name.
    [[nodiscard]] bool enter_member(std::string_view name);
    /// Goes to the next member or element that was not yet entered; false, and stays, after the
    /// last.
    [[nodiscard]] bool enter_next();
    /// For a value without a name: the next element of an array, the member "value0", "value1" and
    /// so on of an object.
    void enter_unnamed();
    /// Back to the object or array around.
    void leave();

    [[nodiscard]] bool is_null() const noexcept;
    void expect_array() const;
    void expect_object() const;
    void expect_array_or_object() const;
    /// How many elements or members.
    [[nodiscard]] std::size_t size() const noexcept;
    /// The name under which this value was entered by `enter_next` of an object.
    [[nodiscard]] std::string name() const;

    [[nodiscard]] bool flag() const;
    [[nodiscard]] std::int64_t integer(std::int64_t least, std::int64_t most) const;
    [[nodiscard]] std::uint64_t integer(std::uint64_t most) const;
    [[nodiscard]] float small_number() const;
    [[nodiscard]] double number() const;
    [[nodiscard]] std::string text() const;
    /// The value as it stands in the text of the payload.
    [[nodiscard]] std::string_view raw() const noexcept;

    /// Says what was wanted here, and what was found.
    [[noreturn]] void fail_wanted(std::string_view wanted) const;
    [[noreturn]] void fail_missing(std::string_view name) const;

  private:
    struct document;
    std::unique_ptr<document> document_;
};

}  // namespace detail
}  // namespace v1
}  // namespace perdure
