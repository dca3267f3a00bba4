#include "layers/dump/restore_dump.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "crypto/digest.h"
#include "layers/dump/archive_file.h"
#include "storage/file_store.h"

namespace layers {
namespace {

using base::ErrorKind;
using postgres::ClientProgram;

template <typename Work>
base::Error failure_of(Work&& work) {
  try {
    work();
  } catch (const base::Error& failure) {
    return failure;
  }
  ADD_FAILURE() << "no error where one is wanted";
  return {ErrorKind::cancelled, ""};
}

TEST(RestoreDump, chooses_a_pg_restore_that_reads_the_archive_and_that_the_server_understands) {
  const std::vector<ClientProgram> programs = {{"a", 14, ""}, {"b", 16, ""}, {"c", 17, ""}};
  EXPECT_EQ(choose_pg_restore(programs, 15, 15).path, "b");
  EXPECT_EQ(choose_pg_restore(programs, 15, 18).path, "b");
  EXPECT_EQ(choose_pg_restore(programs, 17, 17).path, "c");
  const base::Error old = failure_of([&] { choose_pg_restore({{"a", 14, ""}}, 15, 15); });
  EXPECT_EQ(old.kind(), ErrorKind::invalid);
  EXPECT_NE(old.hint().find("postgresql-client-15"), std::string::npos);
  const base::Error timeout = failure_of([&] { choose_pg_restore({{"c", 17, ""}}, 15, 16); });
  EXPECT_NE(timeout.message().find("transaction_timeout"), std::string::npos);
  EXPECT_NE(timeout.hint().find("postgresql-client-16"), std::string::npos);
  EXPECT_NE(failure_of([&] { choose_pg_restore(programs, 17, 16); }).hint().find("17 or newer"),
            std::string::npos);
}

// A store whose objects are no files of this host.
class RemoteStore final : public storage::ObjectStore {
 public:
  explicit RemoteStore(const base::Path& folder) : inner_(folder) {}
  std::string url() const override { return "remote:"; }
  storage::PutOutcome put_if_absent(const storage::ObjectKey& key, base::ByteView body,
                                    std::stop_token stop) override {
    return inner_.put_if_absent(key, body, stop);
  }
  std::unique_ptr<storage::ObjectWriter> begin_write(const storage::ObjectKey& key,
                                                     const storage::WriteOptions& options,
                                                     std::stop_token stop) override {
    return inner_.begin_write(key, options, stop);
  }
  std::optional<storage::ObjectInfo> stat(const storage::ObjectKey& key,
                                          std::stop_token stop) override {
    return inner_.stat(key, stop);
  }
  void read(const storage::ObjectKey& key, uint64_t offset, base::ByteSpan out,
            std::stop_token stop) override {
    inner_.read(key, offset, out, stop);
  }
  void list(const std::string& prefix, const std::function<bool(const storage::ObjectInfo&)>& visit,
            std::stop_token stop) override {
    inner_.list(prefix, visit, stop);
  }
  void remove(const storage::ObjectKey& key, std::stop_token stop) override {
    inner_.remove(key, stop);
  }
  base::Instant now(std::stop_token stop) override { return inner_.now(stop); }

 private:
  storage::FileStore inner_;
};

class ArchiveFileTest : public testing::Test {
 protected:
  ArchiveFileTest() : store_(folder_.path()) {
    record_.name = {"breezycorp", "2026-11-22", 1};
    record_.size = body_.size();
    record_.sha256 = crypto::sha256_hex(base::as_bytes(body_));
    store_.put_if_absent(record_.name.archive_key(), base::as_bytes(body_), {});
  }

  base::TemporaryFolder folder_;
  std::string body_ = std::string(5'000'000, 'x');
  RemoteStore store_;
  repository::DumpRecord record_;
};

TEST_F(ArchiveFileTest, is_a_copy_where_the_store_has_no_file_and_goes_with_it) {
  uint64_t told = 0;
  base::Path copy;
  {
    const ArchiveFile file(store_, record_, {}, [&](uint64_t at) { told = at; }, {});
    copy = file.path();
    EXPECT_EQ(base::read_text_file(copy), body_);
  }
  EXPECT_EQ(told, body_.size());
  EXPECT_FALSE(std::filesystem::exists(copy));
}

TEST_F(ArchiveFileTest, is_the_stores_own_file_where_there_is_one) {
  storage::FileStore store(folder_.path());
  const ArchiveFile file(store, record_, {}, [](uint64_t) {}, {});
  EXPECT_EQ(file.path(), folder_.path() / "breezycorp_2026-11-22.dump");
}

TEST_F(ArchiveFileTest, is_refused_when_it_is_not_what_was_recorded) {
  record_.sha256 = std::string(64, '0');
  EXPECT_EQ(failure_of([&] { ArchiveFile(store_, record_, {}, [](uint64_t) {}, {}); }).kind(),
            ErrorKind::corrupt);
}

TEST_F(ArchiveFileTest, is_not_copied_where_there_is_no_room) {
  record_.size = uint64_t{1} << 62;
  EXPECT_EQ(failure_of([&] { ArchiveFile(store_, record_, {}, [](uint64_t) {}, {}); }).kind(),
            ErrorKind::full);
}

TEST_F(ArchiveFileTest, is_absent_when_it_is_gone) {
  record_.name.number = 2;
  EXPECT_EQ(failure_of([&] { ArchiveFile(store_, record_, {}, [](uint64_t) {}, {}); }).kind(),
            ErrorKind::absent);
}

}  // namespace
}  // namespace layers
