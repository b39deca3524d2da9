#pragma once

#include "replay/live_instance.hpp"

#include <perdure/registry.hpp>

#include <string>
#include <vector>

// The text format of replay tests: a transcript of turns, messages in and decisions out.
//
//     # comment
//     orchestration: sequence        the definition that the messages are played to
//     input: 3
//     turn 1000                      begins at 1000 ms
//     < task_completed #1 9          a message in
//     > task_scheduled #2 "Square" 9 a decision out, in order
//     end: completed                 how the execution stands after the last turn; default open
//     fault: text                    instead of decisions: the last turn's fault contains this
//
// A line of either kind is: KIND [#TASK] ["NAME"] [@INSTANCE] [at=MS] [!TYPE: MESSAGE | DATA].

namespace perdure::test {

struct transcript_turn {
    timestamp now{};
    std::vector<inbox_message> messages;
    std::vector<std::string> decisions;
};

struct transcript {
    std::string file;
    std::string orchestration;
    std::string input;
    std::vector<transcript_turn> turns;
    std::string end = "open";
    std::string fault;
};

/// Throws std::runtime_error with file and line for a line that it does not understand.
[[nodiscard]] transcript read_transcript(const std::string& file);

/// A decision in the form of a transcript line, without the leading "> ".
[[nodiscard]] std::string decision_line(const history_event& event);

/// Event 0 of the execution that a transcript describes.
[[nodiscard]] history_event start_event(const transcript& text);

[[nodiscard]] std::string end_name(replay::turn_end end);

}  // namespace perdure::test
