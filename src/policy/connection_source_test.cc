#include "policy/connection_source.h"

#include "policy/testing.h"

namespace policy {
namespace {

using Kind = ConnectionSource::Kind;

TEST(ConnectionSource, is_a_uri_or_the_place_of_one) {
  EXPECT_EQ(parse_connection("postgresql:///app"),
            (ConnectionSource{Kind::uri, "postgresql:///app"}));
  EXPECT_EQ(parse_connection("postgres://me@db:5432/app?sslmode=verify-full").kind, Kind::uri);
  EXPECT_EQ(parse_connection("env:DATABASE_URL"),
            (ConnectionSource{Kind::environment, "DATABASE_URL"}));
  EXPECT_EQ(parse_connection("file:/run/secrets/url"),
            (ConnectionSource{Kind::file, "/run/secrets/url"}));
  EXPECT_EQ(parse_connection("file:///run/secrets/url"),
            (ConnectionSource{Kind::file, "/run/secrets/url"}));
}

TEST(ConnectionSource, is_written_as_it_is_read) {
  for (const char* text : {"postgresql://me@db/app", "env:DATABASE_URL", "file:/run/secrets/url"}) {
    EXPECT_EQ(print_connection(parse_connection(text)), text);
  }
}

TEST(ConnectionSource, never_holds_a_password_nor_repeats_one) {
  for (const char* text : {"postgresql://me:hunter2@db/app", "postgres://me:hun?ter2@db/app",
                           "postgresql://:hunter2@/app", "postgresql://db/app?password=hunter2",
                           "postgresql://db/app?user=a&password=hunter2",
                           "postgresql:///?sslmode=require&%70assword=hunter2",
                           "postgresql:///app?sslpassword=hunter2"}) {
    const base::Error failure = error_of([&] { (void)parse_connection(text); });
    EXPECT_EQ(failure.message(), "the connection URI holds a password") << text;
    EXPECT_EQ(failure.hint().find("hunter2"), std::string::npos);
    EXPECT_FALSE(is_uri_without_password(text));
  }
  EXPECT_TRUE(is_uri_without_password("postgresql://db:5432/app?passfile=/x&sslmode=require"));
}

TEST(ConnectionSource, refuses_other_forms_without_repeating_them) {
  for (const char* text :
       {"", "host=db password=hunter2", "mysql://me:hunter2@db", "env:", "env:A-B", "env:1A",
        "file:", "file:relative", "file://host/path", "postgresql:///a b", "postgresql://x\n"}) {
    const base::Error failure = error_of([&] { (void)parse_connection(text); });
    EXPECT_EQ(failure.kind(), base::ErrorKind::invalid) << text;
    EXPECT_EQ((failure.message() + failure.hint()).find("hunter2"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace policy
