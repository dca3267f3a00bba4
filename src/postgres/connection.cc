#include "postgres/connection.h"

#include <libpq-fe.h>

#include <charconv>

namespace postgres {

using base::ErrorKind;

namespace {

std::string trimmed(const char* text) {
  std::string result(text != nullptr ? text : "");
  for (char& c : result) {
    if (c == '\n') c = ' ';
  }
  while (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

ErrorKind kind_of(std::string_view state) {
  if (state.starts_with("28") || state == "42501") return ErrorKind::denied;  // authorization
  if (state.starts_with("3D") || state.starts_with("42"))
    return ErrorKind::invalid;  // no such database, syntax
  if (state.starts_with("53")) return state == "53100" ? ErrorKind::full : ErrorKind::unavailable;
  if (state.starts_with("XX")) return ErrorKind::corrupt;
  if (state == "55006" || state == "23505" || state == "42710") return ErrorKind::conflict;
  return ErrorKind::unavailable;
}

}  // namespace

void throw_postgres(pg_conn* connection, pg_result* result, std::string_view what) {
  if (result == nullptr) {
    throw base::error(ErrorKind::unavailable, "{}: {}", what, trimmed(PQerrorMessage(connection)));
  }
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  throw base::Error(
      kind_of(state != nullptr ? state : ""),
      fmt::format("{}: {}", what,
                  message != nullptr ? trimmed(message) : trimmed(PQresultErrorMessage(result))),
      trimmed(PQresultErrorField(result, PG_DIAG_MESSAGE_HINT)));
}

void Rows::Clear::operator()(pg_result* result) const { PQclear(result); }
Rows::Rows(pg_result* result) : result_(result) {}
size_t Rows::size() const { return static_cast<size_t>(PQntuples(result_.get())); }

std::optional<std::string> Rows::at(size_t row, size_t column) const {
  const int r = static_cast<int>(row);
  const int c = static_cast<int>(column);
  CHECK(row < size() && c < PQnfields(result_.get()));
  if (PQgetisnull(result_.get(), r, c) != 0) return std::nullopt;
  return std::string(PQgetvalue(result_.get(), r, c),
                     static_cast<size_t>(PQgetlength(result_.get(), r, c)));
}

std::string Rows::text(size_t row, size_t column) const {
  std::optional<std::string> value = at(row, column);
  if (!value)
    throw base::error(ErrorKind::corrupt, "the server answered NULL in column {}", column);
  return std::move(*value);
}

int64_t Rows::number(size_t row, size_t column) const {
  const std::string value = text(row, column);
  int64_t number = 0;
  const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (failed != std::errc{} || end != value.data() + value.size()) {
    throw base::error(ErrorKind::corrupt, "the server answered '{}' where a number belongs", value);
  }
  return number;
}

void Connection::Finish::operator()(pg_conn* connection) const { PQfinish(connection); }

Connection::Connection(const std::string& url,
                       const std::map<std::string, std::string>& overrides) {
  std::vector<const char*> names = {"dbname", "fallback_application_name", "connect_timeout",
                                    "keepalives_idle"};
  std::vector<const char*> values = {url.c_str(), "seawall", "10", "30"};
  for (const auto& [name, value] : overrides) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  connection_.reset(PQconnectdbParams(names.data(), values.data(), 1));
  if (PQstatus(connection_.get()) != CONNECTION_OK) {
    const std::string why = trimmed(PQerrorMessage(connection_.get()));
    const bool denied = why.find("authentication failed") != std::string::npos ||
                        why.find("no pg_hba.conf entry") != std::string::npos ||
                        why.find("permission denied") != std::string::npos ||
                        why.find("does not exist") != std::string::npos;
    throw base::Error(denied ? ErrorKind::denied : ErrorKind::unavailable,
                      "connecting to PostgreSQL: " + why);
  }
  PQsetNoticeProcessor(
      connection_.get(), [](void*, const char*) {}, nullptr);
}

Connection::Connection(Connection&&) noexcept = default;
Connection::~Connection() = default;

Rows Connection::query(const std::string& sql, const Parameters& parameters) {
  std::vector<const char*> values;
  for (const std::optional<std::string>& parameter : parameters) {
    values.push_back(parameter ? parameter->c_str() : nullptr);
  }
  pg_result* result = PQexecParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()),
                                   nullptr, values.data(), nullptr, nullptr, 0);
  Rows rows(result);
  const ExecStatusType status = PQresultStatus(result);
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
    throw_postgres(connection_.get(), result,
                   fmt::format("asking PostgreSQL '{}'", sql.substr(0, 100)));
  }
  return rows;
}

Rows Connection::simple(const std::string& sql) {
  pg_result* result = PQexec(connection_.get(), sql.c_str());
  Rows rows(result);
  const ExecStatusType status = PQresultStatus(result);
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
    throw_postgres(connection_.get(), result,
                   fmt::format("asking PostgreSQL '{}'", sql.substr(0, 100)));
  }
  return rows;
}

int Connection::server_version() const { return PQserverVersion(connection_.get()); }

std::string Connection::setting(const std::string& name) {
  return query("select current_setting($1)", {name}).text(0, 0);
}

bool Connection::is_pooled() {
  return query("select pg_backend_pid()").number(0, 0) != PQbackendPID(connection_.get());
}

std::function<void()> Connection::canceller() {
  struct Free {
    void operator()(PGcancel* cancel) const { PQfreeCancel(cancel); }
  };
  // Shared, as a std::function can be copied.
  const std::shared_ptr<PGcancel> cancel(PQgetCancel(connection_.get()), Free{});
  return [cancel] {
    char why[256];
    // When the request does not get through, the statement runs to its own end.
    PQcancel(cancel.get(), why, sizeof why);
  };
}

std::string database_of(const std::string& url) {
  struct Free {
    void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
  };
  char* message = nullptr;
  const std::unique_ptr<PQconninfoOption, Free> given(PQconninfoParse(url.c_str(), &message));
  if (!given) {
    const std::string why = trimmed(message);
    PQfreemem(message);
    throw base::error(ErrorKind::invalid, "the database's URL cannot be read: {}", why);
  }
  const std::unique_ptr<PQconninfoOption, Free> defaults(PQconndefaults());
  std::string user;
  for (const PQconninfoOption* options : {given.get(), defaults.get()}) {
    for (const PQconninfoOption* option = options; option != nullptr && option->keyword != nullptr;
         ++option) {
      if (option->val == nullptr) continue;
      if (std::string_view(option->keyword) == "dbname") return option->val;
      if (std::string_view(option->keyword) == "user" && user.empty()) user = option->val;
    }
  }
  return user;
}

namespace {
std::string quoted(std::string_view text, char mark) {
  std::string result(1, mark);
  for (const char c : text) {
    if (c == mark) result += mark;
    result += c;
  }
  return result + mark;
}
}  // namespace

std::string quote_identifier(std::string_view name) { return quoted(name, '"'); }

std::string quote_literal(std::string_view text) {
  const bool slashes = text.find('\\') != std::string_view::npos;
  std::string result = quoted(text, '\'');
  if (!slashes) return result;
  std::string escaped = "E";
  for (const char c : result) {
    if (c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace postgres
