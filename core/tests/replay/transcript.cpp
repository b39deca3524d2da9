#include "transcript.hpp"

#include <perdure/history_codec.hpp>

#include <fmt/format.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace perdure::test {

namespace {

timestamp at_millis(long long value) {
    return timestamp(std::chrono::milliseconds(value));
}

std::string rest_of(std::istringstream& in) {
    std::string rest;
    std::getline(in >> std::ws, rest);
    return rest;
}

/// The kinds whose line has a name; what others have in quotes is JSON.
bool has_name(event_kind kind) {
    return kind == event_kind::task_scheduled || kind == event_kind::child_created ||
           kind == event_kind::event_raised || kind == event_kind::event_sent;
}

history_event parse_event(const std::string& line) {
    std::istringstream in(line);
    std::string word;
    in >> word;
    history_event event;
    const auto kind = parse_event_kind(word);
    if (!kind) {
        throw std::runtime_error("unknown kind of event: " + word);
    }
    event.kind = *kind;
    while (in >> std::ws && !in.eof()) {
        const int next = in.peek();
        if (next == '#') {
            in >> word;
            event.task = {std::stoull(word.substr(1))};
        } else if (next == '@') {
            in >> word;
            event.instance = word.substr(1);
        } else if (next == '!') {
            const std::string text = rest_of(in).substr(1);
            const auto colon = text.find(": ");
            event.reason =
                std::make_shared<const failure>(text.substr(0, colon), text.substr(colon + 2));
        } else if (next == '"' && has_name(event.kind) && event.name.empty()) {
            in.get();
            std::getline(in, event.name, '"');
        } else {
            std::string rest = rest_of(in);
            if (rest.starts_with("at=")) {
                event.fire_at = at_millis(std::stoll(rest.substr(3)));
                const auto space = rest.find(' ');
                rest = space == std::string::npos ? std::string() : rest.substr(space + 1);
            }
            if (!rest.empty()) {
                event.data = payload("json", rest);
            }
        }
    }
    return event;
}

inbox_message message_of(const std::string& line, std::uint64_t sequence) {
    history_event event = parse_event(line);
    inbox_message message;
    message.sequence = sequence;
    message.task = event.task;
    message.visible_at = event.fire_at;
    event.task = {};
    event.fire_at = {};
    message.event = encode_event(event);
    return message;
}

void read_line(transcript& out, const std::string& line) {
    const auto value = [&] {
        const auto colon = line.find(": ");
        return colon == std::string::npos ? std::string() : line.substr(colon + 2);
    };
    if (line.starts_with("orchestration:")) {
        out.orchestration = value();
    } else if (line.starts_with("input:")) {
        out.input = value();
    } else if (line.starts_with("end:")) {
        out.end = value();
    } else if (line.starts_with("fault:")) {
        out.fault = value();
    } else if (line.starts_with("turn ")) {
        out.turns.push_back({at_millis(std::stoll(line.substr(5))), {}, {}});
    } else if (line.starts_with("< ") && !out.turns.empty()) {
        auto& messages = out.turns.back().messages;
        messages.push_back(message_of(line.substr(2), messages.size() + 1));
    } else if (line.starts_with("> ") && !out.turns.empty()) {
        out.turns.back().decisions.push_back(line.substr(2));
    } else {
        throw std::runtime_error("cannot read this line: " + line);
    }
}

}  // namespace

transcript read_transcript(const std::string& file) {
    std::ifstream in(file);
    if (!in) {
        throw std::runtime_error("cannot open " + file);
    }
    transcript out;
    out.file = file;
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
        if (line.empty() || line.front() == '#') {
            continue;
        }
        try {
            read_line(out, line);
        } catch (const std::exception& problem) {
            throw std::runtime_error(fmt::format("{}:{}: {}", file, number, problem.what()));
        }
    }
    return out;
}

std::string decision_line(const history_event& event) {
    std::string line(to_string(event.kind));
    if (event.task) {
        line += fmt::format(" #{}", event.task.value);
    }
    if (!event.name.empty()) {
        line += fmt::format(" \"{}\"", event.name);
    }
    if (!event.instance.empty()) {
        line += fmt::format(" @{}", event.instance);
    }
    if (event.fire_at != timestamp{}) {
        line += fmt::format(
            " at={}",
            std::chrono::duration_cast<std::chrono::milliseconds>(event.fire_at.time_since_epoch())
                .count());
    }
    if (event.reason) {
        line += fmt::format(" !{}: {}", event.reason->type, event.reason->message);
    } else if (!event.data.is_none()) {
        line += " " + event.data.bytes;
    }
    return line;
}

history_event start_event(const transcript& text) {
    history_event start;
    start.kind = event_kind::execution_started;
    start.name = text.orchestration;
    start.execution = {{1, 2}};
    if (!text.input.empty()) {
        start.data = payload("json", text.input);
    }
    return start;
}

std::string end_name(replay::turn_end end) {
    switch (end) {
        case replay::turn_end::open:
            return "open";
        case replay::turn_end::suspended:
            return "suspended";
        case replay::turn_end::completed:
            return "completed";
        case replay::turn_end::failed:
            return "failed";
        case replay::turn_end::terminated:
            return "terminated";
        case replay::turn_end::continued:
            return "continued";
    }
    return "?";
}

}  // namespace perdure::test
