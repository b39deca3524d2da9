#include "store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace perdure::sqlite {

namespace {

// Idle readers beyond this number are closed.
constexpr std::size_t readers_kept = 4;

}  // namespace

settings read_settings(const backend_config& config) {
    option_reader options(config);
    settings chosen;
    chosen.file = store_file(config.address).path();
    chosen.synchronous = options.choice("synchronous", {"full", "normal", "off"}, "full");
    chosen.busy_timeout =
        options.time("busy_timeout", duration::zero(), std::chrono::hours(1), chosen.busy_timeout);
    chosen.poll_interval = options.time(
        "poll_interval", std::chrono::milliseconds(1), std::chrono::hours(1), chosen.poll_interval);
    chosen.test_clock = options.flag("test_clock", false);
    chosen.upgrade = options.choice("upgrade", {"if_unused", "force"}, "if_unused") == "force"
                         ? upgrade_rule::force
                         : upgrade_rule::if_unused;
    chosen.page_cache_mib = options.number("page_cache_mib", 1, 65536, chosen.page_cache_mib);
    options.finish();
    return chosen;
}

store::store(settings chosen) : settings_(std::move(chosen)), file_(settings_.file.string()) {}

void store::set_up(database& db, std::int64_t cache_mib) const {
    db.execute("pragma synchronous = " + settings_.synchronous);
    db.execute("pragma secure_delete = off");
    db.execute("pragma temp_store = memory");
    db.execute(fmt::format("pragma cache_size = {}", -1024 * cache_mib));
    db.execute(fmt::format("pragma wal_autocheckpoint = {}", settings_.log_pages));
    // What a burst left behind is given back to the file system.
    db.execute("pragma journal_size_limit = 67108864");
}

void store::create() {
    file_.require_place();
    database db(file_.path(), open_mode::create, settings_.busy_timeout, counts_);
    file_.note_opened();
    install_schema(db, settings_.busy_timeout, settings_.upgrade);
}

writer& store::open_writer() {
    file_.require();
    if (!writer_) {
        auto opened = std::make_unique<writer>(
            file_.path(), open_mode::existing, settings_.busy_timeout, counts_);
        file_.note_opened();
        check_schema(opened->db);
        set_up(opened->db, settings_.page_cache_mib);
        writer_ = std::move(opened);
    }
    return *writer_;
}

std::unique_ptr<reader> store::take_reader() {
    file_.require();
    {
        const std::lock_guard guard(pool_mutex_);
        if (!pool_.empty()) {
            auto taken = std::move(pool_.back());
            pool_.pop_back();
            return taken;
        }
    }
    auto opened = std::make_unique<reader>(
        file_.path(), open_mode::existing, settings_.busy_timeout, counts_);
    file_.note_opened();
    check_schema(opened->db);
    set_up(opened->db, std::max<std::int64_t>(1, settings_.page_cache_mib / 8));
    opened->db.execute("pragma query_only = on");
    return opened;
}

void store::return_reader(std::unique_ptr<reader> used) {
    const std::lock_guard guard(pool_mutex_);
    if (pool_.size() < readers_kept && !used->db.in_transaction()) {
        pool_.push_back(std::move(used));
    }
}

hub_state state_of_hub(const rows& found) {
    require_known_version(found.number(0));
    return {{found.number(1), found.number(2), found.number(3)}, found.number(4), found.string(5)};
}

void hub_state::require_open() const {
    if (!closed_reason.empty()) {
        throw backend_error(store_fault::moved, closed_reason);
    }
}

hub_state reader::hub() {
    rows found = sql.hub.query();
    return found.next() ? state_of_hub(found) : hub_state{};
}

borrowed_reader::borrowed_reader(store& hub) : hub_(hub), reader_(hub.take_reader()) {}

borrowed_reader::~borrowed_reader() {
    hub_.return_reader(std::move(reader_));
}

timestamp borrowed_reader::now() {
    const hub_state found = hub();
    found.require_open();
    return timestamp(duration(found.clock.now()));
}

timestamp borrowed_reader::now_even_if_closed() {
    return timestamp(duration(hub().clock.now()));
}

snapshot::~snapshot() {
    // Ending a read transaction cannot fail in a way that matters; the pool drops the connection if
    // it did.
    try {
        sql_.commit.run();
    } catch (const backend_error&) {
        return;
    }
}

}  // namespace perdure::sqlite
