#pragma once

#include "image_members.hpp"

#include <perdure/detail/json.hpp>

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Reading the lines of an export file.

namespace perdure::tool {

// Reads the members of the JSON object at which a reader stands. What is missing has the default.
// Throws Perdure's exceptions for values that are something else than wanted.
class line_reader {
  public:
    explicit line_reader(detail::json_reader& in);

    template <class T>
    line_reader& operator()(std::string_view name,
                            T& value,
                            const std::type_identity_t<T>& fallback = T()) {
        value = fallback;
        if (enter(name)) {
            read(value);
            in_.leave();
        }
        return *this;
    }
    line_reader& operator()(std::string_view name, std::string& value);
    line_reader& operator()(std::string_view name, worker_id& value) {
        return (*this)(name, value.text);
    }
    // These must be there.
    line_reader& operator()(std::string_view name, instance_id& value);
    line_reader& operator()(std::string_view name, orchestration_status& value);
    line_reader& operator()(std::string_view name, instance_kind& value);
    line_reader& stored(std::string_view name, std::string& text);

    // Nobody may lose what this version does not know: throws `invalid_input` that names it.
    void finish();

  private:
    [[nodiscard]] bool enter(std::string_view name);
    [[nodiscard]] std::string required(std::string_view name);

    void read(bool& value) { value = in_.flag(); }
    template <std::unsigned_integral Number>
    void read(Number& value) {
        value = static_cast<Number>(in_.integer(std::numeric_limits<Number>::max()));
    }
    template <std::signed_integral Number>
    void read(Number& value) {
        using limits = std::numeric_limits<Number>;
        value = static_cast<Number>(in_.integer(limits::min(), limits::max()));
    }
    void read(task_id& value) { read(value.value); }
    void read(lease_token& value) { read(value.value); }
    void read(timestamp& value);
    void read(execution_id& value) { value.value = parse_uuid(in_.text()); }
    void read(tag_map& value);
    void read(std::optional<timestamp>& value) { read(value.emplace()); }
    void read(std::optional<parent_link>& value);
    void read(payload& value) { read_object(value); }
    void read(lease_image& value) { read_object(value); }
    template <class T>
    void read(std::vector<T>& values) {
        in_.expect_array();
        while (in_.enter_next()) {
            read_object(values.emplace_back());
            in_.leave();
        }
    }
    template <class T>
    void read_object(T& value) {
        line_reader members(in_);
        describe(members, value);
        members.finish();
    }

    detail::json_reader& in_;
    std::string_view whole_;
    std::vector<std::string> known_;
};

}  // namespace perdure::tool
