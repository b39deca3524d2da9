#pragma once

#include <perdure/backend.hpp>

#include <catch2/catch.hpp>

#include <iosfwd>
#include <string>

// How values of the contract look in the report of a failed check.

namespace perdure {

std::ostream& operator<<(std::ostream& out, const instance_id& id);
std::ostream& operator<<(std::ostream& out, execution_id execution);
std::ostream& operator<<(std::ostream& out, task_id task);
std::ostream& operator<<(std::ostream& out, const worker_id& worker);
std::ostream& operator<<(std::ostream& out, lease_token token);
std::ostream& operator<<(std::ostream& out, const lease& held);
std::ostream& operator<<(std::ostream& out, const payload& value);
std::ostream& operator<<(std::ostream& out, orchestration_status status);
std::ostream& operator<<(std::ostream& out, const history_chunk& chunk);
std::ostream& operator<<(std::ostream& out, const inbox_message& message);
std::ostream& operator<<(std::ostream& out, const instance_record& record);
std::ostream& operator<<(std::ostream& out, create_code code);
std::ostream& operator<<(std::ostream& out, send_outcome outcome);
std::ostream& operator<<(std::ostream& out, terminate_outcome outcome);
std::ostream& operator<<(std::ostream& out, lease_outcome outcome);
std::ostream& operator<<(std::ostream& out, commit_outcome outcome);
std::ostream& operator<<(std::ostream& out, unpark_outcome outcome);
std::ostream& operator<<(std::ostream& out, purge_outcome outcome);

}  // namespace perdure

namespace perdure::conformance {

/// To the microsecond.
[[nodiscard]] std::string text_of(timestamp at);
/// Every item that was handed out.
[[nodiscard]] std::string text_of(const work_batch& batch);

/// Remembers what a call of the test has answered; the last ones stand in the report of a failure.
void note(std::string what);
[[nodiscard]] std::string recent_notes();
void forget_notes();

}  // namespace perdure::conformance

namespace Catch {

template <>
struct StringMaker<perdure::timestamp> {
    static std::string convert(perdure::timestamp at) { return perdure::conformance::text_of(at); }
};

}  // namespace Catch
