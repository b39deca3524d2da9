#pragma once

#include "image_members.hpp"

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Making the lines of an export file.

namespace perdure::tool {

// The text as a JSON string; nothing if it is not UTF-8.
[[nodiscard]] std::optional<std::string> json_string(std::string_view text);

// A JSON object under construction, on one line, with its members in the order of the calls.
class line_writer {
  public:
    line_writer() = default;
    // The first member of a line says what it is.
    explicit line_writer(std::string_view kind) { (*this)("line", std::string(kind)); }

    template <class T>
    line_writer& operator()(std::string_view name,
                            const T& value,
                            const std::type_identity_t<T>& fallback = T()) {
        if (!(value == fallback)) {
            add(name, value);
        }
        return *this;
    }
    line_writer& operator()(std::string_view name, const instance_id& id) {
        return add(name, id.text());
    }
    // These are always written.
    line_writer& operator()(std::string_view name, const orchestration_status& value);
    line_writer& operator()(std::string_view name, const instance_kind& value);
    // A text of the store that should be one JSON value: that value if it is so.
    line_writer& stored(std::string_view name, const std::string& text);

    [[nodiscard]] std::string finish() const { return text_ + "}"; }
    // Without the brace at the end.
    [[nodiscard]] std::string take() { return std::move(text_); }

  private:
    line_writer& add(std::string_view name, const std::string& value);
    line_writer& add(std::string_view name, const timestamp& value);
    line_writer& add(std::string_view name, const execution_id& value);
    line_writer& add(std::string_view name, const tag_map& value);
    line_writer& add(std::string_view name, bool value);
    template <std::integral Number>
    line_writer& add(std::string_view name, Number value) {
        return raw(name, std::to_string(value));
    }
    line_writer& add(std::string_view name, task_id value) { return add(name, value.value); }
    line_writer& add(std::string_view name, lease_token value) { return add(name, value.value); }
    line_writer& add(std::string_view name, const worker_id& value) {
        return add(name, value.text);
    }
    template <class T>
    line_writer& add(std::string_view name, const std::optional<T>& value) {
        return add(name, *value);
    }
    template <class T>
    line_writer& add(std::string_view name, const std::vector<T>& values) {
        std::string items = "[";
        for (const T& value : values) {
            items += items.size() > 1 ? "," : "";
            items += object_of(value);
        }
        return raw(name, items + "]");
    }
    template <class T>
    requires std::is_same_v<T, payload> || std::is_same_v<T, parent_link> ||
        std::is_same_v<T, lease_image>
            line_writer& add(std::string_view name, const T& value) {
        return raw(name, object_of(value));
    }

    template <class T>
    [[nodiscard]] static std::string object_of(const T& value) {
        line_writer members;
        describe(members, value);
        return members.finish();
    }

    line_writer& raw(std::string_view name, std::string_view json);

    std::string text_ = "{";
};

}  // namespace perdure::tool
