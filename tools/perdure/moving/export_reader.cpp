#include "export_reader.hpp"

#include <perdure/kit/images.hpp>
#include <perdure/printable.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace perdure::tool {
namespace {

constexpr std::size_t shown_bytes = 60;

std::string quoted(const instance_id& id) {
    return '"' + printable(id.text()) + '"';
}

std::string excerpt(std::string_view text) {
    return '\'' + printable(text.substr(0, shown_bytes)) +
           (text.size() > shown_bytes ? "..." : "") + '\'';
}

// Lines of an instance in the order in which they come.
std::size_t rank_of(std::string_view kind) {
    constexpr std::array order = {
        line_kind::message, line_kind::accepted, line_kind::activity, line_kind::chunk};
    const auto found = std::ranges::find(order, kind);
    return static_cast<std::size_t>(found - order.begin());
}

[[noreturn]] void fail_expected(std::string_view wanted, const std::string& found) {
    throw invalid_input("expected " + std::string(wanted) + ", found " + found);
}

}  // namespace

export_reader::export_reader(byte_source& from, std::size_t part_bytes)
    : bytes_(from), lines_(bytes_), part_bytes_(part_bytes) {
    try {
        read_header();
    } catch (const error& problem) {
        throw damaged_file(where() + problem.what());
    }
    if (header_.version > export_version) {
        throw invalid_input("the file has format version " + std::to_string(header_.version) +
                            ", and this perdure reads version " + std::to_string(export_version) +
                            ": take a newer one");
    }
}

void export_reader::read_header() {
    const bool is_line = lines_.next(line_) == line_source::found::line;
    if (!is_line || kind() != line_kind::header) {
        fail_expected(R"(a line that begins with {"line":"header", as in an export file)",
                      excerpt(line_));
    }
    first_ = of_file_ = hasher_.of(line_);
    const payload stored(std::string(json_codec), line_);
    detail::json_reader in(stored);
    line_reader members(in);
    std::string kind;
    members("line", kind)("format", header_.format)("version", header_.version);
    if (header_.format != export_format) {
        fail_expected("format " + std::string(export_format), excerpt(header_.format));
    }
    if (header_.version == 0) {
        fail_expected("a format version", "none");
    }
    if (header_.version > export_version) {
        return;
    }
    line_reader all(in);
    all("line", kind);
    describe_header(all, header_);
    all.finish();
}

export_reader::answer export_reader::next() {
    try {
        while (read_line()) {
            if (auto made = take_line()) {
                return std::move(*made);
            }
        }
    } catch (const error& problem) {
        return give_up(problem.what());
    }
    return {};
}

bool export_reader::read_line() {
    if (is_over_ || std::exchange(is_line_kept_, false)) {
        return !is_over_;
    }
    // After an error of the stream there is nothing more to be read.
    is_over_ = true;
    do {
        const auto found = lines_.next(line_);
        if (found == line_source::found::line_without_end) {
            throw invalid_input("the file is cut off in the middle of a line");
        }
        if (found == line_source::found::end) {
            if (!has_end_) {
                throw invalid_input("the file is cut off: expected more lines, found its end");
            }
            return false;
        }
    } while (is_skipped());
    is_over_ = false;
    return true;
}

bool export_reader::is_skipped() const {
    return is_skipping_ && kind() != line_kind::instance && kind() != line_kind::end;
}

std::string_view export_reader::kind() const {
    constexpr std::string_view begin = "{\"line\":\"";
    const std::string_view line = line_;
    if (!line.starts_with(begin)) {
        return {};
    }
    return line.substr(begin.size(), line.find('"', begin.size()) - begin.size());
}

std::optional<export_reader::answer> export_reader::take_line() {
    const std::string_view what = kind();
    if (has_end_) {
        is_over_ = true;
        fail_expected("the end of the file", excerpt(line_));
    }
    if (open_ && (what == line_kind::instance || what == line_kind::end)) {
        is_line_kept_ = true;
        fail_expected("the end of the instance", "a line \"" + std::string(what) + '"');
    }
    if (what == line_kind::instance) {
        return begin_instance();
    }
    if (what == line_kind::end) {
        end_file();
        return std::nullopt;
    }
    if (!open_) {
        fail_expected("an instance", excerpt(line_));
    }
    return what == line_kind::end_of_instance ? std::optional(end_instance()) : take_item(what);
}

hash_value export_reader::check_chain(const hash_value& previous) {
    const std::size_t size = line_.size() - std::min(line_.size(), chain_bytes);
    const std::string_view tail = std::string_view(line_).substr(size);
    if (tail.size() != chain_bytes || !tail.starts_with(chain_member) || !tail.ends_with("\"}")) {
        fail_expected("a chain value at the end of the line", excerpt(tail));
    }
    const hash_value chain = hasher_.after(previous, std::string_view(line_).substr(0, size));
    const std::string_view found = tail.substr(chain_member.size(), 64);
    if (found != to_hex(chain)) {
        fail_expected("chain value " + to_hex(chain), std::string(printable(found)));
    }
    line_.resize(size);
    line_ += '}';
    return chain;
}

template <class Describe>
void export_reader::read_members(const Describe& describe_line) {
    const payload stored(std::string(json_codec), std::move(line_));
    detail::json_reader in(stored);
    line_reader members(in);
    std::string kind;
    members("line", kind);
    describe_line(members);
    members.finish();
}

