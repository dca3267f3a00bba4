#include "policy/json_schema.h"

#include <functional>

#include "base/file.h"
#include "base/json.h"
#include "policy/schema.h"
#include "policy/testing.h"

namespace policy {
namespace {

base::Path shipped() {
  return base::Path(__FILE__).parent_path().parent_path().parent_path() / "docs" /
         "seawall.schema.json";
}

TEST(JsonSchema, is_the_one_that_is_shipped) {
  // To mend: print json_schema() into docs/seawall.schema.json.
  EXPECT_EQ(json_schema(), base::read_text_file(shipped()));
}

TEST(JsonSchema, allows_the_keys_of_the_schema_and_no_others) {
  const base::Json whole = base::parse_json(json_schema(), "the schema");
  std::function<void(const base::Json&, const Field&)> compare = [&](const base::Json& json,
                                                                     const Field& field) {
    EXPECT_FALSE(json["description"].get<std::string>().empty()) << field.name;
    const bool list = field.type == FieldType::sections;
    const bool tiers = field.type == FieldType::tiers;
    const base::Json& section = list ? json["items"] : tiers ? json["additionalProperties"] : json;
    if (field.fields.empty()) return;
    EXPECT_EQ(section["additionalProperties"], false) << field.name;
    EXPECT_EQ(section["properties"].size(), field.fields.size()) << field.name;
    for (const Field& inner : field.fields) compare(section["properties"][inner.name], inner);
  };
  compare(whole, schema());
}

TEST(JsonSchema, refuses_what_this_build_does_not_carry) {
  const base::Json whole = base::parse_json(json_schema(), "the schema");
  EXPECT_TRUE(whole["properties"]["layers"]["properties"]["files"].contains("not"));
  EXPECT_EQ(whole["properties"]["database"]["properties"]["provider"]["enum"],
            base::Json::array({"native"}));
}

}  // namespace
}  // namespace policy
