#include "codec/json_text.hpp"

#include <perdure/detail/json.hpp>

#include <fmt/format.h>

#include <utility>

namespace perdure {
inline namespace v1 {
namespace detail {

using namespace perdure::codecs;

void json_writer::open(shape form, std::string_view text) {
    before_value();
    if (levels_.size() == json_depth_max) {
        throw payload_error(
            fmt::format("cannot write a value as JSON: more than {} objects and arrays inside each "
                        "other",
                        json_depth_max));
    }
    levels_.push_back({form});
    out_ += text;
}

void json_writer::open_array() {
    open(shape::array, "[");
}
void json_writer::open_object() {
    open(shape::object, "{");
}
void json_writer::open_either() {
    open(shape::either, "");
}

void json_writer::choose_array() {
    level& here = levels_.back();
    if (here.form != shape::either) {
        throw payload_error(
            "cannot write a value as JSON: its serialization has a size after something else");
    }
    here.form = shape::array;
    out_ += '[';
}

void json_writer::close() {
    const level done = levels_.back();
    levels_.pop_back();
    if (done.form == shape::either) {
        out_ += "{}";
    } else {
        out_ += done.form == shape::array ? ']' : '}';
    }
}

void json_writer::name(std::string_view text) noexcept {
    name_ = text;
    has_name_ = true;
}

void json_writer::before_value() {
    if (levels_.empty()) {
        return;
    }
    level& here = levels_.back();
    if (here.form == shape::either) {
        here.form = shape::object;
        out_ += '{';
    }
    if (!std::exchange(here.is_empty, false)) {
        out_ += ',';
    }
    const bool has_name = std::exchange(has_name_, false);
    if (here.form == shape::array) {
        return;
    }
    if (has_name) {
        if (!append_text(out_, name_, text_rule::exact)) {
            throw payload_error("cannot write a member name as JSON: it is not valid UTF-8");
        }
    } else {
        out_ += fmt::format("\"value{}\"", here.unnamed++);
    }
    out_ += ':';
}

void json_writer::null() {
    before_value();
    out_ += "null";
}

void json_writer::value(bool flag) {
    before_value();
    out_ += flag ? "true" : "false";
}

void json_writer::value(std::int64_t number) {
    before_value();
    append_number(out_, number);
}

void json_writer::value(std::uint64_t number) {
    before_value();
    append_number(out_, number);
}

void json_writer::value(float number) {
    before_value();
    out_ += encode_number(number).bytes;
}

void json_writer::value(double number) {
    before_value();
    out_ += encode_number(number).bytes;
}

void json_writer::value(std::string_view text) {
    before_value();
    if (!append_text(out_, text, text_rule::exact)) {
        out_ += encode_text(text).bytes;
    }
}

payload json_writer::take() {
    return {std::string(json_codec), std::exchange(out_, {})};
}

}  // namespace detail
}  // namespace v1
}  // namespace perdure
