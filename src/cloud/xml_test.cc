#include "cloud/xml.h"

#include "testing/errors.h"

namespace cloud {
namespace {

TEST(Xml, is_read_with_its_entities_and_without_its_attributes) {
  const XmlElement root = parse_xml(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- x --><r:List xmlns:r='http://x/'>"
      "<Key a=\"1>2\">a&amp;b&lt;&#65;&#x20AC;</Key><Key/><CData><![CDATA[<&>]]></CData></r:List>");
  EXPECT_EQ(root.name, "List");
  EXPECT_EQ(root.children.size(), 3u);
  EXPECT_EQ(root.value("Key"), "a&b<A\xE2\x82\xAC");
  EXPECT_EQ(root.require("CData"), "<&>");
  EXPECT_FALSE(root.value("Other"));
  EXPECT_ERROR(corrupt, root.require("Other"));
}

TEST(Xml, takes_white_space_before_a_late_answer) {
  EXPECT_EQ(parse_xml("  \n\n <Error><Code>SlowDown</Code></Error>\n").value("Code"), "SlowDown");
}

TEST(Xml, refuses_what_is_not_whole_or_not_plain) {
  for (const char* text : {"",
                           "x",
                           "<a>",
                           "<a></b>",
                           "<a><b></a></b>",
                           "<a></a><b></b>",
                           "<a>&nbsp;</a>",
                           "<a>&#0;</a>",
                           "<a>&#xD800;</a>",
                           "<a>&#x110000;</a>",
                           "<a>&#;</a>",
                           "<a>&#12</a>",
                           "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
                           "<a b></a>",
                           "<a b=c></a>",
                           "<a b='c></a>",
                           "<a><!-- </a>",
                           "<a><![CDATA[ </a>",
                           "<>x</>",
                           "<a",
                           "<a/",
                           "</a>",
                           "{\"a\":1}"})
    EXPECT_ERROR(corrupt, parse_xml(text)) << text;
  std::string deep;
  for (size_t i = 0; i <= xml_depth_max; ++i) deep += "<a>";
  EXPECT_ERROR(corrupt, parse_xml(deep));
}

TEST(Xml, gives_back_what_was_escaped) {
  const std::string text = "a & b < c > \"d\" 'e'";
  EXPECT_EQ(parse_xml("<t>" + xml_escape(text) + "</t>").text, text);
}

}  // namespace
}  // namespace cloud
