#include "crypto/local_key_file.h"

#include <sys/stat.h>

#include "crypto/testing.h"

namespace crypto {
namespace {

using base::Bytes;

TEST(LocalKeyFile, is_made_for_its_owner_only_and_read_back) {
  const base::TemporaryFolder folder;
  const base::Path path = folder.path() / "backup.key";
  LocalKeyFile made = LocalKeyFile::create(path, base::from_rfc3339("2026-11-22T19:00:00Z"));
  EXPECT_TRUE(made.id().starts_with("20261122T190000Z-")) << made.id();
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  LocalKeyFile read = LocalKeyFile::load(path);
  EXPECT_EQ(read.id(), made.id());
  EXPECT_EQ(read.check(), made.check());
  EXPECT_EQ(read.text(), base::read_text_file(path));
  const Bytes message = sealed_by(made, base::as_bytes("plain"));
  EXPECT_EQ(base::as_text(open(message, read, {}, {})), "plain");
}

TEST(LocalKeyFile, is_never_written_over_one_that_is_there) {
  const base::TemporaryFolder folder;
  const base::Path path = folder.path() / "key";
  const std::string text = LocalKeyFile::create(path, {}).text();
  EXPECT_ERROR(conflict, LocalKeyFile::create(path, {}));
  EXPECT_EQ(base::read_text_file(path), text);
  std::filesystem::create_symlink(folder.path() / "elsewhere", folder.path() / "link");
  EXPECT_ERROR(conflict, LocalKeyFile::create(folder.path() / "link", {}));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "elsewhere"));
  EXPECT_ERROR(absent, LocalKeyFile::create(folder.path() / "missing" / "key", {}));
}

TEST(LocalKeyFile, is_refused_when_others_could_read_or_change_it) {
  const base::TemporaryFolder folder;
  const base::Path path = folder.path() / "key";
  LocalKeyFile::create(path, {});
  for (const mode_t mode : {0640, 0604, 0620, 0602, 0610, 0601, 0660, 0666}) {
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
    EXPECT_ERROR(denied, LocalKeyFile::load(path)) << mode;
  }
  ASSERT_EQ(chmod(path.c_str(), 0400), 0);
  LocalKeyFile::load(path);
  EXPECT_ERROR(invalid, LocalKeyFile::load(folder.path() / "missing"));
  EXPECT_ERROR(corrupt, LocalKeyFile::load(folder.path()));
}

TEST(LocalKeyFile, finds_every_wrong_digit) {
  const std::string text = new_key().text();
  const size_t from = text.find("\"key\":\"") + 7;
  for (size_t at = from; at < from + 64; ++at) {
    std::string wrong = text;
    wrong[at] = wrong[at] == '0' ? '1' : '0';
    const base::Error failure = testing::error_of([&] { LocalKeyFile::parse(wrong); });
    EXPECT_EQ(failure.kind(), base::ErrorKind::corrupt);
    // What a message says of a key must not help to guess it.
    EXPECT_EQ(failure.message().find(wrong.substr(from, 8)), std::string::npos);
  }
}

TEST(LocalKeyFile, refuses_what_is_no_key_file) {
  for (const char* text :
       {"", "{}", "[]", "null", "\"key\"", R"({"seawall":"repository","version":1})",
        R"({"seawall":"key","version":1,"id":"a b","key":"","check":""})",
        R"({"seawall":"key","version":1,"id":"","key":"","check":""})",
        R"({"seawall":"key","version":1,"id":"a","key":"00","check":""})",
        R"({"seawall":"key","version":1,"id":"a","key":"zz","check":""})"}) {
    EXPECT_ERROR(corrupt, LocalKeyFile::parse(text)) << text;
  }
  EXPECT_ERROR(invalid, LocalKeyFile::parse(R"({"seawall":"key","version":2})"));
  // Whatever is wrong with it, no message repeats what might be the key.
  for (const char* text : {R"({"seawall":"key","version":1,"id":"a","key":"secretx","check":""})",
                           R"({"seawall":"key","version":1,"id":"a","key":"secret)",
                           R"({"seawall":"key","version":1,"id":"a","key":"secret\x"})",
                           R"({"seawall":"key","version":1,"id":"a","key":secret})"}) {
    const base::Error failure = testing::error_of([&] { LocalKeyFile::parse(text); });
    EXPECT_EQ(failure.kind(), base::ErrorKind::corrupt);
    EXPECT_EQ(failure.message().find("secret"), std::string::npos) << failure.message();
  }
}

