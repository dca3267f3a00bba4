#include "base/error.h"

#include <cerrno>

#include "base/json.h"
#include "testing/errors.h"

namespace base {
namespace {

TEST(Error, reads_as_one_sentence_with_what_was_being_done) {
  const Error failure = testing::error_of([] {
    while_doing("taking a snapshot", [] {
      while_doing("uploading pack 3f",
                  [] { throw Error(ErrorKind::full, "disk full", "free some"); });
    });
  });
  EXPECT_EQ(failure.message(), "taking a snapshot: uploading pack 3f: disk full");
  EXPECT_EQ(failure.kind(), ErrorKind::full);
  EXPECT_EQ(failure.hint(), "free some");
}

TEST(Error, passes_the_value_of_work_that_succeeds) {
  EXPECT_EQ(while_doing("counting", [] { return 7; }), 7);
}

TEST(Error, has_an_exit_code_of_its_own_for_each_kind) {
  std::map<int, std::string> codes;
  for (const ErrorKind kind :
       {ErrorKind::invalid, ErrorKind::absent, ErrorKind::denied, ErrorKind::conflict,
        ErrorKind::unavailable, ErrorKind::corrupt, ErrorKind::full, ErrorKind::cancelled}) {
    EXPECT_TRUE(codes.emplace(exit_code(kind), name(kind)).second) << name(kind);
    EXPECT_GT(exit_code(kind), 1);
    EXPECT_LT(exit_code(kind), 50);
  }
}

TEST(Errno, becomes_a_kind) {
  EXPECT_ERROR(absent, throw_errno("x", ENOENT));
  EXPECT_ERROR(denied, throw_errno("x", EACCES));
  EXPECT_ERROR(denied, throw_errno("x", EROFS));
  EXPECT_ERROR(full, throw_errno("x", ENOSPC));
  EXPECT_ERROR(full, throw_errno("x", EDQUOT));
  EXPECT_ERROR(conflict, throw_errno("x", EEXIST));
  EXPECT_ERROR(unavailable, throw_errno("x", EIO));
}

TEST(Json, names_the_member_that_is_missing_or_wrong) {
  const Json json = parse_json(R"({"a":1,"b":null,"c":"x"})", "it");
  EXPECT_EQ(member<int>(json, "a"), 1);
  EXPECT_EQ(member_if_there<int>(json, "b"), std::nullopt);
  EXPECT_EQ(member_if_there<int>(json, "d"), std::nullopt);
  EXPECT_EQ(testing::error_of([&] { member<int>(json, "d"); }).message(), "member 'd' is missing");
  EXPECT_EQ(testing::error_of([&] { member<int>(json, "c"); }).message(),
            "member 'c' is of the wrong type");
  EXPECT_ERROR(corrupt, parse_json("{", "it"));
  EXPECT_ERROR(corrupt, member<int>(Json(3), "a"));
}

}  // namespace
}  // namespace base
