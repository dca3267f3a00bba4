#include "repository/repository.h"

#include "repository/json_object.h"
#include "testing/errors.h"
#include "testing/sample_repository.h"

namespace repository {
namespace {

using testing::FaultyStore;
using testing::MemoryStore;
using testing::SampleRepository;

const base::Instant now = base::from_rfc3339("2026-11-22T19:00:00Z");

Epoch cluster(uint64_t system_identifier) {
  return {.number = {},
          .system_identifier = system_identifier,
          .major = 15,
          .segment_bytes = 16 * base::MiB,
          .timeline = {3},
          .begins_at = postgres::parse_lsn("1/2000028"),
          .created = now,
          .reason = "pg_upgrade"};
}

TEST(Repository, is_absent_where_none_was_made) {
  MemoryStore store;
  EXPECT_ERROR(absent, Repository::open(store, nullptr, {}));
}

TEST(Repository, is_the_same_for_all_who_open_it) {
  MemoryStore store;
  const Repository made = Repository::create_or_open(store, nullptr, now, {});
  const Repository again = Repository::create_or_open(store, nullptr, now, {});
  const Repository opened = Repository::open(store, nullptr, {});
  EXPECT_EQ(made.id(), opened.id());
  EXPECT_EQ(again.id(), opened.id());
  EXPECT_TRUE(std::ranges::equal(made.hash_key().bytes(), opened.hash_key().bytes()));
  EXPECT_FALSE(opened.current_epoch({}));
}

TEST(Repository, is_made_whole_whatever_call_fails_on_the_way) {
  for (const testing::Fault fault : testing::all_faults) {
    for (uint64_t call = 1;; ++call) {
      MemoryStore store;
      FaultyStore faulty(store);
      faulty.fail_call(call, fault);
      try {
        Repository::create_or_open(faulty, nullptr, now, {});
      } catch (const base::Error&) {
        ASSERT_TRUE(faulty.failed());
      }
      if (!faulty.failed()) break;
      const Repository repository = Repository::create_or_open(store, nullptr, now, {});
      EXPECT_EQ(Repository::open(store, nullptr, {}).id(), repository.id());
      ASSERT_LT(call, 100u);
    }
  }
}

TEST(Repository, refuses_a_seal_it_cannot_open) {
  SampleRepository sample;
  sample.store.replace("repository.json",
                       wrap_json("repository", {{"id", std::string(32, 'a')},
                                                {"created", "2026-11-22T19:00:00Z"},
                                                {"encryption", "aws-kms"}}));
  EXPECT_ERROR(invalid, Repository::open(sample.store, nullptr, {}));
}

TEST(Repository, refuses_an_id_and_a_key_that_are_none) {
  SampleRepository sample;
  const base::Bytes good = sample.store.body("repository.json");
  for (const char* id : {"", "ab", "not hexadecimal at all, I fear me"}) {
    sample.store.replace("repository.json",
                         wrap_json("repository", {{"id", id}, {"encryption", "none"}}));
    EXPECT_ERROR(corrupt, Repository::open(sample.store, nullptr, {})) << id;
  }
  sample.store.replace("repository.json", good);
  for (const char* key : {"", "abcd", "xyz"}) {
    sample.store.replace("hash-key.json", wrap_json("hash-key", {{"key", key}}));
    EXPECT_ERROR(corrupt, Repository::open(sample.store, nullptr, {})) << key;
  }
  sample.store.remove(hash_key_key(), {});
  EXPECT_ERROR(absent, Repository::open(sample.store, nullptr, {}));
}

TEST(Epochs, are_read_as_they_were_begun_and_the_last_is_current) {
  SampleRepository sample;
  const Epoch second = sample.repository.begin_epoch(cluster(9), {});
  const std::vector<Epoch> all = sample.repository.epochs({});
  ASSERT_EQ(all.size(), 2u);
  const Epoch current = *sample.repository.current_epoch({});
  EXPECT_EQ(current.number, EpochNumber{2});
  EXPECT_EQ(current.number, second.number);
  EXPECT_EQ(current.system_identifier, 9u);
  EXPECT_EQ(current.major, 15);
  EXPECT_EQ(current.segment_bytes, 16 * base::MiB);
  EXPECT_EQ(current.timeline, postgres::Timeline{3});
  EXPECT_EQ(current.begins_at, postgres::parse_lsn("1/2000028"));
  EXPECT_EQ(current.created, now);
  EXPECT_EQ(current.reason, "pg_upgrade");
}

TEST(Epochs, begin_at_first_contact_and_refuse_another_cluster) {
  MemoryStore store;
  const Repository repository = Repository::create_or_open(store, nullptr, now, {});
  EXPECT_EQ(repository.epoch_for(cluster(UINT64_MAX), {}).number, EpochNumber{1});
  EXPECT_EQ(repository.epoch_for(cluster(UINT64_MAX), {}).number, EpochNumber{1});
  EXPECT_ERROR(conflict, repository.epoch_for(cluster(8), {}));
  EXPECT_EQ(repository.epochs({}).size(), 1u);
  repository.begin_epoch(cluster(8), {});
  EXPECT_EQ(repository.epoch_for(cluster(8), {}).number, EpochNumber{2});
  EXPECT_ERROR(conflict, repository.epoch_for(cluster(UINT64_MAX), {}));
}

TEST(Epochs, are_not_taken_for_another) {
  SampleRepository sample;
  sample.store.replace("epochs/0002.json", sample.store.body("epochs/0001.json"));
  EXPECT_ERROR(corrupt, sample.repository.epochs({}));
}

TEST(RepositoryJson, names_the_object_that_is_damaged) {
  SampleRepository sample;
  const ObjectKey key("claims/x/20261122T190000Z/01.json");
  EXPECT_EQ(sample.repository.put_json(key, "claim", {{"a", 1}}, {}), storage::PutOutcome::stored);
  EXPECT_EQ(sample.repository.put_json(key, "claim", {{"a", 2}}, {}),
            storage::PutOutcome::already_there);
  EXPECT_EQ(sample.repository.read_json(key, "claim", {}).at("a"), 1);
  base::Bytes body = sample.store.body(key.text());
  body[70] ^= std::byte{1};
  sample.store.replace(key.text(), body);
  const base::Error failure =
      testing::error_of([&] { sample.repository.read_json_if_there(key, "claim", {}); });
  EXPECT_EQ(failure.kind(), base::ErrorKind::corrupt);
  EXPECT_THAT(failure.message(), ::testing::HasSubstr(key.text()));
  EXPECT_FALSE(sample.repository.read_json_if_there(ObjectKey("claims/y"), "claim", {}));
}

}  // namespace
}  // namespace repository
