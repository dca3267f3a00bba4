// archive_command on a folder of WAL, without a server: each call to the store failing once.
#include "layers/pitr/push.h"

#include "base/crc32c.h"
#include "layers/testing.h"
#include "testing/wal_builder.h"

namespace layers {
namespace {

using testing::Fault;

constexpr int segments = 4;

class PushTest : public ::testing::Test {
 protected:
  PushTest() {
    testing::WalBuilder wal({.segment_bytes = segment_bytes_});
    for (int i = 0; i < segments; ++i) {
      wal.add(10, 0, base::Bytes(20'000, static_cast<std::byte>(i)));
      wal.switch_segment();
    }
    for (int i = 1; i <= segments; ++i) {
      write_file(wal_folder() / name(i), *wal.segment(static_cast<uint64_t>(i)));
      write_file(wal_folder() / "archive_status" / (name(i) + ".ready"), {});
    }
    write_control_file();
  }

  static std::string name(int number) { return fmt::format("0000000100000000{:08X}", number); }
  base::Path wal_folder() const { return folder_.path() / "pg_wal"; }

  void write_control_file();  // as much of pg_control as push_wal reads

  static void push(testing::SampleRepository& sample, const base::Path& file, unsigned ahead) {
    push_wal(sample.repository, file, {.threads = 1, .look_ahead = ahead}, {});
  }
  static std::set<std::string> archived(const testing::SampleRepository& sample) {
    std::set<std::string> names;
    for (const std::string& key : sample.store.keys()) {
      for (int i = 1; i <= segments; ++i) {
        if (key.starts_with("wal/") && key.find(name(i)) != std::string::npos)
          names.insert(name(i));
      }
    }
    return names;
  }

  static constexpr uint64_t segment_bytes_ = 1 * base::MiB;
  base::TemporaryFolder folder_;
};

void PushTest::write_control_file() {
  base::Bytes bytes(8192);
  const auto put = [&](size_t at, uint32_t value) {
    base::store<uint32_t>(bytes.data() + at, value);
  };
  base::store<uint64_t>(bytes.data(), testing::WalBuilder::Options{}.system_identifier);
  put(8, 1300);
  put(12, 202209061);
  put(16, 6);  // in production
  put(48, 1);  // timeline
  put(216, 8192);
  put(220, 131072);
  put(228, static_cast<uint32_t>(segment_bytes_));
  put(288, base::crc32c(base::ByteView(bytes).first(288)));
  write_file(folder_.path() / "global/pg_control", bytes);
}

TEST_F(PushTest, stores_the_segment_asked_for_and_those_that_wait_behind_it) {
  testing::SampleRepository sample;
  push(sample, wal_folder() / name(2), 1);
  EXPECT_EQ(archived(sample), (std::set{name(2), name(3)}));
  push(sample, wal_folder() / name(2), 2);
  EXPECT_EQ(archived(sample), (std::set{name(2), name(3), name(4)}));
}

TEST_F(PushTest, does_not_carry_a_single_one_along_when_its_own_went_ahead) {
  testing::SampleRepository sample;
  push(sample, wal_folder() / name(2), 1);
  push(sample, wal_folder() / name(3), 4);
  EXPECT_EQ(archived(sample), (std::set{name(2), name(3)}));
  push(sample, wal_folder() / name(4), 4);
  EXPECT_EQ(archived(sample), (std::set{name(2), name(3), name(4)}));
}

TEST_F(PushTest, does_not_look_ahead_when_told_so) {
  testing::SampleRepository sample;
  push(sample, wal_folder() / name(1), 0);
  EXPECT_EQ(archived(sample), (std::set{name(1)}));
}

TEST_F(PushTest, refuses_what_is_no_wal_file_and_another_cluster_s) {
  testing::SampleRepository sample;
  EXPECT_ERROR(invalid, push(sample, wal_folder() / "notes.txt", 0));
  testing::WalBuilder::Options options{.segment_bytes = segment_bytes_};
  options.system_identifier = 77;
  testing::WalBuilder other(options);
  other.switch_segment();
  write_file(wal_folder() / name(1), *other.segment(1));
  EXPECT_ERROR(conflict, push(sample, wal_folder() / name(1), 0));
  EXPECT_TRUE(archived(sample).empty());
}

TEST_F(PushTest, says_nothing_of_a_segment_ahead_that_is_wrong) {
  testing::SampleRepository sample;
  write_file(wal_folder() / name(2), base::Bytes(segment_bytes_));
  push(sample, wal_folder() / name(1), 1);
  EXPECT_EQ(archived(sample), (std::set{name(1)}));
}

TEST_F(PushTest, is_done_or_not_whichever_call_fails_and_is_done_when_asked_again) {
  bool done = false;
  uint64_t failures = 0;
  for (uint64_t number = 1; !done; ++number) {
    SCOPED_TRACE(number);
    testing::SampleRepository sample;
    sample.faulty.fail_call(number, testing::all_faults[number % std::size(testing::all_faults)]);
    bool pushed = true;
    try {
      push(sample, wal_folder() / name(1), 2);
    } catch (const base::Error&) {
      pushed = false;
      ++failures;
    }
    done = !sample.faulty.failed();
    sample.faulty.heal();
    EXPECT_EQ(damage_in(sample.repository), "");
    EXPECT_TRUE(!pushed || archived(sample).contains(name(1)));
    for (int i = 1; i <= segments; ++i) push(sample, wal_folder() / name(i), 2);
    EXPECT_EQ(archived(sample).size(), size_t{segments});
    EXPECT_EQ(damage_in(sample.repository), "");
  }
  EXPECT_GT(failures, 3u);
}

}  // namespace
}  // namespace layers
