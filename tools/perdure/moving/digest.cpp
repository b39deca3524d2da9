#include "digest.hpp"

#include <perdure/failure.hpp>

#include <openssl/evp.h>

namespace perdure::tool {
namespace {

void expect(bool is_done) {
    if (!is_done) {
        throw error("SHA-256: the library for cryptography failed");
    }
}

}  // namespace

void hasher::release::operator()(evp_md_st* algorithm) const noexcept {
    EVP_MD_free(algorithm);
}
void hasher::release::operator()(evp_md_ctx_st* context) const noexcept {
    EVP_MD_CTX_free(context);
}

hasher::hasher()
    : algorithm_(EVP_MD_fetch(nullptr, "SHA256", nullptr)), context_(EVP_MD_CTX_new()) {
    expect(algorithm_ && context_);
}

hash_value hasher::of(std::string_view text) {
    begin();
    add(text.data(), text.size());
    return finish();
}

hash_value hasher::after(const hash_value& previous, std::string_view text) {
    begin();
    add(previous.data(), previous.size());
    add(text.data(), text.size());
    return finish();
}

void hasher::begin() {
    expect(EVP_DigestInit_ex2(context_.get(), algorithm_.get(), nullptr) == 1);
}

void hasher::add(const void* bytes, std::size_t size) {
    expect(EVP_DigestUpdate(context_.get(), bytes, size) == 1);
}

hash_value hasher::finish() {
    hash_value value{};
    expect(EVP_DigestFinal_ex(context_.get(), value.data(), nullptr) == 1);
    return value;
}

std::string to_hex(const hash_value& value) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const unsigned byte : value) {
        text += digits[byte >> 4U];
        text += digits[byte & 15U];
    }
    return text;
}

}  // namespace perdure::tool
