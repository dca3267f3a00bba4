// What every ObjectStore must do. A store's test names a Place: a type that makes an empty store
// when it is made, gives it by store(), and takes it away when it goes; then
//
//   INSTANTIATE_TYPED_TEST_SUITE_P(Name, ObjectStoreContract, PlaceOfTheStore);
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "storage/object_store.h"
#include "testing/dice.h"
#include "testing/errors.h"

namespace testing {

template <typename Place>
class ObjectStoreContract : public Test {
 protected:
  using ObjectKey = storage::ObjectKey;
  using PutOutcome = storage::PutOutcome;

  storage::ObjectStore& store() { return place_.store(); }
  PutOutcome put(const std::string& key, base::ByteView body) {
    return store().put_if_absent(ObjectKey(key), body, {});
  }
  PutOutcome put(const std::string& key, std::string_view text) {
    return put(key, base::as_bytes(text));
  }
  base::Bytes get(const std::string& key) {
    return storage::read_all(store(), ObjectKey(key), base::GiB, {});
  }
  std::string text(const std::string& key) { return std::string(base::as_text(get(key))); }
  std::vector<std::string> keys(const std::string& prefix) {
    std::vector<std::string> all;
    for (const storage::ObjectInfo& info : storage::list_all(store(), prefix, {}))
      all.push_back(info.key.text());
    return all;
  }

