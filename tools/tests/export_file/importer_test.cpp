#include "moving/importer.hpp"

#include "sample_images.hpp"

#include <perdure/kit/forwarding_backend.hpp>

#include <catch2/catch.hpp>

using namespace perdure;
using namespace perdure::tool;
using Catch::Matchers::Contains;

namespace {

struct imported {
    image_counts counts{};
    std::vector<image_conflict> conflicts{};
    std::size_t damages = 0;
};

imported import(const hub& to, const std::string& file, std::size_t part_bytes = 200) {
    text_source source(file);
    export_reader reads(source, part_bytes);
    importer done(to);
    imported result;
    for (auto next = reads.next(); next.index() != 0; next = reads.next()) {
        if (auto* part = std::get_if<read_part>(&next)) {
            done.take(std::move(*part));
        } else {
            done.take(std::get<file_damage>(next));
            ++result.damages;
        }
    }
    done.finish();
    result.counts = done.counts();
    result.conflicts = done.conflicts();
    return result;
}

std::vector<instance_image> content_of(const hub& where) {
    image_reader reads(where.store());
    std::vector<instance_image> all;
    for (auto page = reads.next(); !page.empty(); page = reads.next()) {
        for (instance_image& image : page) {
            image.record.inbox_length = 0;
            image.record.leased_by.clear();
            all.push_back(std::move(image));
        }
    }
    return all;
}

bool has(const hub& where, const std::string& id) {
    const instance_id wanted(id);
    return where.store().get(std::span(&wanted, 1)).front().has_value();
}

// Images that a store gives out again as they are.
instance_image image(const std::string& id, std::size_t chunks = 2) {
    auto made = sample_image(id, chunks);
    made.held.ready_at = made.inbox.front().due;
    return made;
}

// A file whose second instance is damaged in its last line but one.
std::string file_with_damage() {
    auto lines = lines_of(file_of({image("a"), image("b", 40), image("c")}));
    const auto found = std::find_if(lines.begin(), lines.end(), [](const std::string& line) {
        return line.find(R"("first":79,)") != std::string::npos;
    });
    REQUIRE(found != lines.end());
    found->replace(found->find("timer_fired"), 11, "timer_FIRED");
    return joined(lines);
}

}  // namespace

TEST_CASE("A file fills a hub, and fills it only once", "[import]") {
    const hub to = open("memory:");
    const std::vector images = {image("a"), image("b", 40), image("c")};
    const std::string file = file_of(images);

    const imported first = import(to, file);
    const imported second = import(to, file);

    CHECK(first.counts.instances == 3);
    CHECK(first.counts.events == 5 + 81 + 5);
    CHECK(first.counts.messages == 6);
    CHECK(first.counts.activities == 6);
    CHECK(first.counts.unchanged == 0);
    CHECK(second.counts.instances == 3);
    CHECK(second.counts.unchanged == 3);
    CHECK(first.conflicts.empty());
    CHECK(second.conflicts.empty());
    CHECK(content_of(to) == images);
}

TEST_CASE("What is there with other content is left alone and reported", "[import]") {
    const hub to = open("memory:");
    auto other = image("b", 40);
    other.record.name = "Other";
    import(to, file_of({other}));

    const imported result = import(to, file_of({image("a"), image("b", 40), image("c")}));

    REQUIRE(result.conflicts.size() == 1);
    CHECK(result.conflicts.front().instance == instance_id("b"));
    CHECK_THAT(result.conflicts.front().difference,
               Contains("name") && Contains("Order") && Contains("Other"));
    CHECK(content_of(to) == std::vector{other, image("a"), image("c")});
}

TEST_CASE("Nothing is left of an instance that turns out to be damaged", "[import]") {
    const hub to = open("memory:");

    const imported result = import(to, file_with_damage());

    CHECK(result.damages == 1);
    CHECK(content_of(to) == std::vector{image("a"), image("c")});
    // The whole file adds what is missing.
    CHECK(import(to, file_of({image("a"), image("b", 40), image("c")})).counts.unchanged == 2);
    CHECK(has(to, "b"));
}

TEST_CASE("A damaged file takes nothing away that was there before", "[import]") {
    const hub to = open("memory:");
    import(to, file_of({image("b", 40)}));

    CHECK(import(to, file_with_damage()).damages == 1);

    CHECK(content_of(to) == std::vector{image("b", 40), image("a"), image("c")});
}

TEST_CASE("An import that was killed between the parts of an instance goes on", "[import]") {
    const hub to = open("memory:");
    const std::string file = file_of({image("a"), image("b", 40)});
    {
        text_source source(file);
        export_reader reads(source, 200);
        importer killed(to);
        for (int parts = 0; parts < 4; ++parts) {
            killed.take(std::get<read_part>(reads.next()));
        }
    }
    CHECK(has(to, "b"));

    const imported result = import(to, file);

    CHECK(result.conflicts.empty());
    CHECK(content_of(to) == std::vector{image("a"), image("b", 40)});
}

TEST_CASE("Sequences go on after those of the file", "[import]") {
    const hub to = open("memory:");
    import(to, file_of({image("a")}));
    const new_message fresh{.target = instance_id("a"), .event = "{}"};

    CHECK(to.store().send({.request = {random_uuid()}}, std::span(&fresh, 1)).outcomes.front() ==
          send_outcome::accepted);

    CHECK(content_of(to).front().inbox.back().message.sequence > sample_sequence);
}
