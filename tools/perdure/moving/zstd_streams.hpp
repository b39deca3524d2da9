#pragma once

#include "byte_streams.hpp"

#include <memory>
#include <string>

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

// Compressed bytes, as RFC 8878 says.

namespace perdure::tool {

// Compresses into another sink, which it finishes as well.
class compressing_sink final : public byte_sink {
  public:
    explicit compressing_sink(byte_sink& to);

    void write(std::string_view bytes) override;
    void finish() override;

  private:
    struct release {
        void operator()(ZSTD_CCtx_s* context) const noexcept;
    };

    byte_sink& to_;
    std::unique_ptr<ZSTD_CCtx_s, release> context_;
    std::string buffer_;
};

// Reads what another source has, decompressed if its first bytes say that it is compressed. Throws
// `error` for a stream that is damaged or cut off.
class decompressing_source final : public byte_source {
  public:
    explicit decompressing_source(byte_source& from);

    [[nodiscard]] std::size_t read(std::span<char> into) override;

  private:
    struct release {
        void operator()(ZSTD_DCtx_s* context) const noexcept;
    };

    bool refill();
    [[nodiscard]] std::size_t copy(std::span<char> into);
    [[nodiscard]] std::size_t decompress(std::span<char> into);

    byte_source& from_;
    std::unique_ptr<ZSTD_DCtx_s, release> context_;
    std::string buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    bool is_compressed_ = false;
    bool is_inside_frame_ = false;
};

}  // namespace perdure::tool
