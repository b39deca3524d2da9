#include "sample_images.hpp"

#include <algorithm>
#include <limits>

namespace perdure::tool {
namespace {

class text_sink final : public byte_sink {
  public:
    void write(std::string_view bytes) override { text += bytes; }
    void finish() override {}

    std::string text;
};

timestamp at(std::int64_t count) {
    return timestamp(duration(count));
}

message_image message(std::uint64_t sequence, const std::string& event) {
    return {{.sequence = sequence, .visible_at = at(5), .task = {3}, .event = event}, at(7)};
}

activity_image activity(std::uint64_t task) {
    return {.scheduled = {.task = {task},
                          .name = "Charge",
                          .version = "2",
                          .queue = "slow",
                          .priority = -3,
                          .input = {"json", R"({"card": "4711", "cents": 12.50})"},
                          .details = R"({"type":"task_scheduled","version":"2","tags":{"a":"b"}})"},
            .execution = {{7, task}},
            .held = {.deliveries = 2, .ready_at = at(-9)}};
}

}  // namespace

instance_image sample_image(const std::string& id, std::size_t chunks) {
    instance_image image{.record = {.instance = instance_id(id),
                                    .execution = {{1, 2}},
                                    .name = "Order",
                                    .version = "1.0",
                                    .status = orchestration_status::running,
                                    .created_at = at(1'700'000'000'000'001),
                                    .updated_at = at(1'700'000'000'000'002)},
                         .created_as = {{3, 4}},
                         .history_version = chunks + 1,
                         .last_committed = {std::numeric_limits<std::uint64_t>::max()},
                         .last_committer = {"vm-1-abc"},
                         .needs_turn = false};
    image.history.push_back(
        {0, 1, R"([{"type":"execution_started","data":"{\"card\":\"4711\"}"}])"});
    for (std::size_t n = 0; n < chunks; ++n) {
        image.history.push_back({2 * n + 1,
                                 2,
                                 "[{\"type\":\"turn_started\",\"at\":17},\n"
                                 "{\"type\":\"timer_fired\",\"at\":17,\"task\":" +
                                     std::to_string(n + 1) + "}]"});
    }
    image.record.history_length = 2 * chunks + 1;
    image.inbox = {message(12, R"({"type":"event_raised","name":"Note","data":"\"secret\""})"),
                   message(13, R"({"type":"timer_fired"})")};
    image.accepted = {{"m-1", at(3)}, {"m-2", at(2)}};
    image.activities = {activity(1), activity(8)};
    return image;
}

namespace {

instance_image ended_image() {
    auto image = sample_image("has ended");
    image.record.status = orchestration_status::failed;
    image.record.completed_at = at(0);
    image.record.start_at = timestamp::min();
    image.record.output = {"json", ""};
    image.record.failure = R"({"type":"T","message":"m","inner":{"type":"U","message":"n"}})";
    image.record.tags = {{"", "empty key"}, {"k\n", "\xe2\x80\xae"}, {"empty", ""}};
    image.record.parent = parent_link{instance_id("p"), {{9, 9}}, {4}};
    image.record.kind = instance_kind::entity;
    image.record.level = 65535;
    image.inbox.clear();
    return image;
}

instance_image leased_image() {
    auto image = sample_image("is leased");
    image.held = {{77}, {"worker"}, timestamp::max(), true, 4294967295U, std::nullopt};
    image.not_before = timestamp::max();
    image.needs_turn = true;
    image.inbox.front().for_execution = true;
    image.inbox.front().is_timer = true;
    image.inbox.front().completed_by = {5};
    return image;
}

// Texts that should be JSON, and are not, or not in the form in which core writes them.
instance_image image_with_texts() {
    auto image = sample_image("has strange texts");
    image.history = {{0, 1, "[1],\"count\":[2"}, {1, 1, " [2] "}, {2, 1, "no\tJSON\n"}};
    image.history.push_back({3, 1, "\xff\xfe"});
    image.history.push_back({4, 1, std::string("[\"\0\"]", 5)});
    image.history.push_back({5, 1, std::string(256, '[') + std::string(256, ']')});
    image.history.push_back({6, 1, std::string(255, '[') + std::string(255, ']')});
    image.history.push_back({7, 1, "[\n1\n,\t2]"});
    image.history.push_back({8, 1, "[\r1,\n2]"});
    image.record.history_length = 9;
    image.inbox.front().message.event = "\xff";
    image.inbox.back().message.event = "null";
    image.activities.front().scheduled.details = "{";
    image.record.failure = "free text";
    return image;
}

instance_image image_with_bytes() {
    auto image = sample_image("has bytes in it");
    std::string all;
    for (int byte = 0; byte < 256; ++byte) {
        all += static_cast<char>(byte);
    }
    image.record.output = {"protobuf", all};
    image.record.custom_status = {"text", std::string("a\0b", 3)};
    image.activities.front().scheduled.input = {"bytes", "\xc3"};
    image.activities.back().scheduled.input = {};
    image.record.version = "\xff is no UTF-8";
    return image;
}

instance_image image_with_many_ids() {
    auto image = sample_image("has many ids");
    for (int n = 0; n < 1200; ++n) {
        image.accepted.push_back({"id-" + std::to_string(n), at(n)});
    }
    return image;
}

}  // namespace

std::vector<instance_image> strange_images() {
    auto parked = sample_image("is parked");
    parked.record.parked_reason = "somebody \x1b[2J did it";
    auto fresh = sample_image("is fresh", 0);
    fresh.inbox.clear();
    fresh.accepted.clear();
    fresh.activities.clear();
    return {fresh,
            ended_image(),
            leased_image(),
            image_with_texts(),
            image_with_bytes(),
            image_with_many_ids(),
            parked,
            sample_image("\"\\ \xe2\x80\xae \xf0\x9f\x9a\xb2 {\"line\":\"end\"}", 40)};
}

std::string file_of(const std::vector<instance_image>& images, const export_header& header) {
    text_sink sink;
    export_writer writes(sink, header);
    for (const instance_image& image : images) {
        writes.write(image, sample_sequence);
    }
    writes.finish();
    return sink.text;
}

std::string compressed(const std::string& text) {
    text_sink sink;
    compressing_sink compresses(sink);
    compresses.write(text);
    compresses.finish();
    return sink.text;
}

// In pieces, so that every boundary is met.
std::size_t text_source::read(std::span<char> into) {
    const std::size_t count = std::min({into.size(), text_.size() - at_, std::size_t{1009}});
    std::ranges::copy_n(text_.begin() + static_cast<std::ptrdiff_t>(at_),
                        static_cast<std::ptrdiff_t>(count),
                        into.begin());
    at_ += count;
    return count;
}

read_file read_all(const std::string& file, std::size_t part_bytes) {
    text_source source(file);
    export_reader reads(source, part_bytes);
    read_file found;
    found.header = reads.header();
    std::optional<instance_image> begun;
    for (auto next = reads.next(); next.index() != 0; next = reads.next()) {
        if (auto* damage = std::get_if<file_damage>(&next)) {
            found.damages.push_back(std::move(*damage));
            continue;
        }
        read_part& part = std::get<read_part>(next);
        found.last_sequence = std::max(found.last_sequence, part.last_sequence);
        found.parts.push_back(part.image);
        if (part.image.history.front().first == 0) {
            begun = part.image;
        } else {
            std::ranges::move(part.image.history, std::back_inserter(begun->history));
        }
        if (has_end(part.image)) {
            found.images.push_back(std::move(*begun));
        }
    }
    return found;
}

std::vector<std::string> lines_of(const std::string& file) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < file.size();) {
        const std::size_t end = file.find('\n', at);
        lines.push_back(file.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

std::string joined(const std::vector<std::string>& lines) {
    std::string file;
    for (const auto& line : lines) {
        file += line + "\n";
    }
    return file;
}

std::string chained_again(std::vector<std::string> lines) {
    hasher hashes;
    const hash_value first = hashes.of(lines.front());
    hash_value of_file = first;
    hash_value chain = first;
    for (std::size_t n = 1; n < lines.size(); ++n) {
        std::string& line = lines[n];
        line.resize(line.size() - chain_bytes);
        const bool is_end = line.starts_with(R"({"line":"end")") && n + 1 == lines.size();
        const bool begins = line.starts_with(R"({"line":"instance")");
        chain = hashes.after(is_end ? of_file : begins ? first : chain, line);
        if (line.starts_with(R"({"line":"end_of_instance")")) {
            of_file = hashes.after(of_file, to_hex(chain));
        }
        line += std::string(chain_member) + to_hex(chain) + "\"}";
    }
    return joined(lines);
}

}  // namespace perdure::tool
