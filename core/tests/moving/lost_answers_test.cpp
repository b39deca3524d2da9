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

moving::opened_store store_at(const std::string& uri) {
    const backend_config config = parse_uri(uri);
    return {load_plugin_by_name(config.backend).create(config), uri};
}

/// An instance in the first hub, and who sends it messages and may lose the answers.
struct sender {
    sender() {
        const new_instance fresh{.instance = id, .name = "Order"};
        REQUIRE(here.create({.request = {random_uuid()}}, {&fresh, 1}).outcomes.front().code ==
                create_code::created);
    }
    [[nodiscard]] send_outcome send(const request_id& request) {
        const new_message message{.target = id, .event = "{}"};
        return here.send({.request = request}, {&message, 1}).outcomes.front();
    }
    [[nodiscard]] std::uint64_t inbox_length() { return here.get({&id, 1}).front()->inbox_length; }

    const instance_id id{"a"};
    const two_files files;
    const std::shared_ptr<losing_backend> loses =
        std::make_shared<losing_backend>(store_at(files.from).store);
    moving::store_switch here{loses, "here", store_at};
};

}  // namespace

TEST_CASE("a call whose answer was lost happens once, though the hub has moved", "[switch]") {
    sender shop;
    const request_id request{random_uuid()};
    shop.loses->loses = true;
    CHECK_THROWS_AS(shop.send(request), backend_error);
    shop.files.move();
    SECTION("when it is repeated at once") {
        CHECK(shop.send(request) == send_outcome::accepted);
    }
    SECTION("when another call has followed the hub before") {
        CHECK(shop.inbox_length() == 1);
        CHECK(shop.send(request) == send_outcome::accepted);
    }
    CHECK(shop.inbox_length() == 1);
    CHECK(shop.send({random_uuid()}) == send_outcome::accepted);
    CHECK(shop.inbox_length() == 2);
}

TEST_CASE("a call that was lost on its way happens where the hub is", "[switch]") {
    sender shop;
    const request_id request{random_uuid()};
    shop.loses->loses = true;
    shop.loses->arrives = false;
    CHECK_THROWS_AS(shop.send(request), backend_error);
    shop.files.move();
    for (int n = 0; n < 2; ++n) {
        CHECK(shop.send(request) == send_outcome::accepted);
    }
    CHECK(shop.inbox_length() == 1);
}
