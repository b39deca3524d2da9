#pragma once

#include "../output.hpp"

#include <perdure/instance_image.hpp>
#include <perdure/replay.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace perdure::tool {

// What a replay comes to, as it is counted. The first ones are verdicts.
enum class finding : std::size_t {
    agrees,
    agrees_so_far,
    diverges,
    unreadable,
    unknown_definition,
    newer,
    broken,
    // Of a redacted file: it would diverge or be unreadable, but the code saw other contents than
    // those that were recorded.
    unclear,
    // Beside the others: a decision with another input.
    other_inputs,
    // Beside the others: the instance is parked.
    parked,
};
inline constexpr std::size_t finding_count = 10;

// What is known of the instance without its history.
struct replayed_instance {
    std::string id;
    std::string name;
    std::string version;
    bool is_parked = false;

    [[nodiscard]] std::string definition() const {
        return name + (version.empty() ? "" : " " + version);
    }
};

// Prints what replays find, the first of each kind, and counts all. Its memory is bounded.
class replay_report {
  public:
    struct options {
        output_form form = output_form::text;
        // Of each kind of finding so many are printed.
        std::size_t limit = 0;
        bool is_quiet = false;
        // The contents of the histories are no real ones.
        bool is_redacted = false;
    };
    explicit replay_report(options wanted) : wanted_(wanted) {}

    void add(const replayed_instance& instance, replay_answer answer);
    // Of a file: something is wrong with it.
    void add_damage(const std::string& text);

    [[nodiscard]] std::uint64_t instances() const noexcept { return instances_; }
    [[nodiscard]] std::uint64_t events() const noexcept { return events_; }
    // Prints the counts, and returns what they mean.
    [[nodiscard]] exit_code finish(double seconds) const;

  private:
    using counts = std::array<std::uint64_t, finding_count>;

    // Whether this one is still to be printed.
    [[nodiscard]] bool is_shown(finding what);
    void print_problem(finding what, const replayed_instance& instance, const std::string& problem);
    void print_divergence(finding what,
                          const replayed_instance& instance,
                          const replay_difference& found);
    void print_input(const replayed_instance& instance, const replay_difference& found) const;
    [[nodiscard]] counts& of_definition(const replayed_instance& instance);
    [[nodiscard]] exit_code meaning() const;
    [[nodiscard]] static std::string words_of(const counts& found);
    [[nodiscard]] static json_object json_of(std::string_view line, const counts& found);
    void print_counts(double seconds) const;

    options wanted_;
    std::uint64_t instances_ = 0;
    std::uint64_t events_ = 0;
    std::uint64_t damages_ = 0;
    counts all_{};
    counts shown_{};
    std::map<std::pair<std::string, std::string>, counts> by_definition_;
};

}  // namespace perdure::tool
