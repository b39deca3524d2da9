#include "installer.hpp"

#include "session.hpp"
#include "soci_calls.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace perdure::postgres {

namespace {

// A script may take long, and whoever waits for another's script waits as long. The tables count on
// rows that are locked and updated in place as only a heap does it.
std::string begin_script(const settings& chosen) {
    return begin_transaction(chosen) +
           "set local statement_timeout = 0; set local lock_timeout = 0;"
           "set local default_table_access_method = heap";
}

// One transaction on a connection; rolled back unless it was committed.
class transaction {
  public:
    explicit transaction(connection& on) : on_(on) {
        on_.execute_script(begin_script(on.chosen()));
    }
    transaction(const transaction&) = delete;
    transaction& operator=(const transaction&) = delete;
    ~transaction() {
        if (is_open_ && !on_.is_broken()) {
            try {
                on_.execute_script("rollback");
            } catch (const backend_error&) {
                // The pool drops a connection that is left in a transaction.
                static_cast<void>(on_.is_broken());
            }
        }
    }
    void commit() {
        // A script sets the search path, for good; a pooler's session is not ours to keep it.
        if (on_.chosen().pooler == pooler::transaction) {
            on_.execute_script("reset search_path");
        }
        is_open_ = false;
        on_.execute_script("commit");
    }

