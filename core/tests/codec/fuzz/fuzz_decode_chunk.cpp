#include <perdure/history_codec.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

// Whatever stands in a store gives events or a `history_error`. What could be read is written and
// read again, and must be the same.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    perdure::history_chunk chunk;
    chunk.text.assign(reinterpret_cast<const char*>(data), size);
    std::vector<perdure::history_event> events;
    try {
        chunk.count = 1;
        perdure::decode_chunk(chunk, events);
    } catch (const perdure::history_error&) {
        return 0;
    }
    std::vector<perdure::history_event> again;
    for (const perdure::new_events& part : perdure::encode_events(events)) {
        perdure::decode_chunk({0, part.count, part.text}, again);
    }
    if (again != events) {
        std::abort();
    }
    return 0;
}
