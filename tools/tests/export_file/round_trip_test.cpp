#include "sample_images.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <unistd.h>

using namespace perdure;
using namespace perdure::tool;
using Catch::Matchers::Contains;

namespace {

// A folder of its own, empty.
class scratch_folder {
  public:
    scratch_folder()
        : path_(std::filesystem::temp_directory_path() /
                ("perdure-export-" + to_string(random_uuid()))) {
        std::filesystem::create_directory(path_);
    }
    scratch_folder(const scratch_folder&) = delete;
    scratch_folder& operator=(const scratch_folder&) = delete;
    ~scratch_folder() { std::filesystem::remove_all(path_); }

    [[nodiscard]] std::string file(const std::string& name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

std::string content_of(const std::string& path) {
    std::ostringstream content;
    content << std::ifstream(path).rdbuf();
    return content.str();
}

}  // namespace

TEST_CASE("Images come out of a file as they went in", "[export]") {
    const auto images = strange_images();
    const std::string file = file_of(images);

    const read_file plain = read_all(file);
    const read_file small = read_all(compressed(file));

    CHECK(plain.damages.empty());
    CHECK(plain.last_sequence == sample_sequence);
    REQUIRE(plain.images.size() == images.size());
    for (std::size_t n = 0; n < images.size(); ++n) {
        INFO(images[n].record.instance.text());
        CHECK(plain.images[n] == images[n]);
    }
    CHECK(small.images == images);
}

TEST_CASE("A header comes out of a file as it went in", "[export]") {
    const export_header header{.redacted = true,
                               .written_at = timestamp(duration(-5)),
                               .by = "perdure \"next\"",
                               .hub = "sqlite:\n",
                               .live_workers = 3};

    const export_header found = read_all(file_of({}, header)).header;

    CHECK(found.redacted);
    CHECK(found.written_at == header.written_at);
    CHECK(found.by == header.by);
    CHECK(found.hub == header.hub);
    CHECK(found.live_workers == 3);
}

TEST_CASE("A long history comes in parts, and its end only when all lines were there", "[export]") {
    const auto image = sample_image("long", 100);
    auto written = image;
    const std::string whole = file_of({image, sample_image("short")});
    std::size_t parts = 0;
    for (const std::size_t room : {std::size_t{1}, std::size_t{500}, std::size_t{1} << 20U}) {
        const read_file found = read_all(whole, room);

        REQUIRE(found.damages.empty());
        CHECK(found.images.front() == image);
        for (const instance_image& part : found.parts) {
            const bool is_last =
                &part == &found.parts.back() || (&part + 1)->history.front().first == 0;
            CHECK(has_end(part) == is_last);
        }
        CHECK((parts == 0 || found.parts.size() < parts));
        parts = found.parts.size();
    }

    // Written in parts, the file is the same.
    std::vector<instance_image> pieces;
    for (const history_chunk& chunk : image.history) {
        pieces.push_back(image);
        pieces.back().history = {chunk};
    }
    pieces.push_back(sample_image("short"));
    CHECK(file_of(pieces) == whole);
}

TEST_CASE("An instance whose import was not completed is not exported", "[export]") {
    auto image = sample_image("unfinished");
    image.history_version = 0;

    CHECK_THROWS_WITH(file_of({image}), Contains("unfinished") && Contains("incomplete"));
}

TEST_CASE("Large texts pass through the compression in any pieces", "[export]") {
    std::mt19937 random(7);
    std::string text;
    for (int n = 0; n < 700'000; ++n) {
        text += static_cast<char>(random() % 60);
    }
    const std::string stream = compressed(text) + compressed("and another one");

    for (const std::size_t piece : {std::size_t{7}, std::size_t{4096}, std::size_t{1} << 20U}) {
        text_source source(stream);
        decompressing_source bytes(source);
        std::string found;
        std::string buffer(piece, '\0');
        while (const std::size_t count = bytes.read(buffer)) {
            found.append(buffer, 0, count);
        }
        CHECK(found == text + "and another one");
    }
}

TEST_CASE("A file has its name only when it is whole", "[export]") {
    const scratch_folder folder;
    const std::string path = folder.file("a");
    {
        output_file file(path, existing_file::refused);
        file.write("half");
        CHECK_THROWS_WITH(output_file(path, existing_file::refused), Contains("another process"));
    }
    CHECK(!std::filesystem::exists(path));

    output_file file(path, existing_file::refused);
    file.write("whole");
    file.finish();

    CHECK(content_of(path) == "whole");
    CHECK(!std::filesystem::exists(path + ".partial"));
    CHECK_THROWS_WITH(output_file(path, existing_file::refused), Contains("--overwrite"));
    output_file other(path, existing_file::overwritten);
    other.write("other");
    CHECK(content_of(path) == "whole");
    other.finish();
    CHECK(content_of(path) == "other");
}

TEST_CASE("A file that somebody else has made meanwhile is not replaced", "[export]") {
    const scratch_folder folder;
    const std::string path = folder.file("a");
    output_file file(path, existing_file::refused);
    file.write("mine");
    std::ofstream(path) << "theirs";

    CHECK_THROWS_AS(file.finish(), error);
    CHECK(content_of(path) == "theirs");
}

TEST_CASE("What is no regular file is neither replaced nor written beside", "[export]") {
    CHECK_THROWS_WITH(output_file("/dev/null", existing_file::overwritten),
                      Contains("no regular file"));
    CHECK_THROWS_WITH(output_file("/nowhere/a", existing_file::refused), Contains("/nowhere/a"));
    CHECK_THROWS_WITH(input_file("/nowhere/a"), Contains("/nowhere/a"));
}
