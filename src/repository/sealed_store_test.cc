#include "repository/sealed_store.h"

#include "crypto/local_key_file.h"
#include "repository/rewrapping.h"
#include "repository/wal_archive.h"
#include "testing/errors.h"
#include "testing/memory_store.h"
#include "testing/object_store_contract.h"
#include "testing/wal_builder.h"

namespace repository {
namespace {

using testing::MemoryStore;

const base::Instant now = base::from_rfc3339("2026-11-22T19:00:00Z");

// A key that is in no file of this test's.
std::unique_ptr<crypto::KeyWrapper> new_key() {
  const base::TemporaryFolder folder;
  return std::make_unique<crypto::LocalKeyFile>(
      crypto::LocalKeyFile::create(folder.path() / "key", now));
}

std::string text_of(const std::unique_ptr<crypto::KeyWrapper>& key) {
  return dynamic_cast<crypto::LocalKeyFile&>(*key).text();
}

Keys any_of(std::vector<std::string> key_files) {
  std::vector<std::unique_ptr<crypto::KeyWrapper>> keys;
  for (const std::string& text : key_files)
    keys.push_back(std::make_unique<crypto::LocalKeyFile>(crypto::LocalKeyFile::parse(text)));
  return std::make_shared<crypto::AnyOf>(std::move(keys));
}

struct SealedPlace {
  SealedPlace() { store_.use(crypto::HashKey::random()); }
  storage::ObjectStore& store() { return store_; }
  MemoryStore below_;
  SealedStore store_{below_, new_key(), std::string(32, 'a')};
};

}  // namespace
}  // namespace repository

namespace testing {
INSTANTIATE_TYPED_TEST_SUITE_P(Sealed, ObjectStoreContract, repository::SealedPlace);
}  // namespace testing