std::optional<export_reader::answer> export_reader::begin_instance() {
    // A line that is damaged takes its number with it.
    const std::uint64_t expected = ++number_;
    is_skipping_ = false;
    open_instance begun{.part = {.image = {.record = {.instance = instance_id("-")}}}};
    begun.chain = check_chain(first_);
    std::uint64_t number = 0;
    read_members([&](line_reader& members) {
        members("number", number)("last_sequence", begun.part.last_sequence);
        describe(members, begun.part.image);
    });
    const std::string wanted = "instance number " + std::to_string(expected);
    const std::string found = "number " + std::to_string(number);
    if (number < expected) {
        --number_;
        fail_expected(wanted, found + " again");
    }
    number_ = number;
    std::optional<answer> gap;
    if (number > expected) {
        is_damaged_ = true;
        gap = file_damage{where() + "expected " + wanted + ", found " + found};
    }
    open_ = std::move(begun);
    return gap;
}

std::optional<export_reader::answer> export_reader::take_item(std::string_view what) {
    const std::size_t rank = rank_of(what);
    if (rank < open_->rank || what.empty() || rank > rank_of(line_kind::chunk)) {
        fail_expected("another line here", excerpt(line_));
    }
    open_->rank = rank;
    ++open_->lines;
    open_->chain = check_chain(open_->chain);
    instance_image& image = open_->part.image;
    std::optional<history_chunk> chunk;
    read_members([&](line_reader& members) {
        if (rank == rank_of(line_kind::message)) {
            describe(members, image.inbox.emplace_back());
        } else if (rank == rank_of(line_kind::accepted)) {
            std::vector<accepted_message> messages;
            members("messages", messages);
            std::ranges::move(messages, std::back_inserter(image.accepted));
        } else if (rank == rank_of(line_kind::activity)) {
            describe(members, image.activities.emplace_back());
        } else {
            describe(members, chunk.emplace());
        }
    });
    return chunk ? take_chunk(std::move(*chunk)) : std::nullopt;
}

// The chunks so far are given out as a part when there is no room for another one.
std::optional<export_reader::answer> export_reader::take_chunk(history_chunk chunk) {
    instance_image& image = open_->part.image;
    if (chunk.first != open_->events) {
        fail_expected("event number " + std::to_string(open_->events),
                      "number " + std::to_string(chunk.first));
    }
    open_->events += chunk.count;
    // So no part but the last has the end, and an instance is complete only when all was verified.
    if (chunk.count == 0 || open_->events > image.record.history_length) {
        fail_expected(std::to_string(image.record.history_length) + " events",
                      std::to_string(open_->events) + " with those of this line");
    }
    std::optional<answer> full;
    if (open_->bytes + chunk.text.size() > part_bytes_ && !image.history.empty()) {
        check_contradictions();
        auto history = std::exchange(image.history, {});
        read_part part = open_->part;
        part.image.history = std::move(history);
        full = std::move(part);
        open_->bytes = 0;
    }
    open_->bytes += chunk.text.size();
    image.history.push_back(std::move(chunk));
    return full;
}

export_reader::answer export_reader::end_instance() {
    ++open_->lines;
    open_->chain = check_chain(open_->chain);
    std::uint64_t lines = 0;
    read_members([&](line_reader& members) { members("lines", lines); });
    if (lines != open_->lines) {
        fail_expected(std::to_string(lines) + " lines of the instance",
                      std::to_string(open_->lines));
    }
    const instance_image& image = open_->part.image;
    if (open_->events != image.record.history_length) {
        fail_expected(std::to_string(image.record.history_length) + " events",
                      std::to_string(open_->events));
    }
    check_contradictions();
    ++counts_.instances;
    counts_.events += open_->events;
    counts_.messages += image.inbox.size();
    counts_.activities += image.activities.size();
    counts_.last_sequence = std::max(counts_.last_sequence, open_->part.last_sequence);
    last_ = image.record.instance;
    of_file_ = hasher_.after(of_file_, to_hex(open_->chain));
    return std::exchange(open_, std::nullopt)->part;
}

void export_reader::check_contradictions() const {
    refuse_contradictions(std::span(&open_->part.image, 1), open_->part.last_sequence);
}

// What is missing was said when it was missed.
void export_reader::end_file() {
    has_end_ = true;
    is_skipping_ = false;
    if (is_damaged_) {
        return;
    }
    static_cast<void>(check_chain(of_file_));
    export_counts whole;
    read_members([&](line_reader& members) { describe_counts(members, whole); });
    if (whole != counts_) {
        fail_expected(std::to_string(whole.instances) + " instances and " +
                          std::to_string(whole.events) + " events",
                      std::to_string(counts_.instances) + " and " + std::to_string(counts_.events));
    }
}

std::string export_reader::where() const {
    std::string text = "line " + std::to_string(lines_.number()) + " (byte " +
                       std::to_string(lines_.offset()) + "): ";
    if (open_) {
        text += "instance " + quoted(open_->part.image.record.instance) + ": ";
    } else if (last_) {
        text += "after instance " + quoted(*last_) + ": ";
    }
    return text;
}

file_damage export_reader::give_up(const std::string& problem) {
    file_damage damage{where() + problem};
    if (open_) {
        damage.instance = open_->part.image.record.instance;
    }
    open_.reset();
    is_skipping_ = true;
    is_damaged_ = true;
    return damage;
}

}  // namespace perdure::tool
