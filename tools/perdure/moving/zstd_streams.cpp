#include "zstd_streams.hpp"

#include <algorithm>
#include <cstring>
#include <zstd.h>

namespace perdure::tool {
namespace {

std::size_t checked(std::size_t result, const char* what) {
    if (ZSTD_isError(result) != 0) {
        throw error(std::string(what) + ": " + ZSTD_getErrorName(result));
    }
    return result;
}

constexpr const char* compressing = "compressing";
constexpr const char* decompressing = "the compressed stream is damaged";

}  // namespace

void compressing_sink::release::operator()(ZSTD_CCtx_s* context) const noexcept {
    ZSTD_freeCCtx(context);
}

compressing_sink::compressing_sink(byte_sink& to)
    : to_(to), context_(ZSTD_createCCtx()), buffer_(ZSTD_CStreamOutSize(), '\0') {
    checked(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1), compressing);
}

void compressing_sink::write(std::string_view bytes) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    while (in.pos < in.size) {
        ZSTD_outBuffer out{buffer_.data(), buffer_.size(), 0};
        checked(ZSTD_compressStream2(context_.get(), &out, &in, ZSTD_e_continue), compressing);
        to_.write(std::string_view(buffer_).substr(0, out.pos));
    }
}

void compressing_sink::finish() {
    std::size_t left = 1;
    while (left > 0) {
        ZSTD_inBuffer in{nullptr, 0, 0};
        ZSTD_outBuffer out{buffer_.data(), buffer_.size(), 0};
        left = checked(ZSTD_compressStream2(context_.get(), &out, &in, ZSTD_e_end), compressing);
        to_.write(std::string_view(buffer_).substr(0, out.pos));
    }
    to_.finish();
}

void decompressing_source::release::operator()(ZSTD_DCtx_s* context) const noexcept {
    ZSTD_freeDCtx(context);
}

decompressing_source::decompressing_source(byte_source& from)
    : from_(from), context_(ZSTD_createDCtx()), buffer_(ZSTD_DStreamInSize(), '\0') {
    constexpr std::string_view magic = "\x28\xb5\x2f\xfd";
    while (end_ < magic.size() && refill()) {
    }
    is_compressed_ = std::string_view(buffer_).substr(0, end_).starts_with(magic);
}

std::size_t decompressing_source::read(std::span<char> into) {
    return is_compressed_ ? decompress(into) : copy(into);
}

// Appends to the buffer; false at the end of the source.
bool decompressing_source::refill() {
    if (begin_ == end_) {
        begin_ = end_ = 0;
    }
    const std::size_t count = from_.read(std::span(buffer_).subspan(end_));
    end_ += count;
    return count > 0;
}

std::size_t decompressing_source::copy(std::span<char> into) {
    if (begin_ == end_ && !refill()) {
        return 0;
    }
    const std::size_t count = std::min(into.size(), end_ - begin_);
    std::memcpy(into.data(), buffer_.data() + begin_, count);
    begin_ += count;
    return count;
}

std::size_t decompressing_source::decompress(std::span<char> into) {
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    bool is_at_end = false;
    while (out.pos == 0 && !is_at_end) {
        // What was decompressed earlier may have had no room.
        is_at_end = begin_ == end_ && !refill();
        ZSTD_inBuffer in{buffer_.data(), end_, begin_};
        if (!is_at_end || is_inside_frame_) {
            is_inside_frame_ =
                checked(ZSTD_decompressStream(context_.get(), &out, &in), decompressing) != 0;
            begin_ = in.pos;
        }
    }
    if (out.pos == 0 && is_inside_frame_) {
        throw error("the compressed stream is cut off");
    }
    return out.pos;
}

}  // namespace perdure::tool
