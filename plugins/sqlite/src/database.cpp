#include "database.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <sqlite3.h>
#include <system_error>
#include <thread>
#include <utility>

namespace perdure::sqlite {

namespace {

// How long a connection that found the file locked waits before it tries again. SQLite's own steps
// go up to 100 ms, so that a busy neighbour would hardly ever let us in.
constexpr auto busy_step = std::chrono::microseconds(500);

store_fault fault_of_io(int code, int system_error) {
    switch (system_error) {
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
            return store_fault::full;
        case EROFS:
            return store_fault::read_only;
        default:
            return code == SQLITE_IOERR_CORRUPTFS || code == SQLITE_IOERR_DATA
                       ? store_fault::corrupt
                       : store_fault::unavailable;
    }
}

store_fault fault_of(int code, int system_error) {
    switch (code & 0xFF) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return store_fault::conflict;
        case SQLITE_FULL:
            return store_fault::full;
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_AUTH:
            return store_fault::read_only;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return store_fault::corrupt;
        case SQLITE_CANTOPEN:
            return system_error == EACCES || system_error == EROFS ? store_fault::read_only
                                                                   : store_fault::configuration;
        case SQLITE_TOOBIG:
        case SQLITE_CONSTRAINT:
        case SQLITE_MISMATCH:
        case SQLITE_RANGE:
            return store_fault::rejected;
        case SQLITE_ERROR:
        case SQLITE_SCHEMA:
            return store_fault::schema;
        case SQLITE_IOERR:
            return fault_of_io(code, system_error);
        default:
            return store_fault::unavailable;
    }
}

}  // namespace

database::database(std::string path, open_mode mode, duration busy_timeout, counters& counts)
    : path_(std::move(path)), busy_timeout_(busy_timeout), counts_(counts) {
    const int creation = mode == open_mode::create ? SQLITE_OPEN_CREATE : 0;
    sqlite3* opened = nullptr;
    const int code = sqlite3_open_v2(
        path_.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | creation, nullptr);
    handle_.reset(opened);
    if (code != SQLITE_OK) {
        fail(code, "open");
    }
    sqlite3_extended_result_codes(opened, 1);
    sqlite3_busy_handler(opened, &database::wait_while_busy, this);
}

void database::close_handle::operator()(sqlite3* handle) const noexcept {
    sqlite3_close_v2(handle);
}

int database::wait_while_busy(void* self, int tries) {
    auto& db = *static_cast<database*>(self);
    const auto now = std::chrono::steady_clock::now();
    if (tries == 0) {
        db.busy_since_ = now;
    }
    if (now - db.busy_since_ >= db.busy_timeout_) {
        return 0;
    }
    std::this_thread::sleep_for(busy_step);
    return 1;
}

void database::execute(const std::string& sql) {
    const int code = sqlite3_exec(handle(), sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) {
        fail(code, sql.substr(0, 60));
    }
}

std::int64_t database::number(const std::string& sql) {
    return statement(*this, sql).number().value_or(0);
}

std::string database::text(const std::string& sql) {
    statement source(*this, sql);
    rows result = source.query();
    return result.next() ? result.string(0) : std::string();
}

std::int64_t database::changes() const noexcept {
    return sqlite3_changes64(handle());
}

std::int64_t database::all_changes() const noexcept {
    return sqlite3_total_changes64(handle());
}

bool database::in_transaction() const noexcept {
    return sqlite3_get_autocommit(handle()) == 0;
}

void database::fail(int code, const std::string& doing) {
    const int current_error = errno;
    const int extended = handle() != nullptr ? sqlite3_extended_errcode(handle()) : code;
    const int exact = (extended & 0xFF) == (code & 0xFF) ? extended : code;
    const int recorded = handle() != nullptr ? sqlite3_system_errno(handle()) : 0;
    const int system_error = recorded != 0 ? recorded : current_error;
    const char* text = handle() != nullptr ? sqlite3_errmsg(handle()) : sqlite3_errstr(code);
    const store_fault fault = fault_of(exact, system_error);
    // The errno of an earlier failure stays where it is, so it is named only where it belongs.
    const bool has_reason =
        system_error != 0 && ((exact & 0xFF) == SQLITE_IOERR || (exact & 0xFF) == SQLITE_CANTOPEN);
    const std::string reason =
        has_reason ? fmt::format(" ({})", std::generic_category().message(system_error))
                   : std::string();
    throw backend_error(fault,
                        fmt::format("SQLite file \"{}\": {}{}, in: {}", path_, text, reason, doing),
                        std::to_string(exact));
}

