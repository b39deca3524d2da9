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

template <std::size_t Count>
unsigned index_of(const std::array<std::string_view, Count>& names,
                  std::string_view wanted) noexcept {
    unsigned index = 0;
    while (index < Count && names[index] != wanted) {
        ++index;
    }
    return index;
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
    constexpr std::array names{member::codec, member::text, member::base64};
    payload data;
    seen_members seen;
    bool has_bytes = false;
    read_members(in, [&](std::string_view name, std::size_t) {
        const unsigned index = index_of(names, name);
        if (index == names.size()) {
            in.skip_value();
            return;
        }
        seen.mark(in, name, index);
        std::string value = read_string(in);
        if (index == 0) {
            data.codec = std::move(value);
            return;
        }
        if (std::exchange(has_bytes, true)) {
            in.fail("a payload has either \"text\" or \"base64\"");
        }
        if (index == 1) {
            data.bytes = std::move(value);
            return;
        }
        std::optional<std::string> bytes = decode_base64(value);
        if (!bytes) {
            in.fail(fmt::format("\"{}\" is not base64", excerpt(value)));
        }
        data.bytes = std::move(*bytes);
    });
    if (data.codec.empty() || !has_bytes) {
        in.fail("a payload needs \"codec\", and \"text\" or \"base64\"");
    }
    return data;
}

std::shared_ptr<const failure> read_failure(json_scanner& in, std::size_t depth = 1) {
    if (depth > failure_depth_max) {
        in.fail(fmt::format("a failure with more than {} causes", failure_depth_max));
    }
    constexpr std::array names{member::type,
                               member::message,
                               member::stack_trace,
                               member::non_retriable,
                               member::properties,
                               member::inner};
    auto reason = std::make_shared<failure>();
    seen_members seen;
    read_members(in, [&](std::string_view name, std::size_t) {
        const unsigned index = index_of(names, name);
        if (index == names.size()) {
            in.skip_value();
            return;
        }
        seen.mark(in, name, index);
        switch (index) {
            case 0:
                reason->type = read_string(in);
                break;
            case 1:
                reason->message = read_string(in);
                break;
            case 2:
                reason->stack_trace = read_string(in);
                break;
            case 3:
                reason->non_retriable = in.read_flag();
                break;
            case 4:
                reason->properties = read_texts(in);
                break;
            default:
                reason->inner = read_failure(in, depth + 1);
                break;
        }
    });
    return reason;
}

parent_link read_parent(json_scanner& in) {
    constexpr std::array names{member::instance, member::execution, member::task};
    std::string instance;
    execution_id execution;
    task_id task;
    seen_members seen;
    read_members(in, [&](std::string_view name, std::size_t) {
        const unsigned index = index_of(names, name);
        if (index == names.size()) {
            in.skip_value();
            return;
        }
        seen.mark(in, name, index);
        switch (index) {
            case 0:
                instance = read_string(in);
                break;
            case 1:
                execution.value = read_uuid(in);
                break;
            default:
                task.value = in.read_unsigned();
                break;
        }
    });
    try {
        return {instance_id(std::move(instance)), execution, task};
    } catch (const invalid_input& problem) {
        in.fail(std::string("the parent: ") + problem.what());
    }
}

event_kind read_kind(json_scanner& in) {
    const json_token token = in.read_text();
    const auto kind = parse_event_kind(token.raw);
    if (!kind) {
        in.fail(fmt::format("unknown type of event \"{}\"; a newer version may have written it",
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

void read_member(json_scanner& in, unsigned index, history_event& event) {
    switch (index) {
        case 0:
            event.kind = read_kind(in);
            break;
        case 1:
            event.at = read_time(in);
            break;
        case 2:
            event.task.value = in.read_unsigned();
            break;
        case 3:
            event.name = read_string(in);
            break;
        case 4:
            event.data = read_payload(in);
            break;
        case 5:
            event.version = read_string(in);
            break;
        case 6:
            event.instance = read_string(in);
            break;
        case 7:
            event.execution.value = read_uuid(in);
            break;
        case 8:
            event.fire_at = read_time(in);
            break;
        case 9:
            event.reason = read_failure(in);
            break;
        case 10:
            event.note = read_string(in);
            break;
        case 11:
            event.tags = read_texts(in);
            break;
        case 12:
            event.parent = read_parent(in);
            break;
        case 13:
            event.trace = read_string(in);
            break;
        default:
            read_format(in);
            break;
    }
}

void read_event(json_scanner& in, history_event& event) {
    constexpr std::array names{member::type,
                               member::at,
                               member::task,
                               member::name,
                               member::data,
                               member::version,
                               member::instance,
                               member::execution,
                               member::fire_at,
                               member::failure,
                               member::note,
                               member::tags,
                               member::parent,
                               member::trace,
                               member::format};
    seen_members seen;
    read_members(in, [&](std::string_view name, std::size_t begin) {
        const unsigned index = index_of(names, name);
        if (index < names.size()) {
            seen.mark(in, name, index);
            read_member(in, index, event);
            return;
        }
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
