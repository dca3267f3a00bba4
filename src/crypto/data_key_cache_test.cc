#include "crypto/data_key_cache.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "crypto/testing.h"

namespace crypto {
namespace {

using namespace std::chrono_literals;
using base::Bytes;

struct HeldClock : base::Clock {
  base::Instant time = base::from_rfc3339("2026-11-22T19:00:00Z");
  base::Instant now() const override { return time; }
};

// Counts what reaches the key service.
struct Counted : KeyWrapper {
  explicit Counted(std::string_view text) : key(LocalKeyFile::parse(text)) {}
  DataKey generate(const EncryptionContext& context, std::stop_token stop) override {
    ++generated;
    if (fails) throw base::Error(base::ErrorKind::unavailable, "away");
    return key.generate(context, stop);
  }
  void add_wrapping(DataKey& data_key, const EncryptionContext& context,
                    std::stop_token stop) override {
    key.add_wrapping(data_key, context, stop);
  }
  std::optional<SecretKey> unwrap(std::span<const EncryptedDataKey> wrapped,
                                  const EncryptionContext& context, std::stop_token stop) override {
    ++unwrapped;
    if (fails) throw base::Error(base::ErrorKind::unavailable, "away");
    return key.unwrap(wrapped, context, stop);
  }
  std::string describe() const override { return key.describe(); }

  LocalKeyFile key;
  std::atomic<int> generated = 0;
  std::atomic<int> unwrapped = 0;
  std::atomic<bool> fails = false;
};

class DataKeyCacheTest : public testing::Test {
 protected:
  struct Made {
    std::unique_ptr<DataKeyCache> cache;
    Counted* inner;  // the cache owns it
    DataKeyCache* operator->() const { return cache.get(); }
  };
  Made cache(DataKeyCache::Limits limits = {}, std::optional<DataKeyFile> file = std::nullopt) {
    auto inner = std::make_unique<Counted>(text_);
    Counted* counted = inner.get();
    return {std::make_unique<DataKeyCache>(std::move(inner), clock_, limits, std::move(file)),
            counted};
  }
  static std::string name(const DataKey& key) { return base::to_hex(key.wrapped[0].info); }

