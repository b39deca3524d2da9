#include "line_reader.hpp"

#include "../base64.hpp"

#include <perdure/printable.hpp>

#include <algorithm>

namespace perdure::tool {

line_reader::line_reader(detail::json_reader& in) : in_(in), whole_(in.raw()) {
    in_.expect_object();
}

bool line_reader::enter(std::string_view name) {
    if (!in_.enter_member(name)) {
        return false;
    }
    known_.emplace_back(name);
    return true;
}

std::string line_reader::required(std::string_view name) {
    std::string text;
    (*this)(name, text);
    if (text.empty()) {
        throw invalid_input("member \"" + std::string(name) + "\" is missing");
    }
    return text;
}

line_reader& line_reader::operator()(std::string_view name, std::string& value) {
    const std::string encoded = std::string(name) + "_base64";
    value.clear();
    if (enter(name)) {
        value = in_.text();
        in_.leave();
    } else if (enter(encoded)) {
        auto bytes = from_base64(in_.text());
        if (!bytes) {
            throw invalid_input("member \"" + encoded + "\" is not base64");
        }
        value = std::move(*bytes);
        in_.leave();
    }
    return *this;
}

line_reader& line_reader::operator()(std::string_view name, instance_id& value) {
    value = instance_id(required(name));
    return *this;
}

line_reader& line_reader::operator()(std::string_view name, orchestration_status& value) {
    const std::string word = required(name);
    const auto known = parse_status(word);
    if (!known) {
        throw invalid_input("'" + printable(word) + "' is no status");
    }
    value = *known;
    return *this;
}

line_reader& line_reader::operator()(std::string_view name, instance_kind& value) {
    const std::string word = required(name);
    const auto known = parse_instance_kind(word);
    if (!known) {
        throw invalid_input("'" + printable(word) + "' is no kind of instance");
    }
    value = *known;
    return *this;
}

line_reader& line_reader::stored(std::string_view name, std::string& text) {
    if (!enter(name)) {
        return (*this)(std::string(name) + "_text", text);
    }
    text = in_.raw();
    // See `line_writer::stored`.
    std::ranges::replace(text, '\t', '\n');
    in_.leave();
    return *this;
}

void line_reader::read(timestamp& value) {
    duration::rep count = 0;
    read(count);
    value = timestamp(duration(count));
}

void line_reader::read(tag_map& value) {
    in_.expect_object();
    while (in_.enter_next()) {
        value.insert_or_assign(in_.name(), in_.text());
        in_.leave();
    }
}

void line_reader::read(std::optional<parent_link>& value) {
    parent_link link{instance_id("-")};
    read_object(link);
    value = std::move(link);
}

void line_reader::finish() {
    if (in_.size() == known_.size()) {
        return;
    }
    const payload again{std::string(json_codec), std::string(whole_)};
    detail::json_reader members(again);
    while (members.enter_next()) {
        const auto found = std::ranges::find(known_, members.name());
        if (found == known_.end()) {
            throw invalid_input("member \"" + printable(members.name()) +
                                "\" is unknown to this version, or there twice");
        }
        known_.erase(found);
        members.leave();
    }
}

}  // namespace perdure::tool
