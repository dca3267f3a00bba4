// S3Store against a real server, which tests/e2e/s3_store_test.py starts; never by itself. The
// bucket is SEAWALL_TEST_S3_BUCKET, and is there; the endpoint and who we are come as they do in
// the field, by AWS_ENDPOINT_URL_S3 and the rest. SEAWALL_TEST_S3_FACTS says what the server is
// known to do ("put,complete,versioned"), SEAWALL_TEST_S3_LOCK that objects may be locked,
// SEAWALL_TEST_S3_KMS_KEY a key that it encrypts with.
#include <gmock/gmock.h>

#include <cstdlib>

#include "base/task_group.h"
#include "cloud/s3_error.h"
#include "cloud/s3_store.h"
#include "testing/object_store_contract.h"

namespace cloud {
namespace {

using storage::ObjectKey;
using storage::PutOutcome;
using testing::error_of;

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

S3StoreOptions options_for(const std::string& prefix) {
  S3StoreOptions options;
  options.server.bucket = variable("SEAWALL_TEST_S3_BUCKET");
  options.server.retries.deadline = std::chrono::seconds(30);
  options.prefix = prefix;
  options.part_bytes = part_bytes_min;
  return options;
}

std::string new_prefix() {
  std::array<std::byte, 8> name{};
  base::fill_random(name);
  return "contract/" + base::to_hex(name);
}

class S3Place {
 public:
  S3Place() : prefix_(new_prefix()), store_(options_for(prefix_)) {}
  S3Store& store() { return store_; }
  const std::string& prefix() const { return prefix_; }

 private:
  std::string prefix_;
  S3Store store_;
};

}  // namespace
}  // namespace cloud

namespace testing {
INSTANTIATE_TYPED_TEST_SUITE_P(S3, ObjectStoreContract, cloud::S3Place);
}  // namespace testing

namespace cloud {
namespace {

class S3StoreOnServer : public testing::Test {
 protected:
  S3Store& store() { return place_.store(); }
  bool versioned() { return store().facts({}).versioned; }
  std::string full(const std::string& key) { return place_.prefix() + "/" + key; }
  base::Bytes get(const std::string& key) {
    return storage::read_all(store(), ObjectKey(key), base::GiB, {});
  }
  size_t uploads() {
    size_t count = 0;
    store().client().list_uploads(place_.prefix(), [&](const S3Upload&) { return ++count > 0; },
                                  {});
    return count;
  }