  HeldClock clock_;
  const std::string text_ = new_key().text();
};

TEST_F(DataKeyCacheTest, asks_once_for_each_context) {
  const Made made = cache();
  const std::string first = name(made->generate(data_context(), {}));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(name(made->generate(data_context(), {})), first);
  EXPECT_EQ(made.inner->generated, 1);
  EXPECT_NE(name(made->generate({{"class", "meta"}}, {})), first);
  EXPECT_EQ(made.inner->generated, 2);
}

TEST_F(DataKeyCacheTest, gives_each_message_a_key_of_its_own_all_the_same) {
  const Made made = cache();
  const Bytes one = sealed_by(*made.cache, base::as_bytes("plain"));
  const Bytes two = sealed_by(*made.cache, base::as_bytes("plain"));
  EXPECT_EQ(made.inner->generated, 1);
  const MessageHeader first = *parse_message_header(one);
  const MessageHeader second = *parse_message_header(two);
  EXPECT_EQ(first.keys, second.keys);
  EXPECT_NE(first.id, second.id);
  EXPECT_NE(first.commitment, second.commitment);
}

TEST_F(DataKeyCacheTest, ends_with_its_age_its_messages_and_a_clock_that_goes_back) {
  const Made made = cache({.messages = 100});
  for (int i = 0; i < 100; ++i) made->generate(data_context(), {});
  EXPECT_EQ(made.inner->generated, 1);
  made->generate(data_context(), {});
  EXPECT_EQ(made.inner->generated, 2);
  clock_.time += 1h - 1us;
  made->generate(data_context(), {});
  EXPECT_EQ(made.inner->generated, 2);
  clock_.time += 1us;
  made->generate(data_context(), {});
  EXPECT_EQ(made.inner->generated, 3);
  clock_.time -= 1us;
  made->generate(data_context(), {});
  EXPECT_EQ(made.inner->generated, 4);
}

TEST_F(DataKeyCacheTest, keeps_no_failure) {
  const Made made = cache();
  made.inner->fails = true;
  EXPECT_ERROR(unavailable, made->generate(data_context(), {}));
  made.inner->fails = false;
  made->generate(data_context(), {});
  EXPECT_EQ(made.inner->generated, 2);
}

TEST_F(DataKeyCacheTest, opens_again_without_asking_whatever_the_label_says) {
  const Made writer = cache();
  const Bytes one = sealed_by(*writer.cache, base::as_bytes("plain"));
  const Bytes two = sealed_by(*writer.cache, base::as_bytes("another, longer"));
  EXPECT_EQ(base::as_text(open(two, *writer.cache, {}, {})), "another, longer");
  EXPECT_EQ(writer.inner->unwrapped, 0);  // it made the key
  const Made reader = cache();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(base::as_text(open(one, *reader.cache, {}, {})), "plain");
    EXPECT_EQ(base::as_text(open(two, *reader.cache, {}, {})), "another, longer");
  }
  EXPECT_EQ(reader.inner->unwrapped, 1);
  clock_.time += 1h;
  open(one, *reader.cache, {}, {});
  EXPECT_EQ(reader.inner->unwrapped, 2);
  clock_.time += 1h;
  reader.inner->fails = true;  // a key that was disabled stops readers within the hour
  EXPECT_ERROR(unavailable, open(one, *reader.cache, {}, {}));
  writer.inner->fails = true;
  EXPECT_ERROR(unavailable, open(one, *writer.cache, {}, {}));
}

TEST_F(DataKeyCacheTest, keeps_no_more_than_it_may) {
  const Made made = cache({.contexts = 3, .opened = 4});
  const auto context = [](int i) { return EncryptionContext{{"n", std::to_string(i)}}; };
  std::vector<DataKey> keys;
  for (int i = 0; i < 6; ++i) {
    keys.push_back(made->generate(context(i), {}));
    clock_.time += 1s;
  }
  made->generate(context(5), {});
  made->generate(context(3), {});
  EXPECT_EQ(made.inner->generated, 6);
  made->generate(context(2), {});
  EXPECT_EQ(made.inner->generated, 7);
  made->unwrap(keys[5].wrapped, context(5), {});
  EXPECT_EQ(made.inner->unwrapped, 0);
  made->unwrap(keys[0].wrapped, context(0), {});
  EXPECT_EQ(made.inner->unwrapped, 1);
}

TEST_F(DataKeyCacheTest, asks_once_for_many_threads) {
  const Made made = cache();
  const Bytes message = sealed_by(*cache().cache, base::as_bytes("plain"));
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 50; ++n) {
        made->generate(data_context(), {});
        EXPECT_EQ(base::as_text(open(message, *made.cache, {}, {})), "plain");
      }
    });
  }
  threads.clear();
  EXPECT_EQ(made.inner->generated, 1);
  EXPECT_EQ(made.inner->unwrapped, 1);
}

// A folder in memory, as the kept keys want one.
class DataKeyFileTest : public DataKeyCacheTest {
 public:
  DataKeyFileTest() : folder_(fmt::format("/dev/shm/seawall-test-{}", getpid())) {
    std::filesystem::remove_all(folder_);
  }
  ~DataKeyFileTest() override { std::filesystem::remove_all(folder_); }

 protected:
  DataKeyFile file() {
    std::string why_not;
    std::optional<DataKeyFile> found = DataKeyFile::in(folder_, why_not);
    if (!found) ADD_FAILURE() << why_not;
    return std::move(found.value());
  }
  base::Path only_file() {
    std::vector<base::Path> all;
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      all.push_back(entry.path());
    EXPECT_EQ(all.size(), 1u);
    return all.at(0);
  }

