#include "policy/table_pattern.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "policy/testing.h"

namespace policy {
namespace {

bool matches(const char* pattern, const char* schema, const char* table) {
  return TablePattern::parse(pattern).matches(schema, table);
}

TEST(TablePattern, leaves_out_jobs_and_their_partitions_but_not_what_pg_boss_needs) {
  EXPECT_TRUE(matches("pgboss.j*", "pgboss", "job"));
  EXPECT_TRUE(matches("pgboss.j*", "pgboss", "j0af5b2c3"));
  EXPECT_TRUE(matches("pgboss.j*", "pgboss", "job_common"));
  for (const char* kept : {"version", "queue", "schedule", "subscription"})
    EXPECT_FALSE(matches("pgboss.j*", "pgboss", kept));
  EXPECT_FALSE(matches("pgboss.j*", "public", "job"));
}

TEST(TablePattern, takes_stars_in_either_part) {
  EXPECT_TRUE(matches("*.sessions", "app", "sessions"));
  EXPECT_TRUE(matches("app.*", "app", "anything"));
  EXPECT_TRUE(matches("a*c.x*y*z", "abbc", "xyyz"));
  EXPECT_FALSE(matches("a*c.x*y*z", "abbc", "xyy"));
  EXPECT_TRUE(matches("a.*b*", "a", "b"));
  EXPECT_FALSE(matches("a.b", "a", "bb"));
}

TEST(TablePattern, reads_every_character_in_double_quotes_as_itself) {
  EXPECT_TRUE(matches("\"Audit\".\"Log*\"", "Audit", "Log*"));
  EXPECT_FALSE(matches("\"Audit\".\"Log*\"", "Audit", "Logs"));
  EXPECT_TRUE(matches("\"a.b\".\"c\"\"d\"", "a.b", "c\"d"));
  EXPECT_TRUE(matches("app.\"My\"*", "app", "MyTable"));
}

TEST(TablePattern, refuses_what_pg_dump_might_read_otherwise) {
  for (const char* text : {"", "job", ".", "a.", ".b", "a.b.c", "*.*", "**.*", "Public.job", "a.b?",
                           "a.b|c", "a.(b)", "a.b c", "a-b.c", "\"a.b", "a.[bc]", "a.b+"}) {
    EXPECT_EQ(error_of([&] { (void)TablePattern::parse(text); }).kind(), base::ErrorKind::invalid)
        << text;
  }
  EXPECT_EQ(error_of([] { (void)TablePattern::parse("job"); }).hint(),
            "did you mean 'public.job'?");
}

TEST(TablePattern, is_refused_on_one_line) {
  for (const char* text : {"b\nb", "\n", "a.\n"}) {
    const base::Error failure = error_of([&] { (void)TablePattern::parse(text); });
    EXPECT_EQ((failure.message() + failure.hint()).find('\n'), std::string::npos);
  }
}

RC_GTEST_PROP(TablePattern, of_a_table_matches_that_table_alone, ()) {
  const auto any_name = rc::gen::nonEmpty(
      rc::gen::container<std::string>(rc::gen::element('a', 'b', 'A', '*', '.', '"', ' ', '_')));
  const std::string schema = *any_name;
  const std::string table = *any_name;
  const std::string other = *any_name;
  const TablePattern pattern = TablePattern::parse(pattern_of(schema, table));
  RC_ASSERT(pattern.matches(schema, table));
  RC_ASSERT(pattern.matches(schema, other) == (table == other));
}

RC_GTEST_PROP(TablePattern, with_a_star_matches_each_start_and_end, ()) {
  const auto any_name =
      rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::element('a', 'b')));
  const std::string start = *any_name;
  const std::string end = *any_name;
  const std::string middle = *rc::gen::container<std::string>(rc::gen::element('a', 'b', 'c'));
  RC_ASSERT(TablePattern::parse("s." + start + "*" + end).matches("s", start + middle + end));
  RC_ASSERT(
      !TablePattern::parse("s." + start + "*" + end).matches("s", start + middle + end + "c"));
}

}  // namespace
}  // namespace policy
