// libpq's functions, each of which loads the library when it is called first. libpq brings twenty
// libraries (Kerberos, LDAP, GnuTLS), which took most of the time that `wal push` needed to start,
// and which it never calls.
//
// A function that is missing here is an "undefined reference" of the linker: add its line.
#include <dlfcn.h>
#include <libpq-fe.h>

#include "base/error.h"

namespace {

void* symbol(const char* name) {
  static void* const library = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
  void* const found = library != nullptr ? dlsym(library, name) : nullptr;
  if (found == nullptr) {
    throw base::Error(base::ErrorKind::unavailable,
                      fmt::format("PostgreSQL's client library cannot be used: {}", dlerror()),
                      "install it (Debian: libpq5)");
  }
  return found;
}

}  // namespace

// NOLINTBEGIN(bugprone-macro-parentheses): a type and a list of parameters take none
#define LATE(result, name, parameters, arguments)                                  \
  extern "C" result name parameters {                                              \
    static const auto function = reinterpret_cast<decltype(&name)>(symbol(#name)); \
    return function arguments;                                                     \
  }
// NOLINTEND(bugprone-macro-parentheses)

// Connections
LATE(PGconn*, PQconnectdbParams, (const char* const* k, const char* const* v, int e), (k, v, e))
LATE(PQconninfoOption*, PQconndefaults, (), ())
LATE(PQconninfoOption*, PQconninfoParse, (const char* text, char** error), (text, error))
LATE(void, PQconninfoFree, (PQconninfoOption * options), (options))
LATE(void, PQfinish, (PGconn * c), (c))
LATE(ConnStatusType, PQstatus, (const PGconn* c), (c))
LATE(char*, PQerrorMessage, (const PGconn* c), (c))
LATE(int, PQserverVersion, (const PGconn* c), (c))
LATE(int, PQbackendPID, (const PGconn* c), (c))
LATE(int, PQsocket, (const PGconn* c), (c))
LATE(PQnoticeProcessor, PQsetNoticeProcessor, (PGconn * c, PQnoticeProcessor p, void* a), (c, p, a))

// Commands
LATE(PGresult*, PQexec, (PGconn * c, const char* query), (c, query))
LATE(PGresult*, PQexecParams,
     (PGconn * c, const char* query, int n, const Oid* types, const char* const* values,
      const int* lengths, const int* formats, int format),
     (c, query, n, types, values, lengths, formats, format))
LATE(int, PQsendQuery, (PGconn * c, const char* query), (c, query))
LATE(int, PQisBusy, (PGconn * c), (c))
LATE(int, PQconsumeInput, (PGconn * c), (c))
LATE(PGresult*, PQgetResult, (PGconn * c), (c))
LATE(int, PQflush, (PGconn * c), (c))
LATE(int, PQputCopyData, (PGconn * c, const char* bytes, int size), (c, bytes, size))
LATE(int, PQputCopyEnd, (PGconn * c, const char* error), (c, error))
LATE(int, PQgetCopyData, (PGconn * c, char** bytes, int async), (c, bytes, async))
LATE(PGcancel*, PQgetCancel, (PGconn * c), (c))
LATE(int, PQcancel, (PGcancel * cancel, char* error, int size), (cancel, error, size))
LATE(void, PQfreeCancel, (PGcancel * cancel), (cancel))

// Results
LATE(ExecStatusType, PQresultStatus, (const PGresult* r), (r))
LATE(char*, PQresultErrorMessage, (const PGresult* r), (r))
LATE(char*, PQresultErrorField, (const PGresult* r, int field), (r, field))
LATE(int, PQntuples, (const PGresult* r), (r))
LATE(int, PQnfields, (const PGresult* r), (r))
LATE(char*, PQgetvalue, (const PGresult* r, int row, int column), (r, row, column))
LATE(int, PQgetisnull, (const PGresult* r, int row, int column), (r, row, column))
LATE(int, PQgetlength, (const PGresult* r, int row, int column), (r, row, column))
LATE(void, PQclear, (PGresult * r), (r))
LATE(void, PQfreemem, (void* memory), (memory))
