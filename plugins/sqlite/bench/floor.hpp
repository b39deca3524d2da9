#pragma once

#include <cstdint>
#include <filesystem>

namespace perdure::sqlite {

struct floor_result {
    std::uint64_t orchestrations = 0;
    double seconds = 0;
};

/// Writes what orchestrations of five queued activities must write at the least, into the plugin's
/// own tables and keys but without engine or plugin: 24 inserts, 11 deletes and 6 updates each, in
/// durable transactions of 500 turns. No engine on this file can be faster than that.
[[nodiscard]] floor_result measure_floor(const std::filesystem::path& file, std::uint64_t count);

}  // namespace perdure::sqlite