  private:
    connection& on_;
    bool is_open_ = true;
};

// For the length of the transaction. As a script, because the wait may be longer than an answer's.
void lock_advisory(connection& to, const std::string& what) {
    to.execute_script(
        fmt::format("select pg_catalog.pg_advisory_xact_lock("
                    "pg_catalog.hashtextextended({}::pg_catalog.text, 0::pg_catalog.int8))",
                    quoted_literal("perdure " + what)));
}

// One creator, upgrader or dropper of this schema at a time.
void lock_schema(connection& to) {
    lock_advisory(to, "schema " + to.chosen().schema);
}

// The catalogue is readable for everyone, also for a login that may not use the schema.
constexpr statement find_schema{
    "find_schema",
    "select exists (select from pg_catalog.pg_namespace where nspname = :schema::text)"};
constexpr statement find_versions{
    "find_versions",
    "select exists (select from pg_catalog.pg_class c where c.relnamespace = n.oid and c.relname ="
    " 'versions'), exists (select from pg_catalog.pg_proc p where p.pronamespace = n.oid"
    " and p.proname = '_getversions') from pg_catalog.pg_namespace n where n.nspname = "
    ":schema::text"};
constexpr statement read_code_mark{
    "code_mark",
    "select coalesce(pg_catalog.obj_description(p.oid, 'pg_proc'), ''),"
    " pg_catalog.pg_has_role(c.relowner, 'member')"
    " from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace"
    " join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = 'versions'"
    " where n.nspname = :schema::text and p.proname = '_getversions'"};
constexpr statement find_owner{
    "owner",
    "select pg_catalog.pg_get_userbyid(c.relowner)::text from pg_catalog.pg_class c"
    " join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
    " where n.nspname = :schema::text and c.relname = 'versions'"};
constexpr statement find_database{
    "find_database",
    "select exists (select from pg_catalog.pg_database where datname = :name::text)"};

bool has_schema(connection& to) {
    return ask_value<bool>(to, find_schema, soci::use(to.chosen().schema));
}

void refuse_newer(connection& to,
                  const std::optional<schema_version>& found,
                  const sql_files& files) {
    if (found && *found > files.version()) {
        throw backend_error(store_fault::schema,
                            fmt::format("schema {} has version {}, and this plugin knows versions "
                                        "up to {}: use a newer plugin",
                                        to.chosen().quoted_schema(),
                                        to_string(*found),
                                        to_string(files.version())));
    }
}

std::string state_text(connection& to,
                       const std::optional<schema_version>& found,
                       const sql_files& files) {
    return found ? fmt::format("schema {} has version {}, and this plugin needs {}",
                               to.chosen().quoted_schema(),
                               to_string(*found),
                               to_string(files.version()))
                 : fmt::format(
                       "there is no Perdure in schema {} yet, and this plugin needs "
                       "version {}",
                       to.chosen().quoted_schema(),
                       to_string(files.version()));
}

// What made the code that is there. It is the comment of a function, so that everybody may read it,
// a dump has it, and it goes when the function goes.
struct code_mark {
    schema_version library;
    std::string hash;
    /// This login may act as the owner of the tables, and so replace the code.
    bool is_ours = true;
};

constexpr std::string_view mark_begin = "Perdure ";
constexpr std::string_view mark_middle = ", code ";

code_mark read_mark(connection& to) {
    code_mark mark;
    std::string text;
    ask(to,
        read_code_mark,
        soci::use(to.chosen().schema),
        soci::into(text),
        soci::into(mark.is_ours));
    const auto middle = text.find(mark_middle);
    if (text.starts_with(mark_begin) && middle != std::string::npos) {
        mark.library = parse_schema_version(
            std::string_view(text).substr(mark_begin.size(), middle - mark_begin.size()));
        mark.hash = text.substr(middle + mark_middle.size());
    }
    return mark;
}

// Newer code of the same version stays: whoever is older understands it, and would undo a repair.
bool wants_new_code(connection& to, const sql_files& files) {
    const code_mark found = read_mark(to);
    return found.hash != files.code_hash && found.is_ours &&
           found.library <= parse_schema_version(files.library);
}

void refuse_live_workers(connection& to,
                         const std::optional<schema_version>& found,
                         const sql_files& files) {
    const std::string schema = to.chosen().quoted_schema();
    // Nobody renews while it is decided.
    to.execute_script(fmt::format("lock table {}.Workers in share row exclusive mode", schema));
    const std::string text = fmt::format(
        "select w.worker_id from {0}.Workers w join {0}.TaskHubs h on h.task_hub = w.task_hub"
        " where w.live_until > pg_catalog.clock_timestamp()"
        " + case when exists (select from {0}.GlobalSettings g where g.name = 'TestClock')"
        " then h.clock_offset else 0 end * interval '1 microsecond'"
        " order by w.worker limit 5",
        schema);
    const auto live = ask_column<std::string>(to, {"live_workers", text.c_str()});
    if (live.empty()) {
        return;
    }
    throw backend_error(
        store_fault::schema,
        fmt::format("{}, and workers of the earlier version live: {}. Stop them first; with "
                    "upgrade=force the schema is upgraded under them: their calls fail from then "
                    "on, and their leases run out",
                    state_text(to, found, files),
                    fmt::join(live, ", ")));
}

void run_file(connection& to, const sql_file& file) {
    try {
        to.execute_script(with_psql_variables(file.text(), to.chosen().schema));
    } catch (backend_error& error) {
        error.add_context(std::string(file.name));
        throw;
    }
}

// Functions act with the rights of their owner and call each other, so all belong to the owner of
// the tables, whoever makes them: a superuser, or another member of that role. For the transaction.
void act_as_owner(connection& to) {
    std::string owner;
    if (ask(to, find_owner, soci::use(to.chosen().schema), soci::into(owner))) {
        to.execute_script("set local role " + quoted_identifier(owner));
    }
}

void make_code(connection& to, const sql_files& files) {
    act_as_owner(to);
    for (const sql_file& file : files.functions) {
        run_file(to, file);
    }
    // Roles are made by the login itself, which may be allowed what the owner is not.
    to.execute_script("reset role");
    // Roles belong to all schemas.
    lock_advisory(to, "permissions");
    run_file(to, files.permissions);
    to.execute_script(
        fmt::format("comment on function {}._GetVersions() is {}",
                    to.chosen().quoted_schema(),
                    quoted_literal(fmt::format(
                        "{}{}{}{}", mark_begin, files.library, mark_middle, files.code_hash))));
}

// A schema of somebody else is used as it is, so that its owner decides who may.
void climb(connection& to, const std::optional<schema_version>& from, const sql_files& files) {
    if (!has_schema(to)) {
        to.execute_script("create schema " + to.chosen().quoted_schema());
    }
    act_as_owner(to);
    for (const sql_file& step : files.steps) {
        if (from && parse_schema_version(step.version) <= *from) {
            continue;
        }
        run_file(to, step);
        const std::string text = fmt::format(
            "insert into {}.Versions (semantic_version) values (:version::text) on conflict do "
            "nothing",
            to.chosen().quoted_schema());
        ask(to, {"note_version", text.c_str()}, soci::use(std::string(step.version)));
    }
    make_code(to, files);
}

}  // namespace

std::string to_string(const schema_version& version) {
    return fmt::format("{}.{}.{}", version.major, version.minor, version.patch);
}

schema_version parse_schema_version(std::string_view text) {
    std::array<std::uint32_t, 3> numbers{};
    const char* at = text.data();
    const char* const end = text.data() + text.size();
    bool is_valid = true;
    for (std::size_t n = 0; is_valid && n < numbers.size(); ++n) {
        if (n > 0) {
            is_valid = at != end && *at == '.';
            at += is_valid ? 1 : 0;
        }
        const auto [next, code] = std::from_chars(at, end, numbers.at(n));
        is_valid = is_valid && code == std::errc();
        at = next;
    }
    if (!is_valid || at != end) {
        throw backend_error(
            store_fault::schema,
            fmt::format("\"{}\" is no version of a schema, such as \"1.0.0\"", text));
    }
    return {numbers[0], numbers[1], numbers[2]};
}

