#include "sample_images.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace perdure;
using namespace perdure::tool;
using Catch::Matchers::Contains;

namespace {

std::vector<instance_image> three_images() {
    return {sample_image("first"), sample_image("second", 12), sample_image("third")};
}

// Whether the file is refused as a whole, or something is said of it. Whatever of it is given out
// is what was written: nothing of a damaged instance, and of a long one only a beginning.
bool is_noticed(const std::string& file, const std::vector<instance_image>& written) {
    try {
        const read_file found = read_all(file, 100);
        for (const instance_image& part : found.parts) {
            const auto original =
                std::ranges::find(written, part.record.instance, [](const instance_image& image) {
                    return image.record.instance;
                });
            REQUIRE(original != written.end());
            instance_image cut = *original;
            std::erase_if(cut.history, [&](const history_chunk& chunk) {
                return std::ranges::find(part.history, chunk) == part.history.end();
            });
            REQUIRE(cut == part);
        }
        return !found.damages.empty();
    } catch (const damaged_file&) {
        return true;
    } catch (const invalid_input&) {  // Of another version, as it seems.
        return true;
    }
}

std::string with_other_bit(std::string text, std::size_t at) {
    text[at] = static_cast<char>(text[at] ^ (1 << (at % 8)));
    return text;
}

std::size_t line_with(const std::vector<std::string>& lines, const std::string& text) {
    const auto found = std::ranges::find_if(
        lines, [&](const std::string& line) { return line.find(text) != std::string::npos; });
    return static_cast<std::size_t>(found - lines.begin());
}

std::vector<std::string> ids_of(const std::vector<instance_image>& images) {
    std::vector<std::string> ids;
    for (const auto& image : images) {
        ids.push_back(image.record.instance.text());
    }
    return ids;
}

using ids = std::vector<std::string>;

}  // namespace

TEST_CASE("A file with any one byte changed gives nothing that is wrong", "[damage]") {
    const auto images = three_images();
    const std::string file = file_of(images);
    const std::string small = compressed(file);
    for (std::size_t at = 0; at < file.size(); at += 3) {
        INFO("byte " << at << " of " << file.size());
        CHECK(is_noticed(with_other_bit(file, at), images));
    }
    for (std::size_t at = 0; at < small.size(); ++at) {
        INFO("byte " << at << " of " << small.size() << ", compressed");
        const std::string changed = with_other_bit(small, at);
        // A few bits of the stream mean nothing.
        CHECK((is_noticed(changed, images) || read_all(changed).images == images));
    }
}

TEST_CASE("A file that is cut off anywhere gives what stands before, and says so", "[damage]") {
    const auto images = three_images();
    const std::string file = file_of(images);
    std::size_t most = 0;
    for (std::size_t size = 0; size < file.size(); size += 5) {
        INFO("cut off after " << size << " of " << file.size());
        CHECK(is_noticed(file.substr(0, size), images));
    }
    const auto lines = lines_of(file);
    for (std::size_t count = 1; count < lines.size(); ++count) {
        const read_file found =
            read_all(joined({lines.begin(), lines.begin() + std::ptrdiff_t(count)}));
        REQUIRE(found.damages.size() == 1);
        CHECK_THAT(found.damages.front().text, Contains("cut off"));
        CHECK(found.images.size() >= most);
        most = found.images.size();
        if (most > 0 && !found.damages.front().instance) {
            CHECK_THAT(found.damages.front().text,
                       Contains("after instance \"" + ids_of(images)[most - 1] + '"'));
        }
    }
    CHECK(most == images.size());
    const std::string small = compressed(file);
    for (std::size_t size = 0; size < small.size(); ++size) {
        CHECK(is_noticed(small.substr(0, size), images));
    }
}