rows::~rows() {
    sqlite3_reset(source_->handle_);
}

bool rows::next() {
    const int code = sqlite3_step(source_->handle_);
    if (code == SQLITE_ROW) {
        return true;
    }
    if (code != SQLITE_DONE) {
        source_->owner_.fail(code, source_->sql_);
    }
    return false;
}

bool rows::is_null(int column) const noexcept {
    return sqlite3_column_type(source_->handle_, column) == SQLITE_NULL;
}

std::int64_t rows::number(int column) const noexcept {
    return sqlite3_column_int64(source_->handle_, column);
}

std::string_view rows::text(int column) const noexcept {
    const void* bytes = sqlite3_column_blob(source_->handle_, column);
    const int size = sqlite3_column_bytes(source_->handle_, column);
    return bytes == nullptr
               ? std::string_view()
               : std::string_view(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

uuid rows::id(int column) const noexcept {
    const std::string_view bytes = text(column);
    uuid value;
    if (bytes.size() == 16) {
        const auto half = [&](std::size_t from) {
            std::uint64_t number = 0;
            for (std::size_t n = from; n < from + 8; ++n) {
                number = number << 8U | static_cast<unsigned char>(bytes[n]);
            }
            return number;
        };
        value = {half(0), half(8)};
    }
    return value;
}

std::optional<timestamp> rows::time(int column) const noexcept {
    if (is_null(column)) {
        return std::nullopt;
    }
    return timestamp(duration(number(column)));
}

statement::~statement() {
    sqlite3_finalize(handle_);
}

void statement::begin() {
    if (handle_ == nullptr) {
        const int code = sqlite3_prepare_v3(owner_.handle(),
                                            sql_.c_str(),
                                            static_cast<int>(sql_.size()) + 1,
                                            SQLITE_PREPARE_PERSISTENT,
                                            &handle_,
                                            nullptr);
        if (code != SQLITE_OK) {
            owner_.fail(code, sql_);
        }
    }
    ids_used_ = 0;
    // Not every failure tells SQLite's own record of it; see `fail`.
    errno = 0;
    owner_.count_statement();
}

rows statement::query_values(const std::vector<bound_value>& values) {
    begin();
    int position = 0;
    for (const bound_value& value : values) {
        std::visit([&](const auto& v) { bind(position + 1, v); }, value);
        ++position;
    }
    return rows(*this);
}

void statement::bind(int position, std::int64_t value) {
    sqlite3_bind_int64(handle_, position, value);
}

void statement::bind(int position, std::string_view text) {
    const char* bytes = text.data() != nullptr ? text.data() : "";
    const int code =
        sqlite3_bind_text64(handle_, position, bytes, text.size(), SQLITE_STATIC, SQLITE_UTF8);
    if (code != SQLITE_OK) {
        owner_.fail(code, sql_);
    }
}

void statement::bind(int position, blob bytes) {
    const char* data = bytes.bytes.data() != nullptr ? bytes.bytes.data() : "";
    const int code =
        sqlite3_bind_blob64(handle_, position, data, bytes.bytes.size(), SQLITE_STATIC);
    if (code != SQLITE_OK) {
        owner_.fail(code, sql_);
    }
}

void statement::bind(int position, const uuid& value) {
    auto& bytes = ids_.at(ids_used_++);
    for (std::size_t n = 0; n < 8; ++n) {
        const auto shift = static_cast<unsigned>(56 - 8 * n);
        bytes[n] = static_cast<unsigned char>(value.high >> shift);
        bytes[n + 8] = static_cast<unsigned char>(value.low >> shift);
    }
    sqlite3_bind_blob(handle_, position, bytes.data(), 16, SQLITE_STATIC);
}

void statement::bind(int position, std::nullptr_t /*value*/) {
    sqlite3_bind_null(handle_, position);
}

}  // namespace perdure::sqlite
