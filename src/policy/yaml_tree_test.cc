#include "policy/yaml_tree.h"

#include "policy/testing.h"

namespace policy {
namespace {

base::Error refusal(std::string_view text) {
  return error_of([&] { (void)YamlDocument::parse(text, "f.yaml"); });
}

TEST(YamlTree, gives_each_value_its_line_and_column) {
  const YamlDocument document =
      YamlDocument::parse("# a comment\na: 1\nb:\n  - x\n  - c: 'y'\nd:\n", "f.yaml");
  const YamlValue& root = document.root();
  ASSERT_EQ(root.members.size(), 3u);
  EXPECT_EQ(document.where(root.members[1].position), "f.yaml:3:1");
  EXPECT_EQ(document.where(root.find("b")->items[0].position), "f.yaml:4:5");
  const YamlValue* inner = root.find("b")->items[1].find("c");
  EXPECT_EQ(document.where(inner->position), "f.yaml:5:8");
  EXPECT_TRUE(inner->in_quotes);
  EXPECT_EQ(root.find("d")->kind, YamlValue::Kind::nothing);
  EXPECT_EQ(root.find("e"), nullptr);
}

TEST(YamlTree, leaves_scalars_as_they_are_written) {
  const YamlDocument document =
      YamlDocument::parse("a: 03:00\nb: on\nc: 0x10\nd: [\"03:30\"]\n", "f.yaml");
  EXPECT_EQ(document.root().find("a")->text, "03:00");
  EXPECT_EQ(document.root().find("b")->text, "on");
  EXPECT_EQ(document.root().find("c")->text, "0x10");
  EXPECT_EQ(document.root().find("d")->items[0].text, "03:30");
}

TEST(YamlTree, keeps_a_key_that_is_given_twice) {
  EXPECT_EQ(YamlDocument::parse("a: 1\na: 2\n", "f.yaml").root().members.size(), 2u);
}

TEST(YamlTree, unfolds_aliases) {
  const YamlDocument document = YamlDocument::parse("a: &x { k: [1, 2] }\nb: *x\n", "f.yaml");
  EXPECT_EQ(document.root().find("b")->find("k")->items.size(), 2u);
}

TEST(YamlTree, bounds_what_aliases_unfold_to) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    bomb += fmt::format(
        "a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n", i,
        i - 1);
  }
  EXPECT_NE(refusal(bomb).message().find("more than 20000 values"), std::string::npos);
}

TEST(YamlTree, refuses_an_alias_of_what_it_stands_in) {
  EXPECT_EQ(refusal("a: &a [*a]\n").message(),
            "f.yaml:1:8: this alias stands inside of what it names");
}

TEST(YamlTree, refuses_deep_nesting_of_any_kind) {
  EXPECT_NE(refusal(std::string(100, '[')).message().find("nested too deeply"), std::string::npos);
  EXPECT_EQ(refusal(std::string(500'000, '[')).kind(), base::ErrorKind::invalid);
  EXPECT_EQ(refusal(std::string(500'000, '{')).kind(), base::ErrorKind::invalid);
  std::string steps;
  for (size_t depth = 0; depth < 300; ++depth) steps += std::string(depth, ' ') + "a:\n";
  EXPECT_NE(refusal(steps).message().find("nested too deeply"), std::string::npos);
}

TEST(YamlTree, refuses_more_than_a_mebibyte) {
  EXPECT_NE(refusal(std::string(yaml_bytes_max + 1, '#')).message().find("larger than"),
            std::string::npos);
}

TEST(YamlTree, names_the_tab) {
  const base::Error failure = refusal("a:\n  b: 1\n \tc: 2\n");
  EXPECT_EQ(failure.message(), "f.yaml:3:2: a tab stands at the start of this line");
  EXPECT_EQ(YamlDocument::parse("a: 'x\ty'\t# comment\n", "f").root().find("a")->text, "x\ty");
}

TEST(YamlTree, refuses_what_only_surprises) {
  EXPECT_EQ(refusal("a: 1\n---\nb: 2\n").message().substr(0, 10), "f.yaml:2:1");
  EXPECT_NE(refusal("a: !!int 3\n").message().find("tag"), std::string::npos);
  EXPECT_NE(refusal("a: &x {b: 1}\nc:\n  <<: *x\n").message().find("merge keys"),
            std::string::npos);
  EXPECT_NE(refusal("? [a]\n: 1\n").message().find("cannot be a key"), std::string::npos);
  EXPECT_NE(refusal(std::string_view("a: \0\n", 5)).message().find("control character"),
            std::string::npos);
}

TEST(YamlTree, says_where_text_is_not_yaml) {
  for (const char* text : {"a: [1, 2\n", "a: 'x\n", "a: b: c\n", "a: *nobody\n", "- a\nb: 1\n",
                           "a: 1\n  b: 2\n", "%YAML 9.9.9\n", "}"}) {
    const base::Error failure = refusal(text);
    EXPECT_EQ(failure.kind(), base::ErrorKind::invalid) << text;
    EXPECT_TRUE(failure.message().starts_with("f.yaml:")) << failure.message();
  }
}

TEST(YamlTree, refuses_what_is_not_utf_8) {
  EXPECT_EQ(refusal("a: b\nc: \xff\n").message(), "f.yaml:2:4: the file is not UTF-8 (0xff)");
}

TEST(YamlTree, counts_columns_in_characters) {
  const YamlDocument document = YamlDocument::parse("a: [\u00fc\u4e16, x]\n", "f");
  EXPECT_EQ(document.where(document.root().find("a")->items[1].position), "f:1:9");
}

TEST(YamlTree, refuses_quotes_that_are_not_closed) {
  for (const char* text : {"a: 'x\n", "a: \"x\nb: 1\n", "a: &x 'y\n", "a: \"x\\\"\n", "a: '\n"}) {
    EXPECT_NE(refusal(text).message().find("not closed"), std::string::npos) << text;
  }
  EXPECT_EQ(YamlDocument::parse("a: 'x''y'", "f").root().find("a")->text, "x'y");
  EXPECT_EQ(YamlDocument::parse("a: &b \"x\\\"y\"", "f").root().find("a")->text, "x\"y");
  EXPECT_EQ(YamlDocument::parse("a: |\n  it's \"so\n", "f").root().find("a")->text, "it's \"so\n");
}

TEST(YamlTree, of_nothing_is_nothing) {
  for (const char* text : {"", "\n\n", "# only words\n", "---\n", "~\n"}) {
    EXPECT_EQ(YamlDocument::parse(text, "f").root().kind, YamlValue::Kind::nothing) << text;
  }
}

}  // namespace
}  // namespace policy