TEST_CASE("Lines that stand elsewhere, twice or not at all are noticed", "[damage]") {
    const auto images = three_images();
    const auto lines = lines_of(file_of(images));
    for (std::size_t n = 0; n < lines.size(); ++n) {
        INFO("line " << n + 1 << ": " << lines[n]);
        auto without = lines;
        without.erase(without.begin() + std::ptrdiff_t(n));
        CHECK(is_noticed(joined(without), images));
        auto twice = lines;
        twice.insert(twice.begin() + std::ptrdiff_t(n), lines[n]);
        CHECK(is_noticed(joined(twice), images));
        for (std::size_t other = 0; other < n; ++other) {
            auto swapped = lines;
            std::swap(swapped[n], swapped[other]);
            CHECK(is_noticed(joined(swapped), images));
        }
    }
}

TEST_CASE("A damaged instance takes no other with it", "[damage]") {
    auto lines = lines_of(file_of(three_images()));
    const std::size_t begin = line_with(lines, R"("instance":"second")");
    for (const std::size_t n : {begin, begin + 1, begin + 6, begin + 9}) {
        auto changed = lines;
        std::swap(changed[n][20], changed[n][21]);
        changed[n][22] = '#';

        const read_file found = read_all(joined(changed));

        CHECK(ids_of(found.images) == ids{"first", "third"});
        REQUIRE(found.damages.size() == 1);
        CHECK_THAT(found.damages.front().text,
                   Contains("line " + std::to_string(n + 1)) && Contains("expected chain value") &&
                       Contains("found"));
        CHECK(found.damages.front().instance ==
              (n == begin ? std::nullopt : std::optional(instance_id("second"))));
    }
}

TEST_CASE("A file without one of its instances, or with one twice, says which", "[damage]") {
    const auto lines = lines_of(file_of(three_images()));
    const auto begin = lines.begin() + std::ptrdiff_t(line_with(lines, R"("instance":"second")"));
    const auto end = lines.begin() + std::ptrdiff_t(line_with(lines, R"("instance":"third")"));
    auto without = lines;
    without.erase(without.begin() + (begin - lines.begin()),
                  without.begin() + (end - lines.begin()));
    auto twice = lines;
    twice.insert(twice.begin() + (end - lines.begin()), begin, end);

    const read_file missing = read_all(joined(without));
    const read_file repeated = read_all(joined(twice));

    CHECK(ids_of(missing.images) == ids{"first", "third"});
    REQUIRE(missing.damages.size() == 1);
    CHECK_THAT(missing.damages.front().text,
               Contains("expected instance number 2, found number 3"));
    CHECK(ids_of(repeated.images) == ids{"first", "second", "third"});
    REQUIRE(repeated.damages.size() == 1);
    CHECK_THAT(repeated.damages.front().text, Contains("found number 2 again"));
}

TEST_CASE("The last instances of a file are missed by its end", "[damage]") {
    auto lines = lines_of(file_of(three_images()));
    const auto begin = lines.begin() + std::ptrdiff_t(line_with(lines, R"("instance":"third")"));
    lines.erase(begin, lines.end() - 1);

    const read_file found = read_all(joined(lines));

    CHECK(ids_of(found.images) == ids{"first", "second"});
    CHECK(found.damages.size() == 1);

    const read_file forged = read_all(chained_again(lines));
    REQUIRE(forged.damages.size() == 1);
    CHECK_THAT(forged.damages.front().text, Contains("expected 3 instances"));
}