  S3Place place_;
  testing::Dice dice_;
};

TEST_F(S3StoreOnServer, finds_out_what_the_server_does_and_remembers_it) {
  const std::string known = variable("SEAWALL_TEST_S3_FACTS");
  const StoreFacts facts = store().facts({});
  EXPECT_EQ(facts.conditional_put, known.find("put") != std::string::npos);
  EXPECT_EQ(facts.conditional_complete, known.find("complete") != std::string::npos);
  EXPECT_EQ(facts.versioned, known.find("versioned") != std::string::npos);
  EXPECT_EQ(read_facts(store().client(), place_.prefix() + "/", {}), facts);
  EXPECT_TRUE(storage::list_all(store(), "", {}).empty());
  EXPECT_EQ(uploads(), 0u);
}

TEST_F(S3StoreOnServer, holds_what_was_far_longer_than_expected) {
  const base::Bytes body = dice_.noise(33 * base::MiB + 7);
  const auto writer =
      store().begin_write(ObjectKey("long"), {.expected_bytes = 1, .head_bytes = 100}, {});
  writer->write(base::ByteView(body).first(3));
  writer->write(base::ByteView(body).subspan(3));
  EXPECT_EQ(writer->commit(base::ByteView(body).first(100)), PutOutcome::stored);
  EXPECT_TRUE(get("long") == body);
  base::Bytes across(11 * base::MiB);
  store().read(ObjectKey("long"), 4 * base::MiB + 1, across, {});
  EXPECT_TRUE(
      std::ranges::equal(across, base::ByteView(body).subspan(4 * base::MiB + 1, across.size())));
}

TEST_F(S3StoreOnServer, leaves_no_parts_behind) {
  const base::Bytes body = dice_.noise(11 * base::MiB);
  {
    const auto abandoned = store().begin_write(ObjectKey("abandoned"), {}, {});
    abandoned->write(body);
  }
  EXPECT_EQ(uploads(), 0u);
  for (int i = 0; i < 2; ++i) {
    const auto writer = store().begin_write(ObjectKey("twice"), {}, {});
    writer->write(body);
    EXPECT_EQ(writer->commit(), i == 0 ? PutOutcome::stored : PutOutcome::already_there);
  }
  EXPECT_EQ(uploads(), 0u);
  EXPECT_TRUE(get("twice") == body);
}

TEST_F(S3StoreOnServer, aborts_uploads_of_dead_writers_and_no_others) {
  const std::string dead = store().client().begin_upload(full("dead"), {}, {});
  store().client().put_part(full("dead"), dead, 1, dice_.noise(1000), {});
  const base::Instant now = store().now({});
  EXPECT_EQ(store().abort_leftovers(now - std::chrono::hours(24), {}), 0u);
  EXPECT_EQ(uploads(), 1u);
  EXPECT_EQ(store().abort_leftovers(now + std::chrono::minutes(1), {}), 1u);
  EXPECT_EQ(uploads(), 0u);
}

TEST_F(S3StoreOnServer, stores_one_of_many_bodies_that_are_sent_in_parts_at_once) {
  (void)store().facts({});
  constexpr int writers = 4;
  std::atomic<int> stored{0};
  std::atomic<int> winner{-1};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < writers; ++i) {
      threads.emplace_back([&, i] {
        const auto writer = store().begin_write(ObjectKey("race"), {}, {});
        writer->write(base::Bytes(6 * base::MiB, static_cast<std::byte>(i)));
        if (writer->commit() == PutOutcome::stored) {
          ++stored;
          winner = i;
        }
      });
    }
  }
  const StoreFacts facts = store().facts({});
  // Where neither condition nor version guards them, racing uploads may replace one another.
  if (facts.conditional_complete || facts.versioned) {
    EXPECT_EQ(stored, 1);
    EXPECT_TRUE(get("race") == base::Bytes(6 * base::MiB, static_cast<std::byte>(winner.load())));
  } else {
    EXPECT_GE(stored, 1);
    EXPECT_FALSE(store().conditional({}));
  }
}

TEST_F(S3StoreOnServer, reads_the_first_version_and_tells_of_shadows) {
  store().put_if_absent(ObjectKey("x"), base::as_bytes("first"), {});
  store().put_if_absent(ObjectKey("y"), base::as_bytes("alone"), {});
  EXPECT_TRUE(store().shadows(10, {}).empty());
  if (!versioned()) return;
  store().client().put(full("x"), base::as_bytes("a shadow"), {}, {});
  ASSERT_EQ(store().shadows(10, {}).size(), 1u);
  EXPECT_EQ(store().shadows(10, {})[0].key, "x");
  if (!store().conditional({})) {
    S3Store other(options_for(place_.prefix()));
    EXPECT_EQ(base::as_text(storage::read_all(other, ObjectKey("x"), 100, {})), "first");
    EXPECT_EQ(other.stat(ObjectKey("x"), {})->size, 5u);
    EXPECT_EQ(storage::list_all(other, "", {})[0].size, 5u);
    EXPECT_EQ(other.put_if_absent(ObjectKey("x"), base::as_bytes("third"), {}),
              PutOutcome::already_there);
    other.client().remove(full("x"), "", {});  // a delete marker on top
    EXPECT_EQ(base::as_text(storage::read_all(other, ObjectKey("x"), 100, {})), "first");
    EXPECT_EQ(storage::list_all(other, "", {}).size(), 2u);
  }
  store().remove(ObjectKey("x"), {});
  EXPECT_EQ(versions_of(store().client(), full("x"), {}).count, 0u);
}

TEST_F(S3StoreOnServer, lists_more_than_a_page_and_odd_keys_of_others) {
  for (int i = 0; i < 1100; ++i)
    store().put_if_absent(ObjectKey(fmt::format("n/{:04}", i)), base::as_bytes("x"), {});
  store().client().put(full("n/a b+c%2F&<ä>"), {}, {}, {});
  size_t raw = 0;
  bool odd = false;
  store().client().list(full("n/"),
                        [&](const S3Entry& entry) {
                          odd = odd || entry.key == full("n/a b+c%2F&<ä>");
                          return ++raw > 0;
                        },
                        {});
  EXPECT_EQ(raw, 1101u);
  EXPECT_TRUE(odd);
  EXPECT_EQ(storage::list_all(store(), "n/", {}).size(), 1100u);
}

