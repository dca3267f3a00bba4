#include "storage/object_store.h"

#include "testing/errors.h"
#include "testing/memory_store.h"

namespace storage {
namespace {

TEST(ObjectKey, is_parts_of_plain_characters) {
  for (const char* text : {"a", "a/b", "wal/0001/00000001/x.d/0-1.zst", "A=1/b_c.D-e", "0"}) {
    EXPECT_EQ(ObjectKey(text).text(), text);
  }
  EXPECT_EQ(ObjectKey(std::string(512, 'x')).text().size(), 512u);
}

TEST(ObjectKey, refuses_all_that_a_store_could_take_amiss) {
  for (const char* text :
       {"",   "/",    "/a",  "a/",   "a//b", ".",    "..",       "a/..", "../a", "a/./b",
        ".a", "a/.b", "a b", "a\\b", "a%b",  "a\nb", "\xC3\xA4", "a:b",  "a+b",  "a*"}) {
    EXPECT_ERROR(invalid, ObjectKey(text)) << text;
  }
  EXPECT_ERROR(invalid, ObjectKey(std::string("a\0b", 3)));
  EXPECT_ERROR(invalid, ObjectKey(std::string(513, 'x')));
}

TEST(ReadAll, refuses_an_object_longer_than_it_may_be) {
  testing::MemoryStore store;
  const ObjectKey key("x");
  store.put_if_absent(key, base::Bytes(100), {});
  EXPECT_EQ(read_all(store, key, 100, {}).size(), 100u);
  EXPECT_ERROR(corrupt, read_all(store, key, 99, {}));
  EXPECT_ERROR(absent, read_all(store, ObjectKey("y"), 99, {}));
  EXPECT_FALSE(store.get(ObjectKey("y"), 99, {}));
}

}  // namespace
}  // namespace storage