TEST_CASE("What contradicts itself is a damage, also with a chain that is right", "[damage]") {
    const auto forged = [](const std::string& old, const std::string& fresh) {
        auto lines = lines_of(file_of({sample_image("first"), sample_image("second")}));
        std::string& line = lines[line_with(lines, old)];
        line.replace(line.find(old), old.size(), fresh);
        const read_file found = read_all(chained_again(lines));
        REQUIRE(found.damages.size() == 1);
        CHECK(ids_of(found.images) == ids{"second"});
        return found.damages.front().text;
    };

    CHECK_THAT(forged(R"("history_length":5)", R"("history_length":6)"), Contains("6 events"));
    CHECK_THAT(forged(R"("history_length":5)", R"("history_length":4)"), Contains("4 events"));
    CHECK_THAT(forged(R"("first":1)", R"("first":2)"), Contains("event number 1"));
    CHECK_THAT(forged(R"("count":2)", R"("count":0)"), Contains("events"));
    CHECK_THAT(forged(R"("sequence":12)", R"("sequence":41)"), Contains("higher sequence"));
    CHECK_THAT(forged(R"("sequence":12)", R"("sequence":14)"), Contains("not in order"));
    CHECK_THAT(forged(R"("status":"running")", R"("status":"done")"), Contains("'done'"));
    CHECK_THAT(forged(R"("status":"running")", R"("status":"failed")"), Contains("ended"));
    CHECK_THAT(forged(R"("status":"running",)", ""), Contains("\"status\" is missing"));
    CHECK_THAT(forged(R"("priority":-3)", R"("priority":-3000000000)"), Contains("priority"));
    CHECK_THAT(forged(R"("priority":-3)", R"("priority":-3,"colour":1)"), Contains("\"colour\""));
    CHECK_THAT(forged(R"("priority":-3)", R"("priority":-3,"priority":1)"), Contains("twice"));
    CHECK_THAT(forged(R"("deliveries":2)", R"("deliveries":2,"colour":1)"), Contains("\"colour\""));
    CHECK_THAT(forged(R"("execution":"00)", R"("execution":"zz)"), Contains("UUID"));
    CHECK_THAT(forged(R"("line":"message")", R"("line":"massage")"), Contains("massage"));
    CHECK_THAT(forged(R"("lines":10)", R"("lines":8)"), Contains("8 lines"));
}

TEST_CASE("An instance line without an id is a damage", "[damage]") {
    auto lines = lines_of(file_of({sample_image("first"), sample_image("second")}));
    std::string& line = lines[line_with(lines, R"("instance":"first")")];
    line.replace(line.find(R"("instance":"first",)"), 19, "");

    const read_file found = read_all(chained_again(lines));

    CHECK(ids_of(found.images) == ids{"second"});
    CHECK(found.damages.size() == 1);
}

TEST_CASE("Lines of an instance in another order are a damage", "[damage]") {
    auto lines = lines_of(file_of({sample_image("first"), sample_image("second")}));
    std::swap(lines[line_with(lines, "\"activity\"")], lines[line_with(lines, "\"accepted\"")]);

    const read_file found = read_all(chained_again(lines));

    CHECK(ids_of(found.images) == ids{"second"});
    REQUIRE(found.damages.size() == 1);
    CHECK_THAT(found.damages.front().text, Contains("expected another line here"));
}

TEST_CASE("What is no export file, or a newer one, is refused", "[damage]") {
    const std::string file = file_of(three_images());
    const auto with = [&](const std::string& old, const std::string& fresh) {
        std::string changed = file;
        return changed.replace(changed.find(old), old.size(), fresh);
    };
    CHECK_THROWS_WITH(read_all(with("\"version\":1", "\"version\":2")),
                      Contains("format version 2") && Contains("reads version 1"));
    CHECK_THROWS_WITH(read_all(with("\"version\":1", "\"version\":2,\"new\":{}")),
                      Contains("format version 2"));
    CHECK_THROWS_WITH(read_all(with("\"version\":1", "\"version\":1,\"new\":{}")),
                      Contains("\"new\""));
    CHECK_THROWS_WITH(read_all(with("perdure-export", "perdure-report")),
                      Contains("perdure-report"));
    CHECK_THROWS_WITH(read_all(with(",\"version\":1", "")), Contains("format version"));
    for (const std::string other : {"", "{}", "hello\n", "{\"line\":\"header\"}\n", "\n\n\n"}) {
        CHECK_THROWS_AS(read_all(other), damaged_file);
    }
    CHECK_THROWS_AS(read_all(compressed("hello\n")), damaged_file);
    CHECK_THROWS_AS(read_all(std::string("\x28\xb5\x2f\xfd", 4)), damaged_file);
}

TEST_CASE("What follows the end of a file is a damage", "[damage]") {
    const std::string file = file_of(three_images());

    const read_file found = read_all(file + file);

    CHECK(found.images.size() == 3);
    REQUIRE(found.damages.size() == 1);
    CHECK_THAT(found.damages.front().text, Contains("expected the end of the file"));
}