  Place place_;
  Dice dice_;
};

TYPED_TEST_SUITE_P(ObjectStoreContract);

TYPED_TEST_P(ObjectStoreContract, gives_back_what_was_put_at_every_odd_size) {
  using base::KiB, base::MiB;
  for (const uint64_t size : {uint64_t{0}, uint64_t{1}, 4 * KiB - 1, 4 * KiB, 4 * KiB + 1, MiB - 1,
                              MiB, MiB + 1, 5 * MiB}) {
    const std::string key = "sizes/" + std::to_string(size);
    const base::Bytes body = this->dice_.noise(size);
    EXPECT_EQ(this->put(key, body), storage::PutOutcome::stored);
    EXPECT_EQ(this->store().stat(storage::ObjectKey(key), {})->size, size);
    EXPECT_TRUE(this->get(key) == body) << size;
  }
}

TYPED_TEST_P(ObjectStoreContract, knows_nothing_of_what_was_never_put) {
  const storage::ObjectKey key("a/b");
  base::Bytes out(1);
  EXPECT_FALSE(this->store().stat(key, {}));
  EXPECT_ERROR(absent, this->store().read(key, 0, out, {}));
  EXPECT_TRUE(this->keys("").empty());
}

TYPED_TEST_P(ObjectStoreContract, does_not_take_a_folder_for_an_object) {
  this->put("a/b/c", "x");
  base::Bytes out(1);
  EXPECT_FALSE(this->store().stat(storage::ObjectKey("a/b"), {}));
  EXPECT_ERROR(absent, this->store().read(storage::ObjectKey("a/b"), 0, out, {}));
  EXPECT_FALSE(this->store().stat(storage::ObjectKey("a/b/c/d"), {}));
  EXPECT_ERROR(absent, this->store().read(storage::ObjectKey("a/b/c/d"), 0, out, {}));
}

TYPED_TEST_P(ObjectStoreContract, dates_an_object_by_its_own_clock) {
  const base::Instant before = this->store().now({});
  this->put("dated", "x");
  const base::Instant stored = this->store().stat(storage::ObjectKey("dated"), {})->modified;
  EXPECT_LE(before - std::chrono::seconds(2), stored);  // stores keep whole seconds, some of them
  EXPECT_GE(this->store().now({}) + std::chrono::seconds(2), stored);
}

TYPED_TEST_P(ObjectStoreContract, reads_any_range_and_refuses_one_beyond_the_end) {
  const base::Bytes body = this->dice_.noise(100'000);
  this->put("ranged", body);
  const storage::ObjectKey key("ranged");
  for (int i = 0; i < 50; ++i) {
    const uint64_t offset = this->dice_.below(body.size());
    base::Bytes out(this->dice_.between(0, body.size() - offset));
    this->store().read(key, offset, out, {});
    EXPECT_TRUE(std::ranges::equal(out, base::ByteView(body).subspan(offset, out.size())));
  }
  base::Bytes out(10);
  EXPECT_ERROR(corrupt, this->store().read(key, body.size() - 9, out, {}));
  EXPECT_ERROR(corrupt, this->store().read(key, body.size() + 1, out, {}));
}

TYPED_TEST_P(ObjectStoreContract, leaves_an_object_alone_that_is_there) {
  EXPECT_EQ(this->put("once", "first"), storage::PutOutcome::stored);
  EXPECT_EQ(this->put("once", "second, and longer"), storage::PutOutcome::already_there);
  EXPECT_EQ(this->text("once"), "first");
  const auto writer = this->store().begin_write(storage::ObjectKey("once"), {}, {});
  writer->write(base::as_bytes("third"));
  EXPECT_EQ(writer->commit({}), storage::PutOutcome::already_there);
  EXPECT_EQ(this->text("once"), "first");
}

TYPED_TEST_P(ObjectStoreContract, joins_the_pieces_of_a_streamed_body) {
  base::Bytes body;
  const auto writer =
      this->store().begin_write(storage::ObjectKey("streamed"), {.expected_bytes = 3}, {});
  while (body.size() < 6 * base::MiB) {
    const base::Bytes piece = this->dice_.noise(this->dice_.below(700'000));
    writer->write(piece);
    base::append(body, piece);
  }
  EXPECT_FALSE(this->store().stat(storage::ObjectKey("streamed"), {})) << "before its commit";
  EXPECT_TRUE(this->keys("").empty());
  EXPECT_EQ(writer->commit({}), storage::PutOutcome::stored);
  EXPECT_TRUE(this->get("streamed") == body);
}

TYPED_TEST_P(ObjectStoreContract, replaces_the_head_at_commit) {
  for (const uint64_t size : {uint64_t{16}, uint64_t{17}, 5 * base::MiB + 3, 12 * base::MiB}) {
    const std::string key = "head/" + std::to_string(size);
    base::Bytes body = this->dice_.noise(size);
    const auto writer = this->store().begin_write(storage::ObjectKey(key), {.head_bytes = 16}, {});
    writer->write(base::ByteView(body).first(16));
    writer->write(base::ByteView(body).subspan(16));
    const base::Bytes head = this->dice_.noise(16);
    EXPECT_EQ(writer->commit(head), storage::PutOutcome::stored);
    std::ranges::copy(head, body.begin());
    EXPECT_TRUE(this->get(key) == body) << size;
  }
}

TYPED_TEST_P(ObjectStoreContract, stores_a_body_of_nothing) {
  const auto writer = this->store().begin_write(storage::ObjectKey("nothing"), {}, {});
  EXPECT_EQ(writer->commit({}), storage::PutOutcome::stored);
  EXPECT_EQ(this->store().stat(storage::ObjectKey("nothing"), {})->size, 0u);
}

TYPED_TEST_P(ObjectStoreContract, keeps_nothing_of_an_abandoned_writer) {
  {
    const auto writer = this->store().begin_write(storage::ObjectKey("left/half"), {}, {});
    writer->write(this->dice_.noise(3 * base::MiB + 1));
  }
  EXPECT_FALSE(this->store().stat(storage::ObjectKey("left/half"), {}));
  EXPECT_TRUE(this->keys("").empty());
  EXPECT_EQ(this->put("left/half", "whole"), storage::PutOutcome::stored);
}

TYPED_TEST_P(ObjectStoreContract, lists_in_bytewise_order_of_whole_keys) {
  const std::vector<std::string> sorted = {"a",     "a-b",   "a.b/c", "a.d",     "a/b.c", "a/b/c",
                                           "a/b/d", "a/b0",  "a0/b",  "aB",      "a_b",   "ab",
                                           "b/0/1", "b/0.1", "b0/x",  "b=1/x.y", "c"};
  std::vector<std::string> expected = sorted;
  std::ranges::sort(expected);
  // No key is another's folder: a file store could not hold both.
  std::erase_if(expected, [](const std::string& key) { return key == "a"; });
  for (const std::string& key : sorted) {
    if (key != "a") this->put(key, key);
  }
  EXPECT_EQ(this->keys(""), expected);
  for (const std::string prefix : {"a", "a/", "a/b", "a/b/", "a.", "b/0", "b", "c", "d", "a/b/c"}) {
    std::vector<std::string> matching = expected;
    std::erase_if(matching, [&](const std::string& key) { return !key.starts_with(prefix); });
    EXPECT_EQ(this->keys(prefix), matching) << prefix;
  }
}

TYPED_TEST_P(ObjectStoreContract, ends_a_listing_when_the_visitor_says_so) {
  for (const char* key : {"a/1", "a/2", "b/1", "c"}) this->put(key, key);
  std::vector<std::string> seen;
  this->store().list("",
                     [&](const storage::ObjectInfo& info) {
                       seen.push_back(info.key.text());
                       EXPECT_EQ(info.size, info.key.text().size());
                       return seen.size() < 2;
                     },
                     {});
  EXPECT_EQ(seen, (std::vector<std::string>{"a/1", "a/2"}));
}

TYPED_TEST_P(ObjectStoreContract, stores_exactly_one_of_many_bodies_put_at_once) {
  constexpr int threads_count = 8;
  for (int round = 0; round < 10; ++round) {
    const std::string key = "race/" + std::to_string(round);
    std::atomic<int> stored{0};
    std::atomic<int> winner{-1};
    std::atomic<int> ready{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < threads_count; ++i) {
      threads.emplace_back([&, i] {
        const base::Bytes body(5000, static_cast<std::byte>(i));
        ++ready;
        while (ready < threads_count) std::this_thread::yield();
        if (this->put(key, body) == storage::PutOutcome::stored) {
          ++stored;
          winner = i;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(stored, 1);
    EXPECT_TRUE(this->get(key) == base::Bytes(5000, static_cast<std::byte>(winner.load())));
  }
}

TYPED_TEST_P(ObjectStoreContract, removes_one_object_and_minds_none_that_is_absent) {
  this->put("x/1", "one");
  this->put("x/2", "two");
  for (const char* key : {"x/1", "x/1", "x", "x/2/3", "never/was"})
    this->store().remove(storage::ObjectKey(key), {});
  EXPECT_EQ(this->keys(""), (std::vector<std::string>{"x/2"}));
  EXPECT_EQ(this->put("x/1", "again"), storage::PutOutcome::stored);
  EXPECT_EQ(this->text("x/1"), "again");
}

TYPED_TEST_P(ObjectStoreContract, takes_objects_again_where_all_were_removed) {
  this->put("deep/er/x", "one");
  this->store().remove(storage::ObjectKey("deep/er/x"), {});
  EXPECT_TRUE(this->keys("").empty());
  EXPECT_EQ(this->put("deep/er/x", "two"), storage::PutOutcome::stored);
  EXPECT_EQ(this->text("deep/er/x"), "two");
}

TYPED_TEST_P(ObjectStoreContract, ends_as_cancelled_when_asked_to_stop) {
  this->put("there", "x");
  std::stop_source stopped;
  stopped.request_stop();
  const std::stop_token stop = stopped.get_token();
  const storage::ObjectKey key("there");
  const storage::ObjectKey other("other");
  base::Bytes out(1);
  EXPECT_ERROR(cancelled, this->store().put_if_absent(other, {}, stop));
  EXPECT_ERROR(cancelled, this->store().stat(key, stop));
  EXPECT_ERROR(cancelled, this->store().read(key, 0, out, stop));
  EXPECT_ERROR(cancelled, this->store().remove(key, stop));
  EXPECT_ERROR(cancelled, storage::list_all(this->store(), "", stop));
  EXPECT_ERROR(cancelled, [&] {
    const auto writer = this->store().begin_write(other, {}, stop);
    writer->write(out);
    writer->commit({});
  }());
  EXPECT_EQ(this->keys(""), (std::vector<std::string>{"there"}));
}

REGISTER_TYPED_TEST_SUITE_P(
    ObjectStoreContract, gives_back_what_was_put_at_every_odd_size,
    knows_nothing_of_what_was_never_put, does_not_take_a_folder_for_an_object,
    dates_an_object_by_its_own_clock, reads_any_range_and_refuses_one_beyond_the_end,
    leaves_an_object_alone_that_is_there, joins_the_pieces_of_a_streamed_body,
    replaces_the_head_at_commit, stores_a_body_of_nothing, keeps_nothing_of_an_abandoned_writer,
    lists_in_bytewise_order_of_whole_keys, ends_a_listing_when_the_visitor_says_so,
    stores_exactly_one_of_many_bodies_put_at_once, removes_one_object_and_minds_none_that_is_absent,
    takes_objects_again_where_all_were_removed, ends_as_cancelled_when_asked_to_stop);

}  // namespace testing
