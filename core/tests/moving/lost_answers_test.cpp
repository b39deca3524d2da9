#include "moving/store_switch.hpp"

#include <perdure/live_migration.hpp>

#include <catch2/catch.hpp>

#include <filesystem>
#include <string>
#include <utility>

using namespace perdure;

// A call whose answer was lost while another process moves the hub.

namespace {

/// Sends, and loses an answer now and then.
class losing_backend final : public forwarding_backend {
  public:
    explicit losing_backend(std::shared_ptr<backend> inner)
        : forwarding_backend(*inner), store_(std::move(inner)) {}
    [[nodiscard]] send_result send(const lock_request& next,
                                   std::span<const new_message> messages) override {
        if (!std::exchange(loses, false)) {
            return inner().send(next, messages);
        }
        if (arrives) {
            static_cast<void>(inner().send(next, messages));
        }
        throw backend_error(store_fault::outcome_unknown, "the answer was lost");
    }

    bool loses = false;
    bool arrives = true;

  private:
    std::shared_ptr<backend> store_;
};

/// A hub with an instance, and another one that it moves to.
struct two_files {
    two_files() {
        std::filesystem::create_directory(folder);
        for (const std::string& uri : {from, to}) {
            static_cast<void>(open(uri));
        }
    }
    ~two_files() { std::filesystem::remove_all(folder); }

    void move() const {
        live_migration moves(open(from), open(to));
        moves.begin(from, to);
        moves.run();
        moves.cut();
    }

    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("perdure-moving-" + to_string(random_uuid()));
    const std::string from = "sqlite:" + (folder / "from.db").string();
    const std::string to = "sqlite:" + (folder / "to.db").string();
};

std::shared_ptr<backend> store_at(const std::string& uri) {
    const backend_config config = parse_uri(uri);
    return load_plugin_by_name(config.backend).create(config);
}

}  // namespace

TEST_CASE("a call whose answer was lost happens once, though the hub has moved", "[switch]") {
    const two_files files;
    const auto loses = std::make_shared<losing_backend>(store_at(files.from));
    moving::store_switch here(loses, "here", store_at);
    new_instance fresh{.instance = instance_id("a"), .name = "Order"};
    REQUIRE(here.create({.request = {random_uuid()}}, {&fresh, 1}).outcomes.front().code ==
            create_code::created);
    const new_message message{.target = instance_id("a"), .event = "{}"};
    const auto send = [&](const request_id& request) {
        return here.send({.request = request}, {&message, 1}).outcomes.front();
    };
    const auto inbox_length = [&] {
        const instance_id id("a");
        return here.get({&id, 1}).front()->inbox_length;
    };
    const request_id request{random_uuid()};

    loses->loses = true;
    CHECK_THROWS_AS(send(request), backend_error);
    files.move();
    SECTION("when it is repeated at once") {
        CHECK(send(request) == send_outcome::accepted);
    }
    SECTION("when another call has followed the hub before") {
        CHECK(inbox_length() == 1);
        CHECK(send(request) == send_outcome::accepted);
    }
    CHECK(inbox_length() == 1);
    CHECK(send({random_uuid()}) == send_outcome::accepted);
    CHECK(inbox_length() == 2);
}

TEST_CASE("a call that was lost on its way happens where the hub is", "[switch]") {
    const two_files files;
    const auto loses = std::make_shared<losing_backend>(store_at(files.from));
    moving::store_switch here(loses, "here", store_at);
    new_instance fresh{.instance = instance_id("a"), .name = "Order"};
    REQUIRE(here.create({.request = {random_uuid()}}, {&fresh, 1}).outcomes.front().code ==
            create_code::created);
    const new_message message{.target = instance_id("a"), .event = "{}"};
    const request_id request{random_uuid()};

    loses->loses = true;
    loses->arrives = false;
    CHECK_THROWS_AS(here.send({.request = request}, {&message, 1}), backend_error);
    files.move();
    for (int n = 0; n < 2; ++n) {
        CHECK(here.send({.request = request}, {&message, 1}).outcomes.front() ==
              send_outcome::accepted);
    }
    const instance_id id("a");
    CHECK(here.get({&id, 1}).front()->inbox_length == 1);
}
