// An older worker and a newer one on the same hub, each a process of its own.

#define CATCH_CONFIG_RUNNER
#include "worker_of_an_age.hpp"

#include <perdure/client.hpp>
#include <perdure/history_codec.hpp>
#include <perdure/hub.hpp>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

using namespace perdure;
using namespace perdure::ages;
using namespace std::chrono_literals;

namespace {

constexpr feature_level newer = 2;

/// A hub that this test has for itself, and a client of it.
class shared_hub {
  public:
    explicit shared_hub(const std::string& uri) : uri_(uri), hub_(open(uri)), people_(hub_) {}

    [[nodiscard]] const std::string& uri() const { return uri_; }
    [[nodiscard]] client& people() { return people_; }
    [[nodiscard]] backend& store() { return hub_.store(); }

    /// Starts one that reads so many letters, and waits until it waits for the first.
    instance_id start(int count) {
        const instance_id id = people_.start(letters, count);
        wait_until(id, [](const instance_record& found) {
            return found.status == orchestration_status::running && found.leased_by.empty();
        });
        return id;
    }
    /// A letter that only newer code can read; its writer says so, or is careless.
    void send_newer_letter(const instance_id& id, const std::string& text, feature_level level) {
        history_event event;
        event.kind = event_kind::entity_operation_signalled;
        event.name = "letter";
        event.data = codec<std::string>::encode(text);
        new_message message{.target = id, .event = encode_event(event), .level = level};
        REQUIRE(store().send({request_id{random_uuid()}}, {&message, 1}).outcomes.front() ==
                send_outcome::accepted);
    }
    void wait_until(const instance_id& id,
                    const std::function<bool(const instance_record&)>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + 30s;
        while (!condition(*people_.get(id))) {
            REQUIRE(std::chrono::steady_clock::now() < deadline);
            static_cast<void>(store().wait(id, std::chrono::steady_clock::now() + 5ms));
        }
    }
    /// Whoever is alive has executed something that began after what was sent before.
    void check_others_go_on() {
        const instance_id other = start(1);
        people_.raise_event(other, "letter", std::string("other"));
        CHECK(people_.wait<std::string>(other, 30s) == "[other]");
    }
    /// Its message waits, and nobody takes it.
    void check_waits_for_newer(const instance_id& id) {
        check_others_go_on();
        const instance_record found = *people_.get(id);
        CHECK(found.status == orchestration_status::running);
        CHECK(found.inbox_length == 1);
        CHECK(found.leased_by.empty());
        CHECK(found.parked_reason.empty());
        CHECK(store().status().unserved ==
              std::vector<std::string>{"orchestration Letters (feature level 2)"});
    }

  private:
    std::string uri_;
    hub hub_;
    client people_;
};

void check_two_ages(const std::string& uri) {
    shared_hub hub(uri);
    const worker_process older(uri, age::today);
    const instance_id id = hub.start(3);
    hub.send_newer_letter(id, "newer", newer);
    hub.check_waits_for_newer(id);
    {
        const worker_process newest(uri, age::next);
        hub.wait_until(id, [](const instance_record& found) {
            return found.inbox_length == 0 && found.history_length >= 7;
        });
    }
    // An event that every version knows, for a history that not every version knows.
    hub.people().raise_event(id, "letter", std::string("older"));
    hub.wait_until(id, [](const instance_record& found) { return found.inbox_length == 1; });
    hub.check_others_go_on();
    CHECK(hub.people().get(id)->inbox_length == 1);

    // One whose writer does not say that it is newer: the older worker meets it, and leaves it.
    const instance_id careless = hub.start(1);
    hub.send_newer_letter(careless, "careless", 1);
    hub.wait_until(careless, [](const instance_record& found) { return found.level == newer; });
    hub.check_others_go_on();
    CHECK(hub.people().get(careless)->inbox_length == 1);

    const worker_process newest(uri, age::next);
    hub.people().raise_event(id, "letter", std::string("last"));
    CHECK(hub.people().wait<std::string>(id, 30s) == "[newer][older][last]");
    CHECK(hub.people().wait<std::string>(careless, 30s) == "[careless]");
}

}  // namespace

TEST_CASE("workers of two ages share an sqlite hub") {
    const std::filesystem::path file =
        std::filesystem::temp_directory_path() / ("perdure-ages-" + to_string(random_uuid()));
    check_two_ages("sqlite:" + file.string() + "?synchronous=off");
    for (const char* part : {"", "-wal", "-shm"}) {
        std::filesystem::remove(file.string() + part);
    }
}

TEST_CASE("workers of two ages share a postgres hub") {
    check_two_ages("postgres://perdure_owner@/perdure?schema=ages&task_hub=" +
                   to_string(random_uuid()).substr(0, 8));
}

int main(int count, char** words) {
    if (count == 3 && std::string_view(words[1]) == "--work") {
        return work(words[2]);
    }
    return Catch::Session().run(count, words);
}
