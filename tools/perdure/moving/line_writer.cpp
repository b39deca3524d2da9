#include "line_writer.hpp"

#include "../base64.hpp"

#include <perdure/detail/json.hpp>

#include <algorithm>

namespace perdure::tool {
namespace {

// The text as one JSON value on one line, from which a reader makes the same text: where it has a
// line feed, between values, a tab stands instead. Nothing if that cannot be.
std::optional<std::string> on_one_line(const std::string& text) {
    if (text.find_first_of("\t\r") != std::string::npos) {
        return std::nullopt;
    }
    try {
        // As deep as it will stand in a line.
        const payload around(std::string(json_codec), "[" + text + "]");
        detail::json_reader in(around);
        if (!in.enter_next() || in.raw() != text) {
            return std::nullopt;
        }
    } catch (const payload_error&) {
        return std::nullopt;
    }
    std::string line = text;
    std::ranges::replace(line, '\n', '\t');
    return line;
}

}  // namespace

std::optional<std::string> json_string(std::string_view text) {
    try {
        detail::json_writer out;
        out.value(text);
        return std::move(out.take().bytes);
    } catch (const payload_error&) {
        return std::nullopt;
    }
}

line_writer& line_writer::raw(std::string_view name, std::string_view json) {
    text_ += text_.size() > 1 ? ",\"" : "\"";
    text_ += name;
    text_ += "\":";
    text_ += json;
    return *this;
}

line_writer& line_writer::operator()(std::string_view name, const orchestration_status& value) {
    return add(name, std::string(to_string(value)));
}

line_writer& line_writer::operator()(std::string_view name, const instance_kind& value) {
    return add(name, std::string(to_string(value)));
}

line_writer& line_writer::stored(std::string_view name, const std::string& text) {
    if (text.empty()) {
        return *this;
    }
    const auto value = on_one_line(text);
    return value ? raw(name, *value) : add(std::string(name) + "_text", text);
}

line_writer& line_writer::add(std::string_view name, const std::string& value) {
    const auto text = json_string(value);
    return text ? raw(name, *text) : raw(std::string(name) + "_base64", '"' + base64(value) + '"');
}

line_writer& line_writer::add(std::string_view name, const timestamp& value) {
    return add(name, value.time_since_epoch().count());
}

line_writer& line_writer::add(std::string_view name, const execution_id& value) {
    return add(name, to_string(value.value));
}

line_writer& line_writer::add(std::string_view name, const tag_map& value) {
    detail::json_writer out;
    out.open_object();
    for (const auto& [key, text] : value) {
        out.name(key);
        out.value(std::string_view(text));
    }
    out.close();
    return raw(name, out.take().bytes);
}

line_writer& line_writer::add(std::string_view name, bool value) {
    return raw(name, value ? "true" : "false");
}

}  // namespace perdure::tool
