#include "repository/json_object.h"

#include "crypto/digest.h"
#include "testing/dice.h"
#include "testing/errors.h"

namespace repository {
namespace {

using base::Json;

const Json body = {
    {"id", "20261122T190000Z"}, {"files", 3}, {"list", Json::array({1, "\n}\n", "ü"})}};

TEST(JsonObject, is_read_as_it_was_written) {
  for (const Json& json : {body, Json::object(), Json(nullptr), Json("\n}\n"), Json::array()})
    EXPECT_EQ(unwrap_json("snapshot", wrap_json("snapshot", json)), json);
}

// docs/formats/repository.md: jq reads the whole, sha256sum the lines between.
TEST(JsonObject, is_one_json_value_with_the_digest_of_its_body) {
  const base::Bytes object = wrap_json("claim", body);
  const std::string text(base::as_text(object));
  const Json whole = Json::parse(text);
  EXPECT_EQ(whole.at("seawall"), "claim");
  EXPECT_EQ(whole.at("version"), 1);
  EXPECT_EQ(whole.at("body"), body);
  const size_t start = text.find('\n') + 1;
  EXPECT_EQ(whole.at("sha256"),
            crypto::sha256_hex(base::as_bytes(text.substr(start, text.size() - start - 3))));
  EXPECT_TRUE(text.ends_with("\n}\n"));
}

TEST(JsonObject, is_refused_whichever_bit_is_flipped_and_however_it_is_cut) {
  base::Bytes object = wrap_json("snapshot", body);
  const size_t version_at = base::as_text(object).find("\"version\":1") + 10;
  for (uint64_t bit = 0; bit < object.size() * 8; ++bit) {
    testing::Dice::flip_bit(object, bit);
    const base::Error failure = testing::error_of([&] { unwrap_json("snapshot", object); });
    // The version's digit may become a higher one.
    EXPECT_TRUE(failure.kind() == base::ErrorKind::corrupt ||
                (failure.kind() == base::ErrorKind::invalid && bit / 8 == version_at))
        << bit << " " << failure.message();
    testing::Dice::flip_bit(object, bit);
  }
  for (size_t size = 0; size < object.size(); ++size)
    EXPECT_ERROR(corrupt, unwrap_json("snapshot", base::ByteView(object).first(size))) << size;
  base::Bytes longer = object;
  longer.push_back(std::byte{'\n'});
  EXPECT_ERROR(corrupt, unwrap_json("snapshot", longer));
}

TEST(JsonObject, is_refused_of_another_type) {
  EXPECT_ERROR(corrupt, unwrap_json("claim", wrap_json("snapshot", body)));
}

TEST(JsonObject, says_so_when_a_newer_seawall_wrote_it) {
  for (const char* version : {"2", "10", "999"}) {
    std::string text(base::as_text(wrap_json("snapshot", body)));
    text.replace(text.find("\"version\":1") + 10, 1, version);
    const base::Error failure =
        testing::error_of([&] { unwrap_json("snapshot", base::as_bytes(text)); });
    EXPECT_EQ(failure.kind(), base::ErrorKind::invalid);
    EXPECT_EQ(failure.message(),
              fmt::format("this snapshot is of format {}, written by a newer seawall", version));
  }
}

TEST(JsonObject, is_refused_when_it_is_something_else) {
  for (const char* text :
       {"", "{}", "\n}\n", "\n\n}\n", "{}\n{}\n}\n", "null\n", "{\"seawall\":\"\n}\n"}) {
    EXPECT_ERROR(corrupt, unwrap_json("snapshot", base::as_bytes(text))) << text;
  }
  // Its digest is right, and its body is no JSON.
  const std::string bad = "{\"a\":";
  std::string text = "{\"seawall\":\"snapshot\",\"version\":1,\"sha256\":\"" +
                     crypto::sha256_hex(base::as_bytes(bad)) + "\",\"body\":\n" + bad + "\n}\n";
  EXPECT_ERROR(corrupt, unwrap_json("snapshot", base::as_bytes(text)));
}

}  // namespace
}  // namespace repository
