#include <perdure/kit/commit_steps.hpp>

#include <catch2/catch.hpp>

#include <map>
#include <string>
#include <vector>

using namespace perdure;

namespace {

using texts = std::vector<std::string>;

/// Writes down what it is asked to do. Outcomes of `accept` and `complete` are given by instance.
class noted_steps final : public commit_steps {
  public:
    texts notes;
    std::map<std::string, commit_outcome> refused;
    std::map<std::string, commit_outcome> completions;
    send_outcome sent = send_outcome::accepted;

  private:
    std::optional<commit_outcome> accept(const finished_work& item, std::size_t items) override {
        const std::string& id = item.instance.text();
        notes.push_back("accept " + id + (items != 0 ? " of " + std::to_string(items) : ""));
        const auto found = refused.find(id);
        return found != refused.end() ? std::optional(found->second) : std::nullopt;
    }
    void start_child(const finished_work& parent, const new_child& child) override {
        notes.push_back("child " + child.instance.instance.text() + " of " +
                        parent.instance.text());
    }
    void apply(const finished_work& item) override {
        notes.push_back("apply " + item.instance.text());
    }
    commit_outcome complete(const finished_work& item) override {
        notes.push_back("complete " + item.instance.text());
        const auto found = completions.find(item.instance.text());
        return found != completions.end() ? found->second : commit_outcome::committed;
    }
    send_outcome send(const new_message& message) override {
        notes.push_back("send to " + message.target.text());
        return sent;
    }
};

finished_work a_turn(const std::string& id) {
    return {.instance = instance_id(id), .turn = checkpoint()};
}

finished_work an_end(const std::string& id) {
    return {.instance = instance_id(id), .activity = ended_activity{}};
}

finished_work a_speculative_turn(const std::string& id) {
    return {.instance = instance_id(id), .activity = ended_activity{}, .turn = checkpoint()};
}

}  // namespace

TEST_CASE("the steps follow each other by kind, and within a kind in the order given",
          "[BATCH-4]") {
    std::vector finished{an_end("a"), a_turn("b"), an_end("c"), a_turn("d")};
    finished[1].turn->messages = {{.target = instance_id("x")}};
    finished[3].turn->children = {{.instance = {.instance = instance_id("y")}}};
    noted_steps steps;

    const commit_result result = steps.apply_all(finished);

    CHECK(steps.notes == texts{"accept b",
                               "accept d",
                               "child y of d",
                               "apply b",
                               "apply d",
                               "complete a",
                               "complete c",
                               "send to x"});
    CHECK(result.outcomes == std::vector(4, commit_outcome::committed));
    CHECK(result.dropped_messages == 0);
    CHECK(steps.accepted() == std::vector<const finished_work*>{&finished[1], &finished[3]});
}

TEST_CASE("outcomes have the order of the list, and what is refused does nothing", "[BATCH-2]") {
    std::vector finished{a_turn("lost"), an_end("late"), a_turn("good"), a_turn("repeated")};
    finished[0].turn->messages = {{.target = instance_id("x")}};
    noted_steps steps;
    steps.refused = {{"lost", commit_outcome::lease_lost}, {"repeated", commit_outcome::committed}};
    steps.completions = {{"late", commit_outcome::instance_is_terminal}};

    const commit_result result = steps.apply_all(finished);

    CHECK(result.outcomes == std::vector{commit_outcome::lease_lost,
                                         commit_outcome::instance_is_terminal,
                                         commit_outcome::committed,
                                         commit_outcome::committed});
    CHECK(steps.notes ==
          texts{"accept lost", "accept good", "accept repeated", "apply good", "complete late"});
}

TEST_CASE("a declined turn ends its activity before the others end theirs", "[SPECULATIVE-2]") {
    const std::vector finished{an_end("a"), a_speculative_turn("b"), a_speculative_turn("c")};
    noted_steps steps;
    steps.refused = {{"b", commit_outcome::turn_declined}, {"c", commit_outcome::turn_declined}};
    steps.completions = {{"c", commit_outcome::lease_lost}};

    const commit_result result = steps.apply_all(finished);

    CHECK(steps.notes ==
          texts{"accept b of 1", "accept c of 1", "complete b", "complete c", "complete a"});
    CHECK(result.outcomes == std::vector{commit_outcome::committed,
                                         commit_outcome::turn_declined,
                                         commit_outcome::lease_lost});
}

TEST_CASE("a speculative turn is told how many items its instance has", "[SPECULATIVE-1]") {
    const std::vector finished{a_speculative_turn("a"), an_end("a"), a_speculative_turn("b")};
    noted_steps steps;

    CHECK(steps.apply_all(finished).outcomes == std::vector(3, commit_outcome::committed));
    CHECK(steps.notes ==
          texts{"accept a of 2", "accept b of 1", "apply a", "apply b", "complete a"});
}

TEST_CASE("messages that reach nobody are counted") {
    std::vector finished{a_turn("a")};
    finished[0].turn->messages = {{.target = instance_id("x")}, {.target = instance_id("y")}};
    const auto dropped = [&](send_outcome sent) {
        noted_steps steps;
        steps.sent = sent;
        return steps.apply_all(finished).dropped_messages;
    };

    CHECK(dropped(send_outcome::no_such_instance) == 2);
    CHECK(dropped(send_outcome::instance_is_terminal) == 2);
    CHECK(dropped(send_outcome::duplicate) == 0);
    CHECK(dropped(send_outcome::accepted) == 0);
}