TEST_F(S3StoreOnServer, locks_what_it_stores) {
  if (variable("SEAWALL_TEST_S3_LOCK").empty()) return;
  S3StoreOptions options = options_for(place_.prefix() + "/locked");
  options.lock = S3Lock{S3Lock::Mode::compliance, std::chrono::seconds(5)};
  S3Store locked(options);
  const base::Bytes body = dice_.noise(6 * base::MiB);
  locked.put_if_absent(ObjectKey("small"), base::as_bytes("x"), {});
  const auto writer = locked.begin_write(ObjectKey("large"), {}, {});
  writer->write(body);
  EXPECT_EQ(writer->commit(), PutOutcome::stored);
  EXPECT_ERROR(denied, locked.remove(ObjectKey("small"), {}));
  EXPECT_ERROR(denied, locked.remove(ObjectKey("large"), {}));
  EXPECT_TRUE(locked.stat(ObjectKey("large"), {}));
  EXPECT_TRUE(storage::read_all(locked, ObjectKey("large"), base::GiB, {}) == body);
  ASSERT_TRUE(base::sleep_for(std::chrono::seconds(7), {}));
  locked.remove(ObjectKey("small"), {});
  locked.remove(ObjectKey("large"), {});
  EXPECT_TRUE(storage::list_all(locked, "", {}).empty());
}

TEST_F(S3StoreOnServer, encrypts_with_the_key_it_was_given) {
  const std::string key = variable("SEAWALL_TEST_S3_KMS_KEY");
  if (key.empty()) return;
  S3StoreOptions options = options_for(place_.prefix() + "/sealed");
  options.kms_key = key;
  S3Store sealed(options);
  const base::Bytes body = dice_.noise(6 * base::MiB);
  sealed.put_if_absent(ObjectKey("small"), body, {});
  const auto writer = sealed.begin_write(ObjectKey("large"), {}, {});
  writer->write(body);
  writer->commit();
  for (const char* name : {"small", "large"}) {
    const auto head = sealed.client().head(sealed.full_key(ObjectKey(name)), "", {});
    EXPECT_EQ(head->headers.find("x-amz-server-side-encryption"), "aws:kms");
    EXPECT_EQ(head->headers.find("x-amz-server-side-encryption-aws-kms-key-id"), key);
    EXPECT_TRUE(storage::read_all(sealed, ObjectKey(name), base::GiB, {}) == body);
  }
}

TEST_F(S3StoreOnServer, tells_a_wrong_key_and_a_missing_bucket) {
  S3StoreOptions options = options_for(place_.prefix());
  options.server.credentials = fixed_credentials({"NOSUCHKEY", "wrong", "", std::nullopt});
  const base::Error wrong = error_of([&] { S3Store(options).stat(ObjectKey("x"), {}); });
  EXPECT_EQ(wrong.kind(), base::ErrorKind::denied);
  EXPECT_EQ(wrong.message().find("wrong"), std::string::npos);
  options = options_for(place_.prefix());
  options.server.bucket = "no-such-bucket-here";
  const base::Error missing =
      error_of([&] { storage::list_all(*std::make_unique<S3Store>(options), "", {}); });
  EXPECT_EQ(missing.kind(), base::ErrorKind::absent);
  EXPECT_NE(missing.hint(), "");
}

TEST_F(S3StoreOnServer, gives_and_takes_settings_of_the_bucket) {
  const std::string rules =
      "<LifecycleConfiguration><Rule><ID>seawall</ID><Status>Enabled</Status><Filter><Prefix>" +
      place_.prefix() +
      "</Prefix></Filter><Expiration><Days>90</Days></Expiration></Rule></LifecycleConfiguration>";
  const net::Response put =
      store().client().request("PUT", "", {{"lifecycle", ""}}, base::as_bytes(rules), {}, {});
  EXPECT_TRUE(put.ok()) << put.text();
  const net::Response got = store().client().request("GET", "", {{"lifecycle", ""}}, {}, {}, {});
  EXPECT_THAT(std::string(got.text()), testing::HasSubstr("<Days>90</Days>"));
  EXPECT_EQ(store().client().request("DELETE", "", {{"lifecycle", ""}}, {}, {}, {}).status, 204);
  EXPECT_EQ(
      read_s3_failure(store().client().request("GET", "", {{"lifecycle", ""}}, {}, {}, {})).code,
      "NoSuchLifecycleConfiguration");
}

}  // namespace
}  // namespace cloud