std::string sql_file::text() const {
    std::string whole;
    for (const std::string_view part : parts) {
        whole += part;
    }
    return whole;
}

std::string_view sql_files::version_text() const {
    return steps.back().version;
}

schema_version sql_files::version() const {
    return parse_schema_version(version_text());
}

std::optional<schema_version> installed(connection& to) {
    bool has_table = false;
    bool has_function = false;
    ask(to,
        find_versions,
        soci::use(to.chosen().schema),
        soci::into(has_table),
        soci::into(has_function));
    if (!has_table) {
        return std::nullopt;
    }
    // Only the owner sees the table; everyone may ask the function.
    const std::string text = fmt::format("select semantic_version from {}.{}",
                                         to.chosen().quoted_schema(),
                                         has_function ? "_GetVersions()" : "Versions");
    std::optional<schema_version> greatest;
    for (const auto& found : ask_column<std::string>(to, {"versions", text.c_str()})) {
        const schema_version version = parse_schema_version(found);
        greatest = greatest ? std::max(*greatest, version) : version;
    }
    return greatest;
}

void install_or_upgrade(connection& to, const sql_files& files) {
    std::optional<schema_version> found = installed(to);
    refuse_newer(to, found, files);
    if (found == files.version() && !wants_new_code(to, files)) {
        return;
    }
    try {
        transaction whole(to);
        lock_schema(to);
        // Somebody else may have been faster.
        found = installed(to);
        refuse_newer(to, found, files);
        if (found != files.version()) {
            if (found && to.chosen().upgrade == upgrade_rule::if_unused) {
                refuse_live_workers(to, found, files);
            }
            climb(to, found, files);
        } else if (wants_new_code(to, files)) {
            make_code(to, files);
        }
        whole.commit();
    } catch (const backend_error& error) {
        if (error.sqlstate() != "42501") {
            throw;
        }
        throw backend_error(store_fault::schema,
                            fmt::format("{}; this login may not do that, so let the schema's owner "
                                        "do it: {}",
                                        state_text(to, found, files),
                                        error.what()),
                            error.sqlstate());
    }
}

void check_schema(connection& to, const sql_files& files) {
    const auto found = installed(to);
    refuse_newer(to, found, files);
    if (found != files.version()) {
        throw backend_error(
            store_fault::schema,
            fmt::format("{}: open it with create=if_missing, as a login that may create it",
                        state_text(to, found, files)));
    }
}

void drop_schema(connection& to, const sql_files& files) {
    transaction whole(to);
    lock_schema(to);
    if (has_schema(to)) {
        run_file(to, files.drop);
    }
    whole.commit();
}

void create_database(const settings& chosen, counters& counts) {
    const auto named = chosen.libpq.find("dbname");
    if (named == chosen.libpq.end()) {
        throw backend_error(store_fault::configuration,
                            "postgres: create_database=on needs the name of the database in the "
                            "address: postgres://user@host/database");
    }
    connection to(chosen, counts, "postgres");
    if (ask_value<bool>(to, find_database, soci::use(named->second))) {
        return;
    }
    try {
        // Our texts are UTF-8 and compare byte by byte; template0 lets us say so anywhere.
        to.execute_script("create database " + quoted_identifier(named->second) +
                          " template template0 encoding 'UTF8'");
    } catch (const backend_error& error) {
        // Somebody else has just created it; how they are told depends on who was how far.
        const bool was_created = error.sqlstate() == "42P04" || error.sqlstate() == "23505";
        if (error.sqlstate() == "42501") {
            throw backend_error(store_fault::configuration,
                                fmt::format("the database {} does not exist, and this login may "
                                            "not create it: {}",
                                            quoted_identifier(named->second),
                                            error.what()),
                                error.sqlstate());
        }
        if (!was_created) {
            throw;
        }
    }
}

std::string with_psql_variables(std::string_view text, const std::string& schema) {
    constexpr std::string_view identifier = ":\"schema\"";
    constexpr std::string_view literal = ":'schema'";
    std::string result;
    while (!text.empty()) {
        const auto found = std::min(text.find(identifier), text.find(literal));
        result += text.substr(0, found);
        if (found == std::string_view::npos) {
            break;
        }
        text.remove_prefix(found);
        const bool is_identifier = text.starts_with(identifier);
        result += is_identifier ? quoted_identifier(schema) : quoted_literal(schema);
        text.remove_prefix(is_identifier ? identifier.size() : literal.size());
    }
    return result;
}

}  // namespace perdure::postgres
