#include "codec/payload_errors.hpp"

#include <perdure/detail/json.hpp>

#include <fmt/format.h>

#include <charconv>
#include <limits>

namespace perdure {
inline namespace v1 {
namespace detail {

using namespace perdure::codecs;

namespace {

enum class node_kind : std::uint8_t { text, key, number, literal, array, object };

/// A value or a member name. Values are in the order of the text, each directly followed by what is
/// in it; the name of a member stands before its value.
struct node {
    node_kind kind;
    bool has_escapes;
    /// Of what stands in the text: without quotes for a string.
    std::uint32_t begin;
    std::uint32_t size;
    /// Of an object or array: how many members or elements.
    std::uint32_t count;
    /// The index of the first node that is not in this one.
    std::uint32_t after;
};

class tree_builder {
  public:
    tree_builder(std::string_view text, const json_scanner& in, std::vector<node>& nodes) noexcept
        : text_(text), in_(&in), nodes_(&nodes) {}

    void open(std::string_view bracket) {
        add(bracket == "[" ? node_kind::array : node_kind::object, bracket);
        open_.push_back(nodes_->size() - 1);
    }
    void close() {
        node& closed = (*nodes_)[open_.back()];
        closed.size = static_cast<std::uint32_t>(in_->position()) - closed.begin;
        closed.after = static_cast<std::uint32_t>(nodes_->size());
        open_.pop_back();
    }
    void key(const json_token& token) { add(node_kind::key, token.raw, token.has_escapes); }
    void text(const json_token& token) { add(node_kind::text, token.raw, token.has_escapes); }
    void number(std::string_view digits) { add(node_kind::number, digits); }
    void literal(std::string_view word) { add(node_kind::literal, word); }

  private:
    void add(node_kind kind, std::string_view raw, bool has_escapes = false) {
        if (kind != node_kind::key && !open_.empty()) {
            ++(*nodes_)[open_.back()].count;
        }
        const auto begin = static_cast<std::uint32_t>(raw.data() - text_.data());
        nodes_->push_back({kind,
                           has_escapes,
                           begin,
                           static_cast<std::uint32_t>(raw.size()),
                           0,
                           static_cast<std::uint32_t>(nodes_->size() + 1)});
    }

    std::string_view text_;
    const json_scanner* in_;
    std::vector<node>* nodes_;
    std::vector<std::size_t> open_;
};

/// A value that was entered and not yet left.
struct place {
    std::uint32_t node;
    /// Its name in the object around it, if that is what is around it.
    std::uint32_t key;
    /// Its number in the array around it.
    std::uint32_t position;
    /// The key or element from which `enter_next` goes on, and its number.
    std::uint32_t next;
    std::uint32_t next_position = 0;
    std::uint32_t unnamed = 0;
};

}  // namespace

struct json_reader::document {
    explicit document(const payload& from) : stored(&from) {
        const payload_errors errors(from);
        check_codec("JSON", from);
        json_scanner in(from.bytes, errors);
        if (from.bytes.size() >= std::numeric_limits<std::uint32_t>::max()) {
            in.fail("more than 4 GiB");
        }
        tree_builder builder(from.bytes, in, nodes);
        in.walk(builder);
        in.expect_end();
        places.push_back({0, 0, 0, 1});
    }

    [[nodiscard]] const node& here() const { return nodes[places.back().node]; }
    [[nodiscard]] std::string_view raw(const node& which) const {
        return std::string_view(stored->bytes).substr(which.begin, which.size);
    }
    [[nodiscard]] std::string meaning(const node& which) const {
        std::string text;
        append_meaning(text, {raw(which), which.has_escapes});
        return text;
    }
    [[nodiscard]] bool is_named(const node& key, std::string_view name) const {
        return key.has_escapes ? meaning(key) == name : raw(key) == name;
    }
    /// Enters what `next` of the place here stands at.
    void enter() {
        place& around = places.back();
        const bool has_key = nodes[around.next].kind == node_kind::key;
        const std::uint32_t value = around.next + (has_key ? 1 : 0);
        const place inside{value, around.next, around.next_position, value + 1};
        around.next = nodes[value].after;
        ++around.next_position;
        places.push_back(inside);
    }
    /// The path to the value here, for example "order.items[3].qty"; empty for the whole.
    [[nodiscard]] std::string path() const {
        std::string text;
        for (std::size_t i = 1; i < places.size(); ++i) {
            if (nodes[places[i - 1].node].kind == node_kind::array) {
                text += fmt::format("[{}]", places[i].position);
            } else {
                text += text.empty() ? "" : ".";
                text += meaning(nodes[places[i].key]);
            }
        }
        return text;
    }
    /// The number here, exactly as wide as `Number`.
    template <class Number>
    [[nodiscard]] bool read(Number& value) const {
        const std::string_view digits = raw(here());
        const char* const end = digits.data() + digits.size();
        const auto done = std::from_chars(digits.data(), end, value);
        return here().kind == node_kind::number && done.ec == std::errc() && done.ptr == end;
    }

    const payload* stored;
    std::vector<node> nodes;
    std::vector<place> places;
};

json_reader::json_reader(const payload& stored) : document_(std::make_unique<document>(stored)) {}
json_reader::~json_reader() = default;

bool json_reader::enter_member(std::string_view name) {
    expect_object();
    place& around = document_->places.back();
    const std::vector<node>& nodes = document_->nodes;
    const std::uint32_t first = around.node + 1;
    const std::uint32_t end = nodes[around.node].after;
    // Most are asked for in the order in which they stand, so the search begins after the last one
    // found and goes once around.
    const std::uint32_t begin = around.next;
    const auto find = [&](std::uint32_t from, std::uint32_t to) {
        while (from < to && !document_->is_named(nodes[from], name)) {
            from = nodes[from + 1].after;
        }
        return from;
    };
    std::uint32_t found = find(begin, end);
    if (found == end) {
        found = find(first, begin);
        if (found == begin) {
            return false;
        }
    }
    around.next = found;
    document_->enter();
    return true;
}

bool json_reader::enter_next() {
    const place& around = document_->places.back();
    if (around.next >= document_->nodes[around.node].after) {
        return false;
    }
    document_->enter();
    return true;
}

void json_reader::enter_unnamed() {
    if (document_->here().kind != node_kind::array) {
        const std::string name = fmt::format("value{}", document_->places.back().unnamed++);
        if (!enter_member(name)) {
            fail_missing(name);
        }
    } else if (!enter_next()) {
        fail_wanted(fmt::format("more than {} elements", size()));
    }
}

void json_reader::leave() {
    document_->places.pop_back();
}

bool json_reader::is_null() const noexcept {
    const node& here = document_->here();
    return here.kind == node_kind::literal && document_->raw(here) == "null";
}

void json_reader::expect_array() const {
    if (document_->here().kind != node_kind::array) {
        fail_wanted("an array");
    }
}

void json_reader::expect_object() const {
    if (document_->here().kind != node_kind::object) {
        fail_wanted("an object");
    }
}

void json_reader::expect_array_or_object() const {
    if (document_->here().kind != node_kind::array) {
        expect_object();
    }
}

std::size_t json_reader::size() const noexcept {
    return document_->here().count;
}

std::string json_reader::name() const {
    return document_->meaning(document_->nodes[document_->places.back().key]);
}

bool json_reader::flag() const {
    const node& here = document_->here();
    const std::string_view word = document_->raw(here);
    if (here.kind != node_kind::literal || word == "null") {
        fail_wanted("true or false");
    }
    return word == "true";
}

std::int64_t json_reader::integer(std::int64_t least, std::int64_t most) const {
    std::int64_t value = 0;
    if (!document_->read(value) || value < least || value > most) {
        fail_wanted(fmt::format("an integer from {} to {}", least, most));
    }
    return value;
}

std::uint64_t json_reader::integer(std::uint64_t most) const {
    std::uint64_t value = 0;
    if (!document_->read(value) || value > most) {
        fail_wanted(fmt::format("an integer from 0 to {}", most));
    }
    return value;
}

float json_reader::small_number() const {
    float value = 0;
    if (!document_->read(value)) {
        fail_wanted("a number of 32 bits");
    }
    return value;
}

double json_reader::number() const {
    double value = 0;
    if (!document_->read(value)) {
        fail_wanted("a number of 64 bits");
    }
    return value;
}

std::string json_reader::text() const {
    const node& here = document_->here();
    if (here.kind != node_kind::text) {
        fail_wanted("a string");
    }
    return document_->meaning(here);
}

std::string_view json_reader::raw() const noexcept {
    const node& here = document_->here();
    const std::size_t quote = here.kind == node_kind::text ? 1 : 0;
    return std::string_view(document_->stored->bytes)
        .substr(here.begin - quote, here.size + 2 * quote);
}

void json_reader::fail_wanted(std::string_view wanted) const {
    const node& here = document_->here();
    const std::string path = document_->path();
    // A string from its quote on; an object or array as far as the excerpt goes.
    const std::size_t begin = here.begin - (here.kind == node_kind::text ? 1U : 0U);
    std::size_t size = here.size + (here.kind == node_kind::text ? 2U : 0U);
    if (here.kind == node_kind::array || here.kind == node_kind::object) {
        size = std::string_view::npos;
    }
    const std::string_view found = std::string_view(document_->stored->bytes).substr(begin, size);
    throw payload_error(fmt::format("cannot read a payload: {}{}wanted {}, found {} (codec {})",
                                    excerpt(path),
                                    path.empty() ? "" : ": ",
                                    wanted,
                                    excerpt(found),
                                    document_->stored->codec));
}

void json_reader::fail_missing(std::string_view name) const {
    std::string path = document_->path();
    path += path.empty() ? "" : ".";
    path += name;
    throw payload_error(fmt::format(
        "cannot read a payload: {}: missing (codec {})", path, document_->stored->codec));
}

}  // namespace detail
}  // namespace v1
}  // namespace perdure
