#pragma once

#include "store_calls.hpp"

#include <perdure/backend.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

// Answers of a backend in words: what two backends must say alike, and what stands in a report when
// they do not.

namespace perdure::conformance {

[[nodiscard]] std::string word(create_outcome outcome);
[[nodiscard]] std::string word(send_outcome outcome);
[[nodiscard]] std::string word(terminate_outcome outcome);
[[nodiscard]] std::string word(lease_outcome outcome);
[[nodiscard]] std::string word(commit_outcome outcome);
[[nodiscard]] std::string word(unpark_outcome outcome);
[[nodiscard]] std::string word(purge_outcome outcome);
[[nodiscard]] std::string word(execution_id execution);

/// Where a backend's time begins, and how much its answers show.
class wording {
  public:
    enum class detail {
        /// What is the same for all backends: no sequences or tokens, and of work only how much
        /// there is, because backends may choose among equals.
        comparable,
        /// What is the same for a repeat of the call.
        exact,
    };
    wording(timestamp origin, detail shown) : origin_(origin), shown_(shown) {}

    /// Whole minutes since the origin: the real time that a test takes is no difference.
    [[nodiscard]] std::string of(timestamp at) const;
    [[nodiscard]] std::string of(const std::optional<timestamp>& at) const;
    [[nodiscard]] std::string of(const orchestration_work& work) const;
    [[nodiscard]] std::string of(const activity_work& work) const;
    [[nodiscard]] std::string of(const work_batch& batch) const;
    /// Comparable are the outcomes alone: how much is handed out is a backend's choice [HANDOFF-3].
    [[nodiscard]] std::string of(const create_result& result) const;
    [[nodiscard]] std::string of(const send_result& result) const;
    [[nodiscard]] std::string of(const commit_answer& result) const;
    [[nodiscard]] std::string of(const purge_result& result) const;
    [[nodiscard]] std::string of(const instance_record& record) const;
    [[nodiscard]] std::string of(const instance_page& page) const;
    [[nodiscard]] std::string of(const history_page& page) const;
    [[nodiscard]] std::string of(const hub_status& status) const;

    [[nodiscard]] static std::string of(std::ptrdiff_t count) { return std::to_string(count); }

    template <class T>
    [[nodiscard]] std::string of(const std::optional<T>& item) const {
        return item ? of(*item) : "nothing";
    }
    template <class T>
    [[nodiscard]] std::string of(const std::vector<T>& items) const {
        std::string text;
        for (const T& item : items) {
            text += text.empty() ? "" : ", ";
            if constexpr (requires { word(item); }) {
                text += word(item);
            } else {
                text += of(item);
            }
        }
        return text;
    }

  private:
    timestamp origin_;
    detail shown_;
};

}  // namespace perdure::conformance