namespace repository {
namespace {

const storage::ObjectKey pack("packs/0001/00000000000000000000000000000001.zst");

TEST(SealedStore, keeps_nothing_readable_below) {
  SealedPlace place;
  const std::string secret = "select * from staff_users";
  place.store_.put_if_absent(pack, base::as_bytes(secret), {});
  const base::Bytes below = place.below_.body(pack.text());
  EXPECT_EQ(base::as_text(below).find("staff"), std::string_view::npos);
  EXPECT_EQ(base::as_text(*place.store_.get(pack, 1000, {})), secret);
}

TEST(SealedStore, seals_all_but_what_says_how_the_rest_is) {
  const auto is = [](const char* key) { return class_of(storage::ObjectKey(key)); };
  EXPECT_EQ(is("repository.json"), KeyClass::clear);
  EXPECT_EQ(is("rewrapped/0123/20261122T190000Z.json"), KeyClass::clear);
  for (const char* key :
       {"hash-key.json", "epochs/0001.json", "shards/0001/r/000000.zst", "snapshots/0001/s.json",
        "claims/dumps-nightly/t/01.json", "runs/dumps-nightly/t/01.json", "condemned/c.json",
        "verifications/t.000000.json", "policies/t-h.json", "probes/t.json",
        "alerts/a=b/000001/opened.json"}) {
    EXPECT_EQ(is(key), KeyClass::index) << key;
  }
  EXPECT_EQ(is("app_2026-11-22.dump.json"), KeyClass::meta);
  EXPECT_EQ(is("app_2026-11-22.dump"), KeyClass::data);
  EXPECT_EQ(is("wal/0001/history/00000002.history.zst"), KeyClass::index);
  EXPECT_EQ(is("wal/0001/00000002/00000000/000000020000000000000003.zst"), KeyClass::data);
  EXPECT_EQ(epoch_in(storage::ObjectKey("wal/0003/00000001/00000000/x.zst")), "0003");
  EXPECT_EQ(epoch_in(storage::ObjectKey("claims/a/b/01.json")), "-");
}

TEST(SealedStore, refuses_an_object_under_another_name) {
  SealedPlace place;
  const storage::ObjectKey other("packs/0001/00000000000000000000000000000002.zst");
  place.store_.put_if_absent(pack, base::as_bytes("x"), {});
  place.below_.replace(other.text(), place.below_.body(pack.text()));
  EXPECT_ERROR(corrupt, place.store_.get(other, 1000, {}));
  base::Bytes out(1);
  EXPECT_ERROR(corrupt, place.store_.read(other, 0, out, {}));
}

TEST(SealedStore, refuses_an_object_of_another_epoch_class_or_repository) {
  SealedPlace place;
  place.store_.put_if_absent(pack, base::as_bytes("x"), {});
  const base::Bytes body = place.below_.body(pack.text());
  for (const char* key : {"packs/0002/00000000000000000000000000000001.zst", "snapshots/0001/a"}) {
    place.below_.replace(key, body);
    EXPECT_ERROR(corrupt, place.store_.get(storage::ObjectKey(key), 1000, {})) << key;
  }
  const std::unique_ptr<crypto::KeyWrapper> key = new_key();
  MemoryStore below;
  SealedStore one(below, any_of({text_of(key)}), "one");
  SealedStore two(below, any_of({text_of(key)}), "two");
  one.put_if_absent(pack, base::as_bytes("x"), {});
  EXPECT_EQ(base::as_text(*one.get(pack, 1000, {})), "x");
  EXPECT_ERROR(corrupt, two.get(pack, 1000, {}));
}

TEST(SealedStore, is_closed_to_another_key_and_says_whose_it_is) {
  MemoryStore below;
  const std::unique_ptr<crypto::KeyWrapper> ours = new_key();
  SealedStore(below, any_of({text_of(ours)}), "a").put_if_absent(pack, base::as_bytes("x"), {});
  SealedStore theirs(below, new_key(), "a");
  const base::Error failure = testing::error_of([&] { theirs.get(pack, 1000, {}); });
  EXPECT_EQ(failure.kind(), base::ErrorKind::denied);
  EXPECT_NE(failure.message().find(dynamic_cast<crypto::LocalKeyFile&>(*ours).id()),
            std::string::npos)
      << failure.message();
}

TEST(SealedStore, opens_with_any_of_its_keys) {
  MemoryStore below;
  const std::unique_ptr<crypto::KeyWrapper> one = new_key();
  const std::unique_ptr<crypto::KeyWrapper> two = new_key();
  SealedStore(below, any_of({text_of(one), text_of(two)}), "a")
      .put_if_absent(pack, base::as_bytes("x"), {});
  for (const std::string& key : {text_of(one), text_of(two)}) {
    SealedStore store(below, any_of({key}), "a");
    EXPECT_EQ(base::as_text(*store.get(pack, 1000, {})), "x");
  }
}

TEST(SealedStore, finds_a_flipped_bit_anywhere) {
  SealedPlace place;
  testing::Dice dice;
  const base::Bytes plain = dice.noise(200'000);
  place.store_.put_if_absent(pack, plain, {});
  const base::Bytes good = place.below_.body(pack.text());
  for (int i = 0; i < 300; ++i) {
    base::Bytes bad = good;
    const uint64_t at = i < 100 ? dice.below(2100) : dice.below(bad.size());
    bad[at] ^= static_cast<std::byte>(1u << dice.below(8));
    MemoryStore below;
    below.replace(pack.text(), bad);
    place.below_.replace(pack.text(), bad);
    try {
      place.store_.get(pack, base::MiB, {});
      ADD_FAILURE() << "byte " << at;
    } catch (const base::Error& failure) {
      EXPECT_TRUE(failure.kind() == base::ErrorKind::corrupt ||
                  failure.kind() == base::ErrorKind::denied ||
                  failure.kind() == base::ErrorKind::invalid)
          << failure.message();
    }
  }
}

TEST(SealedStore, tells_by_their_labels_that_two_segments_are_the_same) {
  MemoryStore below;
  const Repository repository = Repository::create_or_open(below, new_key(), now, {});
  EXPECT_TRUE(repository.sealed());
  const Epoch epoch =
      repository.begin_epoch({.number = {},
                              .system_identifier = testing::WalBuilder::Options{}.system_identifier,
                              .major = 15,
                              .segment_bytes = base::MiB,
                              .timeline = {1},
                              .begins_at = {base::MiB},
                              .created = now,
                              .reason = "a test"},
                             {});
  const WalArchive archive(repository, epoch);
  const base::Bytes bytes(10'000, std::byte{7});
  const base::Bytes other(10'000, std::byte{8});
  const postgres::WalSegment segment{{1}, 1};
  EXPECT_EQ(archive.put_chunk(segment, 0, bytes, {}), storage::PutOutcome::stored);
  EXPECT_EQ(archive.put_chunk(segment, 0, bytes, {}), storage::PutOutcome::already_there);
  EXPECT_ERROR(conflict, archive.put_chunk(segment, 0, other, {}));
  for (const std::string& key : below.keys()) {
    if (!key.starts_with("wal/")) continue;
    EXPECT_EQ(repository.label(ObjectKey(key), {})->content, repository.hash_key().digest(bytes));
  }
  EXPECT_FALSE(repository.label(ObjectKey("wal/0001/none"), {}));
}

TEST(SealedRepository, is_told_from_one_in_clear) {
  MemoryStore sealed;
  Repository::create_or_open(sealed, new_key(), now, {});
  EXPECT_ERROR(invalid, Repository::open(sealed, nullptr, {}));
  EXPECT_ERROR(denied, Repository::open(sealed, new_key(), {}));
  MemoryStore clear;
  Repository::create_or_open(clear, nullptr, now, {});
  EXPECT_ERROR(invalid, Repository::open(clear, new_key(), {}));
}

TEST(SealedRepository, makes_no_second_hash_key) {
  MemoryStore store;
  const std::unique_ptr<crypto::KeyWrapper> key = new_key();
  const Repository made = Repository::create_or_open(store, any_of({text_of(key)}), now, {});
  made.put_json(ObjectKey("claims/a"), "claim", {}, {});
  store.remove(hash_key_key(), {});
  EXPECT_ERROR(corrupt, Repository::create_or_open(store, any_of({text_of(key)}), now, {}));
}

TEST(Rewrapping, lets_a_new_key_open_what_is_old_and_writes_no_object_anew) {
  MemoryStore below;
  const std::unique_ptr<crypto::KeyWrapper> old_key = new_key();
  const std::unique_ptr<crypto::KeyWrapper> new_one = new_key();
  {
    SealedStore store(below, any_of({text_of(old_key)}), "a");
    store.put_if_absent(pack, base::as_bytes("one"), {});
    store.put_if_absent(ObjectKey("claims/a"), base::as_bytes("two"), {});
  }
  const std::vector<std::string> before = below.keys();
  const Keys from = any_of({text_of(old_key)});
  const Keys to = any_of({text_of(new_one)});
  const RewrapReport report = rewrap(below, *from, *to, now, {});
  EXPECT_EQ(report.objects, 2u);
  EXPECT_EQ(report.rewrapped, report.data_keys);
  EXPECT_EQ(rewrap(below, *from, *to, now + std::chrono::hours(1), {}).rewrapped, 0u);
  EXPECT_EQ(below.keys().size(), before.size() + report.rewrapped);

  SealedStore store(below, to, "a");
  EXPECT_EQ(base::as_text(*store.get(pack, 1000, {})), "one");
  EXPECT_EQ(base::as_text(*store.get(ObjectKey("claims/a"), 1000, {})), "two");
  EXPECT_ERROR(
      denied, rewrap(below, *any_of({text_of(new_key())}), *any_of({text_of(new_key())}), now, {}));
}

// One key of a service that opens with its others as well, as AWS KMS does, while they are enabled.
struct KeyOfAService : crypto::KeyWrapper {
  KeyOfAService(const std::string& own, const std::string& other)
      : own_(crypto::LocalKeyFile::parse(own)), other_(crypto::LocalKeyFile::parse(other)) {}
  crypto::DataKey generate(const crypto::EncryptionContext& context,
                           std::stop_token stop) override {
    return own_.generate(context, std::move(stop));
  }
  void add_wrapping(crypto::DataKey& key, const crypto::EncryptionContext& context,
                    std::stop_token stop) override {
    own_.add_wrapping(key, context, std::move(stop));
  }
  std::optional<crypto::SecretKey> unwrap(std::span<const crypto::EncryptedDataKey> wrapped,
                                          const crypto::EncryptionContext& context,
                                          std::stop_token stop) override {
    if (std::optional<crypto::SecretKey> key = own_.unwrap(wrapped, context, stop)) return key;
    std::optional<crypto::SecretKey> key = other_.unwrap(wrapped, context, stop);
    if (key && !enabled_) throw base::Error(base::ErrorKind::denied, "the key is disabled");
    return key;
  }
  bool has_wrapped(const crypto::EncryptedDataKey& entry, std::stop_token) override {
    return base::as_text(entry.info).starts_with(own_.id());
  }
  std::string describe() const override { return "key " + own_.id(); }

  crypto::LocalKeyFile own_;
  crypto::LocalKeyFile other_;
  bool enabled_ = true;
};

TEST(Rewrapping, does_not_rest_on_a_key_that_the_service_still_has) {
  MemoryStore below;
  const std::string old_key = text_of(new_key());
  const std::string new_one = text_of(new_key());
  {
    SealedStore store(below, any_of({old_key}), "a");
    store.put_if_absent(pack, base::as_bytes("one"), {});
  }
  const auto keys = std::make_shared<KeyOfAService>(new_one, old_key);
  {
    SealedStore store(below, keys, "a");
    EXPECT_EQ(base::as_text(*store.get(pack, 1000, {})), "one");
  }
  EXPECT_EQ(rewrap(below, *any_of({old_key}), *keys, now, {}).rewrapped, 1u);
  EXPECT_EQ(rewrap(below, *keys, *keys, now + std::chrono::hours(1), {}).rewrapped, 0u);
  keys->enabled_ = false;
  SealedStore store(below, keys, "a");
  for (int time = 0; time < 2; ++time) EXPECT_EQ(base::as_text(*store.get(pack, 1000, {})), "one");
  for (const std::string& key : below.keys()) {
    if (key.starts_with(rewrapped_prefix)) below.remove(ObjectKey(key), {});
  }
  SealedStore other(below, keys, "a");
  const base::Error failure = testing::error_of([&] { other.get(pack, 1000, {}); });
  EXPECT_NE(failure.message().find("the key is disabled"), std::string::npos) << failure.message();
}

}  // namespace
}  // namespace repository
