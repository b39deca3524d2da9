#pragma once

#include "connection.hpp"

#include <soci/soci.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

// Calls through SOCI: whatever is not on the path of an orchestration (ADR 27). `Target` is a
// connection, or the store, which takes one of its pool. The texts of statements name their
// parameters (`:name::type`; SOCI sends everything as text, so each has its type), and are executed
// once, unprepared. Texts are free of NUL, which the contract promises and SOCI would cut at.

namespace perdure::postgres {

/// Texts without control characters, such as ids and names. SOCI has no arrays, so a list travels
/// as one text with a line for each: `string_to_array(:ids, E'\n')`, `array_to_string(ids, E'\n')`.
struct lines {
    std::vector<std::string> texts;
};

/// A statement that is not prepared on the server, where it would stay with a pooler's session.
template <class... Exchanges>
[[nodiscard]] soci::statement unprepared(soci::session& session,
                                         const statement& what,
                                         const Exchanges&... exchanged) {
    soci::statement made(session);
    (made.exchange(exchanged), ...);
    made.alloc();
    made.prepare(what.text, soci::details::st_one_time_query);
    made.define_and_bind();
    return made;
}

/// Executes a statement with its `soci::use` and `soci::into`. False when there is no row. Throws
/// like `connection::call`.
template <class Target, class... Exchanges>
bool ask(Target& target, const statement& what, const Exchanges&... exchanged) {
    bool has_row = false;
    target.with_session(what, [&](soci::session& session) {
        has_row = unprepared(session, what, exchanged...).execute(true);
    });
    return has_row;
}

/// The only column of all rows.
template <class Value, class Target, class... Uses>
[[nodiscard]] std::vector<Value> ask_column(Target& target,
                                            const statement& what,
                                            const Uses&... used) {
    std::vector<Value> column;
    target.with_session(what, [&](soci::session& session) {
        column.clear();
        Value value{};
        soci::statement rows = unprepared(session, what, soci::into(value), used...);
        for (bool has_row = rows.execute(true); has_row; has_row = rows.fetch()) {
            column.push_back(value);
        }
    });
    return column;
}

/// The only column of the only row.
template <class Value, class Target, class... Uses>
[[nodiscard]] Value ask_value(Target& target, const statement& what, const Uses&... used) {
    Value value{};
    if (!ask(target, what, soci::into(value), used...)) {
        refuse_answer("no row where one was expected");
    }
    return value;
}

}  // namespace perdure::postgres

namespace soci {

template <>
struct type_conversion<bool> {
    using base_type = int;
    static void from_base(int in, indicator is_null, bool& out) {
        int number = 0;
        type_conversion<int>::from_base(in, is_null, number);
        out = number != 0;
    }
    static void to_base(bool in, int& out, indicator& is_null) {
        out = in ? 1 : 0;
        is_null = i_ok;
    }
};

/// As `(extract(epoch from TIME) * 1000000)::bigint`, which infinity does not survive.
template <>
struct type_conversion<perdure::timestamp> {
    using base_type = long long;
    static void from_base(long long in, indicator is_null, perdure::timestamp& out) {
        long long microseconds = 0;
        type_conversion<long long>::from_base(in, is_null, microseconds);
        out = perdure::timestamp(perdure::duration(microseconds));
    }
};

template <>
struct type_conversion<perdure::postgres::lines> {
    using base_type = std::string;
    static void from_base(const std::string& in, indicator is_null, perdure::postgres::lines& out) {
        out.texts.clear();
        for (std::size_t at = 0; is_null == i_ok && at < in.size();) {
            const std::size_t end = std::min(in.find('\n', at), in.size());
            out.texts.push_back(in.substr(at, end - at));
            at = end + 1;
        }
    }
    static void to_base(const perdure::postgres::lines& in, std::string& out, indicator& is_null) {
        out.clear();
        for (const std::string& text : in.texts) {
            out += (&text == in.texts.data() ? "" : "\n") + text;
        }
        is_null = i_ok;
    }
};

/// Nothing for a null.
template <class Value>
struct type_conversion<std::optional<Value>> {
    using base_type = typename type_conversion<Value>::base_type;
    static void from_base(const base_type& in, indicator is_null, std::optional<Value>& out) {
        out.reset();
        if (is_null == i_ok) {
            type_conversion<Value>::from_base(in, is_null, out.emplace());
        }
    }
};

}  // namespace soci
