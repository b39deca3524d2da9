#include "floor.hpp"

#include "store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace perdure::sqlite {

namespace {

constexpr std::uint64_t turns_in_transaction = 500;
constexpr std::uint64_t activities_each = 5;

constexpr std::string_view event_text =
    R"([{"kind":"task_completed","at":"2026-11-21T08:15:36.123456Z","task":1,"name":"Step","data":{"codec":"json","text":"1000"}}])";

// The rows of one turn, and of the activity before it.
class row_traffic {
  public:
    explicit row_traffic(write_statements& sql) : sql_(sql) {
        first_row_ = sql_.last_row.number().value_or(0) + 1;
        sequence_ = 1;
    }

    void create(std::uint64_t n) {
        const std::int64_t row = first_row_ + static_cast<std::int64_t>(n);
        const std::string id = "floor-" + to_string(random_uuid());
        const std::optional<std::int64_t> none;
        sql_.add_instance.run(row,
                              id,
                              execution_,
                              1,
                              6,
                              none,
                              none,
                              0,
                              true,
                              false,
                              false,
                              false,
                              none,
                              none,
                              0,
                              1,
                              1,
                              1,
                              none,
                              none,
                              now_,
                              now_,
                              none,
                              none,
                              none,
                              none);
        put_message(row, 0);
    }

    void complete(std::uint64_t n, std::uint64_t task) {
        const std::int64_t row = first_row_ + static_cast<std::int64_t>(n);
        sql_.finish_activity.run(row, task, execution_, token_);
        put_message(row, task);
    }

    void turn(std::uint64_t n, std::uint64_t done) {
        const std::int64_t row = first_row_ + static_cast<std::int64_t>(n);
        const std::optional<std::int64_t> none;
        sql_.remove_message_at.run(row, now_, sequence_of(n, done));
        sql_.add_history.run(row, 2 * done, 1, event_text);
        sql_.add_history.run(row, 2 * done + 1, 1, event_text);
        sql_.update_in_place.run(done == activities_each ? 1 : 0,
                                 0,
                                 false,
                                 false,
                                 false,
                                 none,
                                 none,
                                 0,
                                 2 * done + 2,
                                 done,
                                 0,
                                 1,
                                 token_,
                                 now_,
                                 false,
                                 row);
        if (done < activities_each) {
            sql_.add_activity.run(row,
                                  done + 1,
                                  execution_,
                                  1,
                                  0,
                                  0,
                                  now_,
                                  token_,
                                  1,
                                  0,
                                  std::string_view(),
                                  std::string_view("json"),
                                  blob{std::string_view("1000")},
                                  std::string_view("{}"));
        }
    }

  private:
    [[nodiscard]] std::int64_t sequence_of(std::uint64_t n, std::uint64_t task) const {
        return sequence_ + static_cast<std::int64_t>(n * (activities_each + 1) + task);
    }

    void put_message(std::int64_t row, std::uint64_t task) {
        const auto n = static_cast<std::uint64_t>(row - first_row_);
        sql_.add_message.run(
            row, now_, sequence_of(n, task), now_, task, true, false, token_, event_text);
    }

    write_statements& sql_;
    std::int64_t first_row_ = 0;
    std::int64_t sequence_ = 0;
    std::int64_t now_ = hub_clock().now();
    uuid execution_ = random_uuid();
    std::uint64_t token_ = 0x123456789ABCDEF;
};

}  // namespace

floor_result measure_floor(const std::filesystem::path& file, std::uint64_t count) {
    settings chosen;
    chosen.file = file;
    store hub(chosen);
    hub.create();
    writer& connection = hub.open_writer();
    write_statements& sql = connection.sql;
    row_traffic rows(sql);
    const auto before = std::chrono::steady_clock::now();
    for (std::uint64_t from = 0; from < count; from += turns_in_transaction) {
        const std::uint64_t end = std::min(count, from + turns_in_transaction);
        for (std::uint64_t done = 0; done <= activities_each; ++done) {
            sql.begin.run();
            for (std::uint64_t n = from; n < end; ++n) {
                if (done == 0) {
                    rows.create(n);
                } else {
                    rows.complete(n, done);
                }
                rows.turn(n, done);
            }
            sql.commit.run();
        }
    }
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - before;
    return {count, passed.count()};
}

}  // namespace perdure::sqlite
