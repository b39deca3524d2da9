#pragma once

#include "statements.hpp"

#include <perdure/backend.hpp>

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace perdure::sqlite {

/// Name and queue.
using name_pair = std::pair<std::string, std::string>;

/// What one number of a definition stands for. An instance whose level rises gets another number.
struct definition_key {
    std::string name;
    std::string version;
    instance_kind kind = instance_kind::orchestration;
    feature_level level = 1;

    friend auto operator<=>(const definition_key&, const definition_key&) = default;
};

/// The work keys that a worker serves.
struct served_work_keys {
    /// Without a filter a worker has everything.
    bool everything = false;
    /// Sorted.
    std::vector<std::int64_t> definitions;
    std::vector<std::int64_t> kinds;

    [[nodiscard]] bool serves_definition(std::int64_t definition) const;
    [[nodiscard]] bool serves_kind(std::int64_t kind) const;
};

/// The numbers by which rows name definitions, kinds of activities, and workers, with a cache.
///
/// Safe from any thread. Numbers of a transaction that is rolled back must be forgotten.
class name_cache {
  public:
    [[nodiscard]] std::int64_t definition(name_statements& sql, const definition_key& key);
    [[nodiscard]] std::int64_t kind(name_statements& sql,
                                    const std::string& name,
                                    const std::string& queue);
    [[nodiscard]] std::int64_t worker(name_statements& sql, const worker_id& id);
    void forget_worker(const worker_id& id);
    [[nodiscard]] definition_key key_of(name_statements& sql, std::int64_t definition);
    [[nodiscard]] name_pair kind_text(name_statements& sql, std::int64_t kind);
    /// Names that no row has used yet have no work key.
    [[nodiscard]] served_work_keys work_keys_of(name_statements& sql, const work_filter* filter);

    void forget();

  private:
    enum class if_missing { add, ignore };

    template <class Key>
    class table {
      public:
        /// Zero for a key that is missing.
        std::int64_t number(statement& find, statement& add, const Key& key, if_missing behaviour);
        const Key& key(statement& find, std::int64_t number);
        void forget();

      private:
        void remember(const Key& key, std::int64_t number);

        std::map<Key, std::int64_t> numbers_;
        std::unordered_map<std::int64_t, Key> keys_;
    };

    std::mutex mutex_;
    table<definition_key> definitions_;
    table<name_pair> kinds_;
    std::unordered_map<std::string, std::int64_t> workers_;
};

/// What a filter offers, as the workers table keeps it: a line of tab-separated words for each
/// thing. Names hold no control characters.
[[nodiscard]] std::string offers_text(const work_filter& filter);
[[nodiscard]] work_filter parse_offers(std::string_view text);

}  // namespace perdure::sqlite
