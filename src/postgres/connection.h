// SQL by libpq. A Connection belongs to one thread. Errors carry the server's own words; a URL is
// never printed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "postgres/lsn.h"

struct pg_conn;
struct pg_result;

namespace postgres {

// The rows of one answer; NULL is nothing.
class Rows {
 public:
  explicit Rows(pg_result* result);
  size_t size() const;
  bool empty() const { return size() == 0; }
  std::optional<std::string> at(size_t row, size_t column) const;
  // The value, which must not be NULL. Throws corrupt.
  std::string text(size_t row, size_t column) const;
  int64_t number(size_t row, size_t column) const;
  bool boolean(size_t row, size_t column) const { return text(row, column) == "t"; }

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Clear> result_;
};

using Parameters = std::vector<std::optional<std::string>>;

class Connection {
 public:
  // `url` is a libpq URI or keyword string; `overrides` replace its parts (dbname, replication,
  // ...). Throws unavailable when the server cannot be reached, denied when it refuses us.
  explicit Connection(const std::string& url,
                      const std::map<std::string, std::string>& overrides = {});
  Connection(Connection&&) noexcept;
  ~Connection();

  // One statement. Throws with the kind that its SQLSTATE means.
  Rows query(const std::string& sql, const Parameters& parameters = {});
  // Statements without parameters, several if need be, by the simple protocol (as replication
  // commands want it).
  Rows simple(const std::string& sql);

  int server_version() const;  // 150020 for 15.20
  int major() const { return server_version() / 10000; }
  std::string setting(const std::string& name);  // SHOW name
  // Whether a pooler stands between us and the server: session state would not hold.
  bool is_pooled();

  // What another thread may call to end the statement that runs now, which then throws. Valid
  // while this lives; does not throw.
  std::function<void()> canceller();

  pg_conn* raw() { return connection_.get(); }

 private:
  struct Finish {
    void operator()(pg_conn* connection) const;
  };
  std::unique_ptr<pg_conn, Finish> connection_;
};

// Throws the Error for what went wrong last on this connection or in this result.
[[noreturn]] void throw_postgres(pg_conn* connection, pg_result* result, std::string_view what);

// The database that a libpq URI or keyword string names; libpq's own default when it names none.
// Throws invalid.
std::string database_of(const std::string& url);

// As a quoted identifier or literal of SQL.
std::string quote_identifier(std::string_view name);
std::string quote_literal(std::string_view text);

}  // namespace postgres
