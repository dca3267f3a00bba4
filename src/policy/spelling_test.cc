#include "policy/spelling.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace policy {
namespace {

TEST(Spelling, counts_a_swap_of_neighbours_as_one_mistake) {
  EXPECT_EQ(edit_distance("retain", "retain"), 0u);
  EXPECT_EQ(edit_distance("retian", "retain"), 1u);
  EXPECT_EQ(edit_distance("ertani", "retain"), 2u);
  EXPECT_EQ(edit_distance("", "retain"), 6u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

TEST(Spelling, names_the_nearest_word_and_only_if_it_is_near) {
  const std::vector<std::string> words{"at", "every", "retain", "start_within"};
  EXPECT_EQ(nearest("retian", words), "retain");
  EXPECT_EQ(nearest("RETAIN", words), "retain");
  EXPECT_EQ(nearest("startwithin", words), "start_within");
  EXPECT_EQ(nearest("colour", words), std::nullopt);
  EXPECT_EQ(nearest("", words), std::nullopt);
  EXPECT_EQ(nearest(std::string(1000, 'a'), words), std::nullopt);
}

TEST(Spelling, falls_back_to_all_that_is_allowed) {
  EXPECT_EQ(spelling_hint("retian", {"at", "retain"}), "did you mean 'retain'?");
  EXPECT_EQ(spelling_hint("colour", {"at", "retain"}), "allowed: at, retain");
}

TEST(Spelling, shows_foreign_text_on_one_line_and_cut) {
  EXPECT_EQ(shown("a\nb\x1b"), "'a b '");
  EXPECT_EQ(shown(std::string(100, 'x')), "'" + std::string(60, 'x') + "...'");
  EXPECT_EQ(shown(std::string(59, 'x') + "\u00e9" + "y"), "'" + std::string(59, 'x') + "...'");
}

RC_GTEST_PROP(Spelling, distance_is_symmetric_and_at_most_the_longer_word, ()) {
  const auto word = rc::gen::container<std::string>(rc::gen::inRange('a', 'e'));
  const std::string one = *word;
  const std::string other = *word;
  const size_t distance = edit_distance(one, other);
  RC_ASSERT(distance == edit_distance(other, one));
  RC_ASSERT(distance <= std::max(one.size(), other.size()));
  RC_ASSERT((distance == 0) == (one == other));
}

}  // namespace
}  // namespace policy