TEST(LocalKeyFile, opens_only_its_own_and_only_in_the_same_context) {
  LocalKeyFile ours = new_key();
  LocalKeyFile other = new_key();
  const DataKey key = ours.generate({{"class", "data"}}, {});
  EXPECT_TRUE(
      same_secret(ours.unwrap(key.wrapped, {{"class", "data"}}, {})->bytes(), key.plain.bytes()));
  EXPECT_EQ(other.unwrap(key.wrapped, {{"class", "data"}}, {}), std::nullopt);
  EXPECT_EQ(ours.unwrap({}, {}, {}), std::nullopt);
  EXPECT_ERROR(corrupt, ours.unwrap(key.wrapped, {{"class", "meta"}}, {}));
  EXPECT_ERROR(corrupt, ours.unwrap(key.wrapped, {}, {}));
  std::vector<EncryptedDataKey> damaged = key.wrapped;
  damaged[0].ciphertext[3] ^= std::byte{1};
  EXPECT_ERROR(corrupt, ours.unwrap(damaged, {{"class", "data"}}, {}));
  damaged[0].ciphertext.pop_back();
  EXPECT_ERROR(corrupt, ours.unwrap(damaged, {{"class", "data"}}, {}));
  // A damaged entry does not hide a good one of the same key.
  damaged.push_back(key.wrapped[0]);
  EXPECT_TRUE(ours.unwrap(damaged, {{"class", "data"}}, {}).has_value());
}

// A key service that is away, or says no.
struct Failing : KeyWrapper {
  explicit Failing(base::ErrorKind wanted) : kind(wanted) {}
  DataKey generate(const EncryptionContext&, std::stop_token) override { throw failure(); }
  void add_wrapping(DataKey&, const EncryptionContext&, std::stop_token) override {
    throw failure();
  }
  std::optional<SecretKey> unwrap(std::span<const EncryptedDataKey>, const EncryptionContext&,
                                  std::stop_token) override {
    throw failure();
  }
  std::string describe() const override { return "a key service"; }
  base::Error failure() const { return {kind, "no"}; }
  base::ErrorKind kind;
};

std::unique_ptr<KeyWrapper> again(const LocalKeyFile& key) {
  return std::make_unique<LocalKeyFile>(LocalKeyFile::parse(key.text()));
}

AnyOf any_of(std::unique_ptr<KeyWrapper> first, std::unique_ptr<KeyWrapper> second) {
  std::vector<std::unique_ptr<KeyWrapper>> wrappers;
  wrappers.push_back(std::move(first));
  wrappers.push_back(std::move(second));
  return AnyOf(std::move(wrappers));
}

TEST(AnyOf, seals_for_all_and_opens_with_each) {
  LocalKeyFile one = new_key();
  LocalKeyFile two = new_key();
  AnyOf both = any_of(again(one), again(two));
  const Bytes message = sealed_by(both, base::as_bytes("plain"));
  for (KeyWrapper* keys : std::initializer_list<KeyWrapper*>{&one, &two, &both})
    EXPECT_EQ(base::as_text(open(message, *keys, {}, {})), "plain");
  EXPECT_EQ(both.describe(), one.describe() + ", " + two.describe());
}

TEST(AnyOf, opens_while_one_service_is_away_and_seals_for_all_or_not_at_all) {
  LocalKeyFile key = new_key();
  const Bytes message = sealed_by(key, base::as_bytes("plain"));
  for (const base::ErrorKind kind : {base::ErrorKind::unavailable, base::ErrorKind::denied}) {
    AnyOf keys = any_of(std::make_unique<Failing>(kind), again(key));
    EXPECT_EQ(base::as_text(open(message, keys, {}, {})), "plain");
    EXPECT_TRUE(testing::throws(kind, [&] { keys.generate({}, {}); }));
    AnyOf reversed = any_of(again(key), std::make_unique<Failing>(kind));
    EXPECT_TRUE(testing::throws(kind, [&] { reversed.generate({}, {}); }));
    // What nobody opens fails as the one that could not be asked did.
    AnyOf without = any_of(std::make_unique<Failing>(kind), again(new_key()));
    EXPECT_TRUE(testing::throws(kind, [&] { open(message, without, {}, {}); }));
  }
}

}  // namespace
}  // namespace crypto
