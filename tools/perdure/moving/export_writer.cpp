#include "export_writer.hpp"

#include <perdure/backend_error.hpp>
#include <perdure/printable.hpp>

#include <algorithm>
#include <vector>

namespace perdure::tool {

export_writer::export_writer(byte_sink& to, const export_header& header) : to_(to) {
    line_writer line(line_kind::header);
    describe_header(line, header);
    const std::string text = line.finish();
    first_ = of_file_ = hasher_.of(text);
    to_.write(text + "\n");
}

void export_writer::write(const instance_image& part, std::uint64_t last_sequence) {
    if (part.history_version == 0) {
        throw backend_error(store_fault::rejected,
                            "instance \"" + printable(part.record.instance.text()) +
                                "\" is incomplete: repeat its import, or purge it");
    }
    counts_.last_sequence = std::max(counts_.last_sequence, last_sequence);
    if (part.history.front().first == 0) {
        begin(part, last_sequence);
    }
    for (const history_chunk& chunk : part.history) {
        write_item(line_kind::chunk, chunk);
        counts_.events += chunk.count;
    }
    if (has_end(part)) {
        end();
    }
}

void export_writer::begin(const instance_image& image, std::uint64_t last_sequence) {
    lines_ = 0;
    line_writer line(line_kind::instance);
    line("number", ++counts_.instances);
    line("last_sequence", last_sequence);
    describe(line, image);
    of_instance_ = write_line(std::move(line), first_);
    for (const message_image& message : image.inbox) {
        write_item(line_kind::message, message);
    }
    write_accepted(image.accepted);
    for (const activity_image& activity : image.activities) {
        write_item(line_kind::activity, activity);
    }
    counts_.messages += image.inbox.size();
    counts_.activities += image.activities.size();
}

void export_writer::write_accepted(std::span<const accepted_message> messages) {
    while (!messages.empty()) {
        const auto now = messages.first(std::min(messages.size(), accepted_in_line_max));
        messages = messages.subspan(now.size());
        line_writer line(line_kind::accepted);
        line("messages", std::vector(now.begin(), now.end()));
        of_instance_ = write_line(std::move(line), of_instance_);
    }
}

void export_writer::end() {
    line_writer line(line_kind::end_of_instance);
    line("lines", lines_ + 1);
    of_instance_ = write_line(std::move(line), of_instance_);
    of_file_ = hasher_.after(of_file_, to_hex(of_instance_));
}

void export_writer::finish() {
    line_writer line(line_kind::end);
    describe_counts(line, counts_);
    of_file_ = write_line(std::move(line), of_file_);
    to_.finish();
}

template <class Item>
void export_writer::write_item(std::string_view kind, const Item& item) {
    line_writer line(kind);
    describe(line, item);
    of_instance_ = write_line(std::move(line), of_instance_);
}

hash_value export_writer::write_line(line_writer line, const hash_value& previous) {
    std::string text = line.take();
    const hash_value chain = hasher_.after(previous, text);
    text += chain_member;
    text += to_hex(chain);
    text += "\"}\n";
    to_.write(text);
    ++lines_;
    return chain;
}

}  // namespace perdure::tool