  const base::Path folder_;
};

TEST_F(DataKeyFileTest, serves_the_next_process) {
  const Made one = cache({}, file());
  const std::string first = name(one->generate(data_context(), {}));
  struct stat status {};
  ASSERT_EQ(stat(only_file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  const Made two = cache({}, file());
  const Bytes message = sealed_by(*two.cache, base::as_bytes("plain"));
  EXPECT_EQ(two.inner->generated, 0);
  LocalKeyFile key = LocalKeyFile::parse(text_);
  EXPECT_EQ(base::as_text(open(message, key, {}, {})), "plain");
  EXPECT_EQ(name(two->generate(data_context(), {})), first);
  clock_.time += 1h;
  const Made three = cache({}, file());
  three->generate(data_context(), {});
  EXPECT_EQ(three.inner->generated, 1);
}

TEST_F(DataKeyFileTest, leaves_what_was_opened_to_the_next_process_where_that_is_wanted) {
  const EncryptionContext index = {{"class", "index"}};
  const auto reader = [&] {
    auto inner = std::make_unique<Counted>(text_);
    Counted* counted = inner.get();
    return Made{
        std::make_unique<DataKeyCache>(
            std::move(inner), clock_, DataKeyCache::Limits{}, file(),
            [](const EncryptionContext& context) { return context.at("class") == "index"; }),
        counted};
  };
  LocalKeyFile key = LocalKeyFile::parse(text_);
  const DataKey of_index = key.generate(index, {});
  const DataKey of_data = key.generate(data_context(), {});
  for (int process = 0; process < 3; ++process) {
    const Made made = reader();
    const std::optional<SecretKey> opened = made->unwrap(of_index.wrapped, index, {});
    ASSERT_TRUE(opened.has_value());
    EXPECT_TRUE(same_secret(opened->bytes(), of_index.plain.bytes()));
    EXPECT_EQ(made.inner->unwrapped, process == 0 ? 1 : 0);
    ASSERT_TRUE(made->unwrap(of_data.wrapped, data_context(), {}).has_value());
    EXPECT_EQ(made.inner->unwrapped, process == 0 ? 2 : 1);      // always asked for
    EXPECT_NE(name(made->generate(index, {})), name(of_index));  // and never sealed with
  }
  clock_.time += 1h;
  const Made later = reader();
  later.inner->fails = true;
  EXPECT_THROW((void)later->unwrap(of_index.wrapped, index, {}), base::Error);
}

TEST_F(DataKeyFileTest, is_of_one_context_and_one_recipient) {
  cache({}, file())->generate(data_context(), {});
  const Made other = cache({}, file());
  other->generate({{"class", "meta"}}, {});
  EXPECT_EQ(other.inner->generated, 1);
  auto inner = std::make_unique<Counted>(new_key().text());
  Counted& counted = *inner;
  DataKeyCache rotated(std::move(inner), clock_, {}, file());
  rotated.generate(data_context(), {});
  EXPECT_EQ(counted.generated, 1);
}

// Processes at once never take more messages for one key than it may serve.
TEST_F(DataKeyFileTest, is_counted_together_by_all_processes) {
  constexpr uint64_t limit = 10 * DataKeyCache::batch;
  constexpr int processes = 8;
  constexpr int rounds = 40;
  const base::Path reports = folder_.string() + "-reports";
  std::filesystem::create_directory(reports);
  std::vector<pid_t> children;
  for (int child = 0; child < processes; ++child) {
    const pid_t pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      std::string names;
      for (int round = 0; round < rounds; ++round) {  // each a process that takes one batch
        const Made made = cache({.messages = limit}, file());
        names += name(made->generate(data_context(), {})) + "\n";
      }
      base::write_file_durably(reports / std::to_string(child), base::as_bytes(names));
      _exit(testing::Test::HasFailure() ? 1 : 0);
    }
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
  }
  std::map<std::string, uint64_t> batches;
  for (int child = 0; child < processes; ++child) {
    std::istringstream names(base::read_text_file(reports / std::to_string(child)));
    for (std::string line; std::getline(names, line);) ++batches[line];
  }
  std::filesystem::remove_all(reports);
  uint64_t all = 0;
  for (const auto& [key, count] : batches) {
    EXPECT_LE(count * DataKeyCache::batch, limit);
    all += count;
  }
  EXPECT_EQ(all, static_cast<uint64_t>(processes * rounds));
  EXPECT_LT(batches.size(), all / 2);  // and it does serve
}

TEST_F(DataKeyFileTest, that_is_damaged_or_open_to_others_is_as_good_as_none) {
  const auto asks = [&] {
    const Made made = cache({}, file());
    made->generate(data_context(), {});
    return made.inner->generated == 1;
  };
  EXPECT_TRUE(asks());
  EXPECT_FALSE(asks());
  const base::Path path = only_file();
  Bytes content = base::read_file(path);
  for (size_t at = 0; at < content.size(); at += 7) {
    content[at] ^= std::byte{4};
    base::write_file_durably(path, content);
    EXPECT_TRUE(asks()) << at;
    content = base::read_file(path);
  }
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  EXPECT_TRUE(asks());
  EXPECT_FALSE(asks());
  // A link that someone put there leads nowhere.
  const base::Path elsewhere = folder_ / "elsewhere";
  std::filesystem::rename(path, elsewhere);
  std::filesystem::create_symlink(elsewhere, path);
  EXPECT_TRUE(asks());
  EXPECT_FALSE(std::filesystem::is_symlink(path));
}

TEST_F(DataKeyFileTest, is_removed_when_it_is_out_of_date) {
  clock_.time = base::system_clock().now();
  cache({}, file())->generate({{"class", "meta"}}, {});
  const base::Path old = only_file();
  clock_.time += 2h;
  cache({}, file())->generate(data_context(), {});
  EXPECT_FALSE(std::filesystem::exists(old));
}

TEST_F(DataKeyFileTest, leaves_files_of_others_in_its_folder_alone) {
  cache({}, file())->generate({{"class", "meta"}}, {});
  const base::Path other = folder_ / "daemon.pid";
  base::write_file_durably(other, base::as_bytes("1"));
  clock_.time = base::system_clock().now() + 2h;
  cache({}, file())->generate(data_context(), {});
  EXPECT_TRUE(std::filesystem::exists(other));
}

TEST_F(DataKeyFileTest, is_kept_only_in_memory_and_in_a_folder_of_ours_alone) {
  std::string why_not;
  std::filesystem::create_directory(folder_);
  ASSERT_EQ(chmod(folder_.c_str(), 0750), 0);
  EXPECT_FALSE(DataKeyFile::in(folder_, why_not));
  EXPECT_EQ(why_not, folder_.string() + ": is not ours alone");
  ASSERT_EQ(chmod(folder_.c_str(), 0700), 0);
  EXPECT_TRUE(DataKeyFile::in(folder_, why_not));
  const base::Path link = folder_.string() + "-link";
  std::filesystem::create_symlink(folder_, link);
  EXPECT_FALSE(DataKeyFile::in(link, why_not));
  std::filesystem::remove(link);
  EXPECT_FALSE(DataKeyFile::in("/proc/self", why_not));
}

TEST_F(DataKeyFileTest, lies_where_the_host_keeps_such_things) {
  setenv("XDG_RUNTIME_DIR", "/dev/shm", 1);
  std::string why_not;
  const std::optional<DataKeyFile> found = DataKeyFile::find(why_not);
  EXPECT_TRUE(found) << why_not;
  EXPECT_TRUE(std::filesystem::exists("/dev/shm/seawall-keys"));
  std::filesystem::remove("/dev/shm/seawall-keys");
  unsetenv("XDG_RUNTIME_DIR");
}

}  // namespace
}  // namespace crypto
