#include "app/key_care.h"

#include "testing/errors.h"

namespace app {
namespace {

std::string policy_with(const std::string& encryption, const std::string& of_dumps = "") {
  return "version: 1\nname: app\ntimezone: UTC\ndatabase: { url: postgresql:///app }\n"
         "repository:\n  store: file:///backup/repository # ours\n" +
         encryption +
         "layers:\n  snapshots: { nightly: { at: \"03:00\", retain: 30d } }\n"
         "  dumps:\n    nightly:\n      at: \"03:30\"\n      retain: 90d\n"
         "      store: file:///backup/dumps\n" +
         of_dumps;
}

const policy::KeySource next = policy::parse_key("alias/next");

// That the policy still reads, seals by the new key, and opens by the keys of before.
void expect_rotated(const std::string& text, const std::vector<std::string>& retired) {
  const policy::Policy policy = policy::parse(with_new_key(text, "f", next), "f");
  EXPECT_EQ(policy.repository.encryption->key, next);
  std::vector<std::string> words;
  for (const policy::KeySource& key : policy.repository.encryption->retired)
    words.push_back(policy::print_key(key));
  EXPECT_EQ(words, retired) << text;
}

TEST(Rotation, changes_a_policy_however_it_is_written) {
  expect_rotated(policy_with("  encryption: { key: env:A }\n"), {"env:A"});
  expect_rotated(policy_with("  encryption: { key: \"env:A\" }\n"), {"env:A"});
  expect_rotated(policy_with("  encryption:\n    key: file:/a.key\n"), {"file:/a.key"});
  expect_rotated(policy_with("  encryption:\n    key: 'alias/a' # the first\n"),
                 {"aws-kms:alias/a"});
  expect_rotated(policy_with("  encryption: { key: env:B, retired: [env:A] }\n"),
                 {"env:B", "env:A"});
  expect_rotated(policy_with("  encryption:\n    retired: [alias/next, env:A]\n    key: env:B\n"),
                 {"env:B", "env:A"});
}

TEST(Rotation, leaves_all_else_as_it_was) {
  const std::string before = policy_with("  encryption: { key: env:A }\n");
  const std::string after = with_new_key(before, "f", next);
  EXPECT_EQ(after, policy_with("  encryption: { key: aws-kms:alias/next, retired: [env:A] }\n"));
}

TEST(Rotation, takes_dumps_along_that_had_the_same_key) {
  const auto key_of_dumps = [](const std::string& encryption) {
    const std::string text = policy_with("  encryption: { key: env:A }\n", encryption);
    return policy::parse(with_new_key(text, "f", next), "f").layers.dumps.at(0).encryption->key;
  };
  EXPECT_EQ(key_of_dumps("      encryption: { key: env:A }\n"), next);
  EXPECT_EQ(policy::print_key(key_of_dumps("      encryption: { key: env:OTHER }\n")), "env:OTHER");
}

TEST(Rotation, is_refused_where_there_is_nothing_to_rotate) {
  EXPECT_ERROR(invalid, with_new_key(policy_with(""), "f", next));
  EXPECT_ERROR(invalid,
               with_new_key(policy_with("  encryption: { key: alias/next }\n"), "f", next));
}

TEST(Rotation, says_what_to_write_where_no_program_can) {
  const base::Error failure = testing::error_of(
      [] { with_new_key(policy_with("  encryption:\n    key: \"env\\x3aA\"\n"), "f", next); });
  EXPECT_EQ(failure.kind(), base::ErrorKind::invalid);
  EXPECT_NE(failure.hint().find("key: aws-kms:alias/next, and retired: [env:A]"), std::string::npos)
      << failure.hint();
}

}  // namespace
}  // namespace app
