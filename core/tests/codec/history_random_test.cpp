#include "codec/sample_events.hpp"

#include <perdure/codec.hpp>
#include <perdure/history_codec.hpp>

#include <catch2/catch.hpp>

#include <cstdlib>
#include <memory>
#include <random>

using namespace perdure;

namespace {

/// The seed of this run: from PERDURE_TEST_SEED to repeat one, otherwise fresh.
std::uint64_t seed() {
    const char* const given = std::getenv("PERDURE_TEST_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

class event_source {
  public:
    explicit event_source(std::uint64_t from) : random_(from) {}

    std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
    bool maybe() { return below(2) == 0; }

    std::string bytes() {
        std::string out(below(40), '\0');
        for (char& byte : out) {
            byte = static_cast<char>(below(256));
        }
        return out;
    }
    std::string text() {
        constexpr std::string_view letters[] = {"a",
                                                "Z",
                                                "\"",
                                                "\\",
                                                "\n",
                                                "\x01",
                                                "\x7F",
                                                "/",
                                                "\xC3\xA4",
                                                "\xE2\x82\xAC",
                                                " ",
                                                "\t",
                                                "{",
                                                "]",
                                                "\xF0\x9F\x98\x80"};
        std::string out;
        for (std::uint64_t left = below(12); left > 0; --left) {
            out += letters[below(std::size(letters))];
        }
        return out;
    }
    std::map<std::string, std::string> texts() {
        std::map<std::string, std::string> out;
        for (std::uint64_t left = below(3); left > 0; --left) {
            out[text()] = text();
        }
        return out;
    }
    std::shared_ptr<const failure> reason(int depth) {
        if (maybe() || depth == 4) {
            return nullptr;
        }
        auto out = std::make_shared<failure>(text(), text());
        out->stack_trace = text();
        out->non_retriable = maybe();
        out->properties = texts();
        out->inner = reason(depth + 1);
        return out;
    }
    timestamp time() {
        return maybe() ? timestamp{} : timestamp(duration(static_cast<std::int64_t>(random_())));
    }
    history_event event() {
        const auto samples = test::sample_events();
        history_event out;
        out.kind = samples[below(samples.size())].kind;
        out.at = time();
        out.task = {maybe() ? 0 : random_()};
        out.name = text();
        out.version = text();
        if (maybe()) {
            out.data = payload(maybe() ? "json" : "x" + text(), maybe() ? bytes() : text());
        }
        out.instance = text();
        out.execution = {maybe() ? uuid{} : uuid{random_(), random_()}};
        out.fire_at = time();
        out.reason = reason(0);
        out.note = text();
        out.tags = texts();
        if (maybe()) {
            out.parent = parent_link{instance_id("p"), {{random_(), random_()}}, {random_()}};
        }
        out.trace = text();
        return out;
    }
    /// Some bytes changed, left out, doubled, or put in.
    std::string mutation(std::string text) {
        for (std::uint64_t left = 1 + below(4); left > 0 && !text.empty(); --left) {
            constexpr std::string_view favourites = "\"\\{}[]:,0-e.tu\x80\xED";
            const std::size_t at = below(text.size());
            switch (below(5)) {
                case 0:
                    text[at] = static_cast<char>(below(256));
                    break;
                case 1:
                    text[at] = favourites[below(favourites.size())];
                    break;
                case 2:
                    text.erase(at, 1 + below(5));
                    break;
                case 3:
                    text.insert(at, text.substr(below(text.size()), below(20)));
                    break;
                default:
                    text.insert(at, 1, favourites[below(favourites.size())]);
                    break;
            }
        }
        return text;
    }

  private:
    std::mt19937_64 random_;
};

/// True when the call gives a value or one of the promised errors.
template <class Call>
bool is_tame(const Call& call) {
    try {
        call();
        return true;
    } catch (const history_error&) {
        return true;
    } catch (const payload_error&) {
        return true;
    }
}

}  // namespace

TEST_CASE("random events survive a round trip", "[history][random]") {
    const std::uint64_t number = seed();
    INFO("PERDURE_TEST_SEED=" << number);
    event_source source(number);
    for (int round = 0; round < 3'000; ++round) {
        const history_event event = source.event();
        const std::string text = encode_event(event);
        CAPTURE(text);
        const history_event read = decode_event(text);
        REQUIRE(read == event);
        REQUIRE(encode_event(read) == text);
    }
}

TEST_CASE("damaged history gives events or a history error, never anything else",
          "[history][random]") {
    const std::uint64_t number = seed();
    INFO("PERDURE_TEST_SEED=" << number);
    event_source source(number);
    std::vector<std::string> texts;
    for (const history_event& event : test::sample_events()) {
        texts.push_back(encode_event(event));
    }
    int values = 0;
    for (int round = 0; round < 10'000; ++round) {
        const std::string text = source.mutation(texts[source.below(texts.size())]);
        CAPTURE(text);
        REQUIRE(is_tame([&] {
            const history_event event = decode_event(text);
            ++values;
            // What could be read can be written, and then read again as the same.
            REQUIRE(decode_event(encode_event(event)) == event);
        }));
        REQUIRE(is_tame([&] {
            std::vector<history_event> events;
            decode_chunk({0, 2, "[" + text + "," + texts.front() + "]"}, events);
        }));
        REQUIRE(is_tame([&] { static_cast<void>(decode_failure(text)); }));
    }
    CHECK(values > 100);
}

TEST_CASE("damaged payloads give values or a payload error, never anything else",
          "[payload][random]") {
    const std::uint64_t number = seed();
    INFO("PERDURE_TEST_SEED=" << number);
    event_source source(number);
    const std::string texts[] = {
        "\"a\\u00e4\\ud83d\\ude00\"", "-12345", "1.5e-7", "true", "18446744073709551615"};
    for (int round = 0; round < 10'000; ++round) {
        const payload stored("json", source.mutation(texts[source.below(std::size(texts))]));
        CAPTURE(stored.bytes);
        REQUIRE(is_tame([&] { static_cast<void>(codec<std::string>::decode(stored)); }));
        REQUIRE(is_tame([&] { static_cast<void>(codec<std::int8_t>::decode(stored)); }));
        REQUIRE(is_tame([&] { static_cast<void>(codec<std::uint64_t>::decode(stored)); }));
        REQUIRE(is_tame([&] { static_cast<void>(codec<double>::decode(stored)); }));
        REQUIRE(is_tame([&] { static_cast<void>(codec<bool>::decode(stored)); }));
    }
}
