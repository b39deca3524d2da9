#include <perdure/backend_error.hpp>
#include <perdure/failure.hpp>
#include <perdure/history.hpp>
#include <perdure/ids.hpp>

#include <catch2/catch.hpp>

#include <mutex>
#include <set>
#include <thread>
#include <vector>

using namespace perdure;
using Catch::Matchers::Contains;

TEST_CASE("a UUID is written and read in its 36-character form", "[nouns]") {
    const uuid value{0x0123456789ABCDEFULL, 0x00000000000000FFULL};
    CHECK(to_string(value) == "01234567-89ab-cdef-0000-0000000000ff");
    CHECK(parse_uuid("01234567-89AB-cdef-0000-0000000000ff") == value);
    for (const char* text : {"",
                             "0123456789abcdef00000000000000ff",
                             "01234567-89ab-cdef-0000-0000000000f",
                             "01234567-89ab-cdef-0000-00000000000g",
                             "0123456-789ab-cdef-0000-0000000000ff",
                             "01234567-89ab-cdef-0000-0000000000ff0"}) {
        CAPTURE(text);
        CHECK_THROWS_AS(parse_uuid(text), invalid_input);
    }
}

TEST_CASE("random UUIDs are of version 4 and differ, from any thread", "[nouns]") {
    std::mutex mutex;
    std::set<uuid> seen;
    {
        std::vector<std::jthread> threads;
        for (int n = 0; n < 4; ++n) {
            threads.emplace_back([&] {
                for (int i = 0; i < 1'000; ++i) {
                    const uuid value = random_uuid();
                    const std::lock_guard lock(mutex);
                    seen.insert(value);
                }
            });
        }
    }
    CHECK(seen.size() == 4'000);
    const std::string text = to_string(*seen.begin());
    CHECK(text[14] == '4');
    CHECK_THAT(std::string("89ab"), Contains(std::string(1, text[19])));
}

TEST_CASE("lease tokens are the same for the same call, and otherwise differ", "[nouns]") {
    const request_id request{random_uuid()};
    std::set<std::uint64_t> seen{0};
    for (std::uint32_t n = 0; n < 1'000; ++n) {
        CHECK(derive_token(request, n) == derive_token(request, n));
        seen.insert(derive_token(request, n).value);
        seen.insert(derive_token({{request.value.high, request.value.low + 1}}, n).value);
        seen.insert(derive_token({{request.value.high + 1, request.value.low}}, n).value);
    }
    CHECK(seen.size() == 3'001);
}

TEST_CASE("an instance id is short UTF-8 without control characters", "[nouns]") {
    CHECK_NOTHROW(instance_id("order-4711 \xC3\xA4\xF0\x9F\x98\x80"));
    CHECK_NOTHROW(instance_id(std::string(255, 'x')));
    for (const std::string& text : {std::string(),
                                    std::string(256, 'x'),
                                    std::string("a\nb"),
                                    std::string("\x7F"),
                                    std::string(1, '\0'),
                                    std::string("\xFF"),
                                    std::string("\xC3"),
                                    std::string("\xED\xA0\x80"),
                                    std::string("\xC0\x80"),
                                    std::string("\xF4\x90\x80\x80")}) {
        CAPTURE(text);
        CHECK_THROWS_AS(instance_id(text), invalid_input);
    }
}

TEST_CASE("every kind and status has a name that leads back to it", "[nouns]") {
    int kinds = 0;
    for (std::uint16_t number = 0; number < 200; ++number) {
        const auto kind = static_cast<event_kind>(number);
        const auto back = parse_event_kind(to_string(kind));
        kinds += back ? 1 : 0;
        CHECK((!back || *back == kind));
    }
    CHECK(kinds == 33);
    CHECK(parse_status(to_string(orchestration_status::suspended)) ==
          orchestration_status::suspended);
    CHECK(parse_status("nonsense") == std::nullopt);
}

TEST_CASE("context is added to a store's error from the inside out", "[nouns]") {
    backend_error problem(store_fault::conflict, "deadlock", "40P01");
    problem.add_context("commit");
    problem.add_context("hub shop");
    CHECK(problem.what() == std::string("hub shop: commit: deadlock"));
    CHECK(problem.retryable());
    CHECK_FALSE(backend_error(store_fault::corrupt, "x").retryable());
}
