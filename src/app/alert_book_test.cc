#include "app/alert_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/sample_repository.h"

namespace app {
namespace {

using base::Instant;
using monitor::AlertStep;
using monitor::NewEvent;
using monitor::Severity;
using std::chrono::hours;
using std::chrono::minutes;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

struct Book {
  testing::SampleRepository sample;
  const repository::Repository* repository = &sample.repository;
  Instant now = base::system_clock().now();
  AlertBook book;

  NewEvent event(AlertStep step, int number = 1) const {
    return {.key = "store:unreachable",
            .number = number,
            .group = "g",
            .section = "s",
            .since = {},
            .event = {.step = step,
                      .at = now,
                      .severity = Severity::critical,
                      .what = "w",
                      .remedy = "r",
                      .tellings = {}}};
  }
  monitor::Telling told() const { return {.route = "slack", .at = now, .told = true, .why = {}}; }
  std::vector<monitor::Alert> stored() {
    monitor::AlertBodies bodies;
    return monitor::read_alerts(*repository, bodies, now, {});
  }
};

TEST(AlertBook, what_is_recorded_is_known_to_the_next_watcher) {
  Book first;
  EXPECT_TRUE(first.book.record(first.repository, first.event(AlertStep::opened), {}));
  first.book.record(first.repository, 0, first.told(), 1, {});
  AlertBook second;
  second.read(*first.repository, first.now, {});
  ASSERT_THAT(second.alerts(), SizeIs(1));
  EXPECT_TRUE(second.alerts()[0].events[0].told_by("slack"));
  EXPECT_FALSE(second.record(first.repository, first.event(AlertStep::opened), {}));
}

TEST(AlertBook, one_who_may_not_put_remembers_and_says_why) {
  Book reader;
  reader.sample.faulty.fail_call(1, testing::Fault::denied, true);
  EXPECT_TRUE(reader.book.record(reader.repository, reader.event(AlertStep::opened), {}));
  reader.book.record(reader.repository, 0, reader.told(), 1, {});
  EXPECT_THAT(reader.book.only_in_memory(), Not(IsEmpty()));
  reader.sample.faulty.heal();
  EXPECT_THAT(reader.stored(), IsEmpty());
  ASSERT_THAT(reader.book.alerts(), SizeIs(1));
  EXPECT_TRUE(reader.book.alerts()[0].events[0].told_by("slack"));
}

TEST(AlertBook, what_happened_while_the_store_was_away_is_recorded_once_it_is_back) {
  Book book;
  EXPECT_TRUE(book.book.record(nullptr, book.event(AlertStep::opened), {}));
  book.book.record(nullptr, 0, book.told(), 1, {});
  EXPECT_TRUE(book.book.record(nullptr, book.event(AlertStep::resolved), {}));
  book.book.read(*book.repository, book.now, {});
  const std::vector<monitor::Alert> stored = book.stored();
  ASSERT_THAT(stored, SizeIs(1));
  EXPECT_FALSE(stored[0].open());
  EXPECT_TRUE(stored[0].events[0].told_by("slack"));
  EXPECT_THAT(book.book.alerts(), SizeIs(1));
}

TEST(AlertBook, whatever_call_fails_nothing_is_told_twice_or_forgotten) {
  for (const testing::Fault fault : testing::all_faults) {
    for (uint64_t call = 1; call < 8; ++call) {
      SCOPED_TRACE(fmt::format("call {} fails", call));
      Book book;
      book.sample.faulty.fail_call(call, fault);
      book.book.record(book.repository, book.event(AlertStep::opened), {});
      book.book.record(book.repository, 0, book.told(), 1, {});
      book.book.record(book.repository, book.event(AlertStep::resolved), {});
      book.book.record(book.repository, 0, book.told(), 1, {});
      book.sample.faulty.heal();
      book.book.read(*book.repository, book.now, {});
      ASSERT_THAT(book.book.alerts(), SizeIs(1));
      const monitor::Alert& alert = book.book.alerts()[0];
      ASSERT_THAT(alert.events, SizeIs(2));
      EXPECT_TRUE(alert.events[0].told_by("slack"));
      EXPECT_TRUE(alert.events[1].told_by("slack"));
      ASSERT_THAT(book.stored(), SizeIs(1));
      EXPECT_THAT(book.stored()[0].events, SizeIs(2));
    }
  }
}

TEST(AlertBook, an_alert_of_memory_that_is_long_over_is_forgotten) {
  Book book;
  book.sample.faulty.fail_call(1, testing::Fault::denied, true);
  book.book.record(nullptr, book.event(AlertStep::opened), {});
  book.book.record(nullptr, book.event(AlertStep::resolved), {});
  book.sample.faulty.heal();
  // Reads that work, and puts that do not, are those of a credential that reads.
  AlertBook later = book.book;
  later.read(*book.repository, book.now + hours(49), {});
  EXPECT_THAT(book.stored(), SizeIs(1)) << "it could be put after all";
}

TEST(AlertBook, news_are_told_once_with_records_and_without) {
  Book book;
  EXPECT_TRUE(book.book.claim_news(book.repository, "each/a", book.now, book.now, book.now, {}));
  EXPECT_FALSE(book.book.claim_news(book.repository, "each/a", book.now, book.now, book.now, {}));
  const Instant begun = book.now - minutes(5);
  EXPECT_TRUE(book.book.claim_news(nullptr, "each/b", book.now, begun, book.now, {}));
  EXPECT_FALSE(book.book.claim_news(nullptr, "each/b", book.now, begun, book.now, {}));
  EXPECT_FALSE(book.book.claim_news(nullptr, "each/c", begun - minutes(1), begun, book.now, {}))
      << "it was there before this process, and may have been told";
}

}  // namespace
}  // namespace app
