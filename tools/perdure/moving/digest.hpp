#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;
struct evp_md_st;

// SHA-256, for the chains of an export file.

namespace perdure::tool {

using hash_value = std::array<unsigned char, 32>;

// Makes hash values. One thread at a time.
class hasher {
  public:
    hasher();

    [[nodiscard]] hash_value of(std::string_view text);
    // The next value of a chain: of the bytes of the previous value and of the text.
    [[nodiscard]] hash_value after(const hash_value& previous, std::string_view text);

  private:
    struct release {
        void operator()(evp_md_st* algorithm) const noexcept;
        void operator()(evp_md_ctx_st* context) const noexcept;
    };

    void begin();
    void add(const void* bytes, std::size_t size);
    [[nodiscard]] hash_value finish();

    std::unique_ptr<evp_md_st, release> algorithm_;
    std::unique_ptr<evp_md_ctx_st, release> context_;
};

// 64 digits.
[[nodiscard]] std::string to_hex(const hash_value& value);

}  // namespace perdure::tool
