#include "nouns/utf8.hpp"

#include <perdure/failure.hpp>
#include <perdure/ids.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <sys/random.h>
#include <unistd.h>

namespace perdure {
inline namespace v1 {

namespace {

std::uint64_t mix(std::uint64_t value) noexcept {
    value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    value = (value ^ (value >> 27U)) * 0x94D049BB133111EBULL;
    return value ^ (value >> 31U);
}

}  // namespace

void check_name(std::string_view what, std::string_view text) {
    const auto refuse = [&](const std::string& why) {
        throw invalid_input(
            fmt::format("{}: {}; allowed are 1 to {} bytes of UTF-8 without control characters",
                        what,
                        why,
                        id_bytes_max));
    };
    if (text.empty()) {
        refuse("it is empty");
    }
    if (text.size() > id_bytes_max) {
        refuse(fmt::format("it has {} bytes", text.size()));
    }
    for (std::size_t at = 0; at < text.size();) {
        const auto byte = static_cast<unsigned char>(text[at]);
        if (byte < 0x20 || byte == 0x7F) {
            refuse(fmt::format("byte {} is the control character 0x{:02x}", at, byte));
        }
        const std::size_t length = utf8_length(text, at);
        if (length == 0) {
            refuse(fmt::format("byte {} (0x{:02x}) is not valid UTF-8", at, byte));
        }
        at += length;
    }
}

instance_id::instance_id(std::string text) : text_(std::move(text)) {
    check_name("instance id", text_);
}

std::string to_string(const uuid& value) {
    return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
                       value.high >> 32U,
                       (value.high >> 16U) & 0xFFFFU,
                       value.high & 0xFFFFU,
                       value.low >> 48U,
                       value.low & 0xFFFFFFFFFFFFULL);
}

uuid parse_uuid(std::string_view text) {
    constexpr std::array<std::size_t, 4> dashes{8, 13, 18, 23};
    bool is_valid = text.size() == 36;
    std::string digits;
    for (std::size_t i = 0; is_valid && i < text.size(); ++i) {
        if (std::find(dashes.begin(), dashes.end(), i) != dashes.end()) {
            is_valid = text[i] == '-';
        } else {
            digits += text[i];
        }
    }
    uuid value;
    if (is_valid) {
        const char* begin = digits.data();
        const auto high = std::from_chars(begin, begin + 16, value.high, 16);
        const auto low = std::from_chars(begin + 16, begin + 32, value.low, 16);
        is_valid = high.ptr == begin + 16 && low.ptr == begin + 32;
    }
    if (!is_valid) {
        throw invalid_input(fmt::format(
            "\"{}\" is not a UUID; a UUID is 32 hexadecimal digits in groups of 8-4-4-4-12", text));
    }
    return value;
}

uuid random_uuid() {
    // Filled in blocks: one system call for many ids. A forked child must not repeat its parent's.
    struct block {
        std::array<std::uint64_t, 128> numbers{};
        std::size_t used = 128;
        pid_t owner = 0;
    };
    thread_local block pool;
    if (pool.used + 2 > pool.numbers.size() || pool.owner != getpid()) {
        auto* bytes = reinterpret_cast<char*>(pool.numbers.data());
        std::size_t filled = 0;
        while (filled < sizeof(pool.numbers)) {
            const ssize_t got = getrandom(bytes + filled, sizeof(pool.numbers) - filled, 0);
            filled += got > 0 ? static_cast<std::size_t>(got) : 0;
        }
        pool.used = 0;
        pool.owner = getpid();
    }
    uuid value{pool.numbers[pool.used], pool.numbers[pool.used + 1]};
    pool.used += 2;
    value.high = (value.high & ~0xF000ULL) | 0x4000ULL;
    value.low = (value.low & ~(0xC000ULL << 48U)) | (0x8000ULL << 48U);
    return value;
}

lease_token derive_token(const request_id& request, std::uint32_t ordinal) noexcept {
    const std::uint64_t token =
        mix(request.value.high + mix(request.value.low + mix(ordinal + 0x9E3779B97F4A7C15ULL)));
    return {token == 0 ? 1 : token};
}

}  // namespace v1
}  // namespace perdure
