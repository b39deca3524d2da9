#include "codec/base64.hpp"
#include "codec/history_members.hpp"
#include "codec/json_scanner.hpp"

#include <perdure/codec.hpp>
#include <perdure/history_codec.hpp>

#include <fmt/format.h>

#include <array>
#include <memory>
#include <utility>

// Reading the stored form of events. Members may come in any order, each at most once.

namespace perdure {
inline namespace v1 {

namespace {

using namespace perdure::codecs;

/// Says which event cannot be read, and where.
class history_errors final : public scan_errors {
  public:
    explicit history_errors(std::string what) : what_(std::move(what)) {}

    [[noreturn]] void raise(std::size_t at, const std::string& problem) const override {
        const std::string where = number_ ? fmt::format(" {}", *number_) : std::string();
        throw history_error(
            fmt::format("cannot read {}{}, byte {}: {}", what_, where, at, problem));
    }
    void set_number(std::uint64_t number) { number_ = number; }

  private:
    std::string what_;
    std::optional<std::uint64_t> number_;
};

std::string meaning(const json_token& token) {
    std::string text;
    append_meaning(text, token);
    return text;
}

std::string read_string(json_scanner& in) {
    return meaning(in.read_text());
}

/// Calls `read(name, begin)` for each member of the object that follows, where `begin` is the
/// position of the member; `read` consumes the value.
template <class Read>
void read_members(json_scanner& in, const Read& read) {
    if (!in.take('{')) {
        in.fail_wanted("an object");
    }
    if (in.take('}')) {
        return;
    }
    std::string unescaped;
    do {
        in.skip_space();
        const std::size_t begin = in.position();
        const json_token token = in.read_text("a member name");
        std::string_view name = token.raw;
        if (token.has_escapes) {
            unescaped = meaning(token);
            name = unescaped;
        }
        in.expect(':');
        read(name, begin);
    } while (in.take(','));
    in.expect('}');
}

/// Refuses a member that comes for the second time.
class seen_members {
  public:
    void mark(const json_scanner& in, std::string_view name, unsigned number) {
        const std::uint32_t bit = std::uint32_t{1} << number;
        if ((seen_ & bit) != 0) {
            in.fail(fmt::format("member \"{}\" comes twice", name));
        }
        seen_ |= bit;
    }

  private:
    std::uint32_t seen_ = 0;
};

/// A member of an object: its name, and how its value is read into the object.
template <class Object>
struct member_reader {
    std::string_view name;
    void (*read)(json_scanner& in, Object& into);
};

/// Reads the members of an object, each at most once; `unknown(begin)` consumes any other.
template <class Object, std::size_t Count, class Unknown>
void read_object(json_scanner& in,
                 Object& into,
                 const std::array<member_reader<Object>, Count>& members,
                 const Unknown& unknown) {
    seen_members seen;
    read_members(in, [&](std::string_view name, std::size_t begin) {
        unsigned index = 0;
        while (index < Count && members[index].name != name) {
            ++index;
        }
        if (index == Count) {
            unknown(begin);
            return;
        }
        seen.mark(in, name, index);
        members[index].read(in, into);
    });
}

template <class Object, std::size_t Count>
void read_object(json_scanner& in,
                 Object& into,
                 const std::array<member_reader<Object>, Count>& members) {
    read_object(in, into, members, [&](std::size_t) { in.skip_value(); });
}

std::map<std::string, std::string> read_texts(json_scanner& in) {
    std::map<std::string, std::string> values;
    read_members(in, [&](std::string_view name, std::size_t) {
        if (!values.emplace(std::string(name), read_string(in)).second) {
            in.fail(fmt::format("member \"{}\" comes twice", name));
        }
    });
    return values;
}

uuid read_uuid(json_scanner& in) {
    const std::string text = read_string(in);
    try {
        return parse_uuid(text);
    } catch (const invalid_input& problem) {
        in.fail(problem.what());
    }
}

timestamp read_time(json_scanner& in) {
    return timestamp(duration(in.read_signed()));
}

payload read_payload(json_scanner& in) {
    if (in.peek() == '"') {
        return {std::string(json_codec), read_string(in)};
    }
    if (in.peek() != '{') {
        in.fail_wanted("a payload: a string or an object");
    }
    struct parts {
        std::optional<std::string> codec;
        std::optional<std::string> bytes;
        void set_bytes(json_scanner& scanner, std::string value) {
            if (bytes) {
                scanner.fail("a payload has either \"text\" or \"base64\"");
            }
            bytes = std::move(value);
        }
    };
    static constexpr std::array<member_reader<parts>, 3> members{{
        {member::codec, [](json_scanner& from, parts& p) { p.codec = read_string(from); }},
        {member::text, [](json_scanner& from, parts& p) { p.set_bytes(from, read_string(from)); }},
        {member::base64,
         [](json_scanner& from, parts& p) {
             const std::string text = read_string(from);
             std::optional<std::string> bytes = decode_base64(text);
             if (!bytes) {
                 from.fail(fmt::format("\"{}\" is not base64", excerpt(text)));
             }
             p.set_bytes(from, std::move(*bytes));
         }},
    }};
    parts found;
    read_object(in, found, members);
    if (!found.codec || found.codec->empty() || !found.bytes) {
        in.fail("a payload needs \"codec\", and \"text\" or \"base64\"");
    }
    return {std::move(*found.codec), std::move(*found.bytes)};
}

/// A failure that is being read, and how many causes deep.
struct nested_failure {
    failure reason;
    std::size_t depth = 1;
};

std::shared_ptr<const failure> read_failure(json_scanner& in, std::size_t depth = 1) {
    if (depth > failure_depth_max) {
        in.fail(fmt::format("a failure with more than {} causes", failure_depth_max));
    }
    using nested = nested_failure;
    static constexpr std::array<member_reader<nested>, 6> members{{
        {member::type, [](json_scanner& from, nested& f) { f.reason.type = read_string(from); }},
        {member::message,
         [](json_scanner& from, nested& f) { f.reason.message = read_string(from); }},
        {member::stack_trace,
         [](json_scanner& from, nested& f) { f.reason.stack_trace = read_string(from); }},
        {member::non_retriable,
         [](json_scanner& from, nested& f) { f.reason.non_retriable = from.read_flag(); }},
        {member::properties,
         [](json_scanner& from, nested& f) { f.reason.properties = read_texts(from); }},
        {member::inner,
         [](json_scanner& from, nested& f) { f.reason.inner = read_failure(from, f.depth + 1); }},
    }};
    nested found{{}, depth};
    read_object(in, found, members);
    return std::make_shared<failure>(std::move(found.reason));
}

parent_link read_parent(json_scanner& in) {
    struct parts {
        std::string instance;
        execution_id execution;
        task_id task;
    };
    static constexpr std::array<member_reader<parts>, 3> members{{
        {member::instance, [](json_scanner& from, parts& p) { p.instance = read_string(from); }},
        {member::execution,
         [](json_scanner& from, parts& p) { p.execution.value = read_uuid(from); }},
        {member::task, [](json_scanner& from, parts& p) { p.task.value = from.read_unsigned(); }},
    }};
    parts found;
    read_object(in, found, members);
    try {
        return {instance_id(std::move(found.instance)), found.execution, found.task};
    } catch (const invalid_input& problem) {
        in.fail(std::string("the parent: ") + problem.what());
    }
}

event_kind read_kind(json_scanner& in) {
    const json_token token = in.read_text();
    const auto kind = parse_event_kind(token.raw);
    if (!kind) {
        throw unknown_event_kind(
            fmt::format("unknown type of event \"{}\"; a newer version may have written it",
                        excerpt(token.raw)));
    }
    return *kind;
}

void read_format(json_scanner& in) {
    const std::uint64_t format = in.read_unsigned();
    if (format > history_format) {
        in.fail(fmt::format(
            "the history has format {}; this version reads up to {}", format, history_format));
    }
}

// The commonest members first.
constexpr std::array<member_reader<history_event>, 15> event_members{{
    {member::type, [](json_scanner& in, history_event& e) { e.kind = read_kind(in); }},
    {member::at, [](json_scanner& in, history_event& e) { e.at = read_time(in); }},
    {member::task, [](json_scanner& in, history_event& e) { e.task.value = in.read_unsigned(); }},
    {member::name, [](json_scanner& in, history_event& e) { e.name = read_string(in); }},
    {member::data, [](json_scanner& in, history_event& e) { e.data = read_payload(in); }},
    {member::version, [](json_scanner& in, history_event& e) { e.version = read_string(in); }},
    {member::instance, [](json_scanner& in, history_event& e) { e.instance = read_string(in); }},
    {member::execution,
     [](json_scanner& in, history_event& e) { e.execution.value = read_uuid(in); }},
    {member::fire_at, [](json_scanner& in, history_event& e) { e.fire_at = read_time(in); }},
    {member::failure, [](json_scanner& in, history_event& e) { e.reason = read_failure(in); }},
    {member::note, [](json_scanner& in, history_event& e) { e.note = read_string(in); }},
    {member::tags, [](json_scanner& in, history_event& e) { e.tags = read_texts(in); }},
    {member::parent, [](json_scanner& in, history_event& e) { e.parent = read_parent(in); }},
    {member::trace, [](json_scanner& in, history_event& e) { e.trace = read_string(in); }},
    {member::format, [](json_scanner& in, history_event&) { read_format(in); }},
}};

void read_event(json_scanner& in, history_event& event) {
    read_object(in, event, event_members, [&](std::size_t begin) {
        in.skip_value();
        event.unknown += event.unknown.empty() ? "" : ",";
        event.unknown += in.slice(begin);
    });
    if (event.kind == event_kind{}) {
        in.fail("the event has no \"type\"");
    }
}

}  // namespace

history_event decode_event(std::string_view text) {
    const history_errors errors("an event");
    json_scanner in(text, errors);
    history_event event;
    read_event(in, event);
    in.expect_end();
    return event;
}

void decode_chunk(const history_chunk& chunk, std::vector<history_event>& events) {
    history_errors errors("event");
    json_scanner in(chunk.text, errors);
    std::uint32_t count = 0;
    in.expect('[');
    if (!in.take(']')) {
        do {
            errors.set_number(chunk.first + count);
            read_event(in, events.emplace_back());
            ++count;
        } while (in.take(','));
        in.expect(']');
    }
    in.expect_end();
    if (count != chunk.count) {
        in.fail(fmt::format("the text has {} events instead of {}", count, chunk.count));
    }
}

failure decode_failure(std::string_view text) {
    const history_errors errors("a failure");
    json_scanner in(text, errors);
    failure reason = *read_failure(in);
    in.expect_end();
    return reason;
}

}  // namespace v1
}  // namespace perdure
