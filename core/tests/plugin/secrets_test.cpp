#include "refusal.hpp"

#include <fmt/format.h>

#include <perdure/hub.hpp>
#include <perdure/plugin.hpp>
#include <random>
#include <string>
#include <vector>

using namespace perdure;
using Catch::Matchers::Contains;

namespace {

/// Words that stand in no message of ours, with what has a meaning in addresses between them, not
/// encoded.
struct bad_password {
    std::string text;
    std::vector<std::string> words;
};

bad_password a_password(std::mt19937& chance) {
    static const std::string signs = "?#/@:&=%+,[] ";
    static const std::string letters = "qxzjkv";
    const auto below = [&](std::size_t end) {
        return std::uniform_int_distribution<std::size_t>(0, end - 1)(chance);
    };
    bad_password made;
    for (std::size_t n = 0; n < 1 + below(4); ++n) {
        std::string word;
        for (std::size_t letter = 0; letter < 4; ++letter) {
            word += letters[below(letters.size())];
        }
        if (n != 0) {
            made.text += signs[below(signs.size())];
        }
        made.text += word;
        made.words.push_back(word);
    }
    return made;
}

struct form {
    std::string text;
    /// Otherwise an '@' in the password ends the login, by grammar, and a host follows.
    bool ends_login = true;
};

/// What a file or a command line may have. No server answers.
const std::vector<form>& forms() {
    static const std::vector<form> all = {{"//user:{}@127.0.0.1:1/db"},
                                          {"//user:{}@127.0.0.1:1,127.0.0.1:2/db?schema=x"},
                                          {"//user:{}@/db?host=/nowhere"},
                                          {"//user:{}@?host=/nowhere"},
                                          {"//:{}@/db?host=/nowhere"},
                                          {"//user:{}@127.0.0.1:x/db"},
                                          {"//user:{}@127.0.0.1:1/db?pool_max=many"},
                                          {"//user:{}@127.0.0.1:1/db?no_such=1"},
                                          {"//user@127.0.0.1:1/db?password={}&no_such=1"},
                                          {"//user@127.0.0.1:1/db?password={}&pool_max=many"},
                                          {"//user:{}", false},
                                          {"//user:{}/db", false},
                                          {"//user:{}?schema=x", false},
                                          {"user:{}@127.0.0.1/db"},
                                          {"/user:{}@127.0.0.1/db"},
                                          {"user:{}"},
                                          {"/user:{}"}};
    return all;
}

/// The text with which it is refused, whatever the reason.
std::string refusal_of(const std::string& uri) {
    try {
        return open(uri).description();
    } catch (const error& wrong) {
        return wrong.what();
    }
}

}  // namespace

TEST_CASE("no part of a password is in any text, however badly it is written", "[secrets]") {
    std::mt19937 chance(20251129);
    for (int n = 0; n < 200; ++n) {
        const bad_password password = a_password(chance);
        for (const form& one : forms()) {
            if (!one.ends_login && password.text.find('@') != std::string::npos) {
                continue;
            }
            const std::string address = fmt::format(fmt::runtime(one.text), password.text);
            for (const char* scheme : {"postgres:", "postgresql:"}) {
                const std::string text = refusal_of(scheme + address);
                CAPTURE(scheme, address, text);
                for (const std::string& word : password.words) {
                    CHECK_THAT(text, !Contains(word));
                }
            }
        }
    }
}

TEST_CASE("a description says where, as far as that is no secret", "[secrets]") {
    const auto described = [](const std::string& uri) { return describe(parse_uri(uri)); };

    CHECK(described("sqlite:/data/a:b.db") == "sqlite:/data/a:b.db");
    CHECK(described("memory:shop") == "memory:shop");
    CHECK(described("postgres://ann@h:5432,g:5433/db") == "postgres://ann@h:5432,g:5433/db");
    CHECK(described("postgres://h:5432/db") == "postgres://h:5432/db");
    CHECK(described("postgres://[::1]:5432/db") == "postgres://[::1]:5432/db");
    CHECK(described("postgres://ann:secret@h:5432/db") == "postgres://ann@h:5432/db");
    CHECK_THAT(described("postgres://ann:se/cret@h/db"), Contains("may hold a password"));
    CHECK_THAT(described("postgres://ann:12345"), Contains("may hold a password"));
}
