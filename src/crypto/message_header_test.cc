#include "crypto/message_header.h"

#include "crypto/testing.h"

namespace crypto {
namespace {

using base::Bytes;
using base::ByteView;

// A header that parses, to be spoilt.
MessageHeader good() {
  return {.context = {{"a", "1"}, {"b", "2"}},
          .keys = {{.provider = "p", .info = base::to_bytes("i"), .ciphertext = Bytes(3)}}};
}

std::optional<MessageHeader> parsed(const MessageHeader& header) {
  Bytes bytes = serialise_body(header);
  bytes.resize(bytes.size() + 16);
  return parse_message_header(bytes);
}

// The same with these bytes in place of its context.
std::optional<MessageHeader> with_context(ByteView context) {
  MessageHeader header = good();
  header.context = {};
  Bytes bytes = serialise_body(header);
  bytes.insert(bytes.begin() + 37, context.begin(), context.end());
  bytes[35] = static_cast<std::byte>(context.size() >> 8);
  bytes[36] = static_cast<std::byte>(context.size());
  bytes.resize(bytes.size() + 16);
  return parse_message_header(bytes);
}

TEST(MessageHeader, is_read_as_it_was_written) {
  const MessageHeader header = *parsed(good());
  EXPECT_EQ(header.context, good().context);
  EXPECT_EQ(header.keys, good().keys);
  EXPECT_EQ(header.frame_bytes, envelope_frame_bytes);
  EXPECT_EQ(header.body, serialise_body(good()));
}

TEST(MessageHeader, waits_for_more_until_it_is_whole) {
  Bytes bytes = serialise_body(good());
  bytes.resize(bytes.size() + 16);
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(parse_message_header(ByteView(bytes).first(size))) << size;
  EXPECT_TRUE(parse_message_header(bytes));
}

TEST(MessageHeader, takes_contexts_in_order_and_without_doubles_only) {
  const auto context = [](std::string_view text) { return base::to_bytes(text); };
  using namespace std::string_view_literals;
  EXPECT_TRUE(with_context({}));
  EXPECT_TRUE(with_context(context("\0\1\0\1a\0\1b"sv)));
  EXPECT_TRUE(with_context(context("\0\2\0\1a\0\0\0\1b\0\0"sv)));
  EXPECT_ERROR(corrupt, with_context(context("\0\2\0\1b\0\0\0\1a\0\0"sv)));  // order
  EXPECT_ERROR(corrupt, with_context(context("\0\2\0\1a\0\0\0\1a\0\0"sv)));  // twice
  EXPECT_ERROR(corrupt, with_context(context("\0\0"sv)));                    // of none
  EXPECT_ERROR(corrupt, with_context(context("\0\2\0\1a\0\0"sv)));           // too short
  EXPECT_ERROR(corrupt, with_context(context("\0\1\0\1a\0\0\0"sv)));         // too long
  EXPECT_ERROR(corrupt, with_context(context("\0"sv)));
  EXPECT_ERROR(corrupt, with_context(context("\0\1\0\xff"
                                             "a\0\0"sv)));
}

TEST(MessageHeader, leaves_names_of_aws_to_signed_messages) {
  MessageHeader header = good();
  header.context["aws-crypto-public-key"] = "x";
  EXPECT_ERROR(corrupt, parsed(header));
  header.suite = Suite::committing_and_signed;
  EXPECT_TRUE(parsed(header));
  header.context["aws-crypto-other"] = "x";
  EXPECT_ERROR(corrupt, parsed(header));
  header.context = {};
  EXPECT_ERROR(corrupt, parsed(header));
}

TEST(MessageHeader, refuses_other_formats_by_name) {
  const auto with = [](size_t at, uint8_t value) {
    Bytes bytes = serialise_body(good());
    bytes.resize(bytes.size() + 16);
    bytes[at] = std::byte{value};
    return parse_message_header(bytes);
  };
  EXPECT_EQ(testing::error_of([&] { with(0, 1); }).message(),
            "the message is of format 1, which does not commit to its key");
  EXPECT_ERROR(corrupt, with(0, 3));
  EXPECT_EQ(testing::error_of([&] { with(1, 1); }).message(),
            "the message is of the algorithm suite 0x0178");
  const size_t content_type = serialise_body(good()).size() - 37;
  EXPECT_EQ(testing::error_of([&] { with(content_type, 1); }).message(),
            "the message is not framed");
  EXPECT_ERROR(corrupt, with(content_type, 3));
  EXPECT_ERROR(invalid, with(content_type + 1, 4));  // frames of 64 MiB and more
  MessageHeader header = good();
  header.frame_bytes = 0;
  EXPECT_ERROR(corrupt, parsed(header));
  header.frame_bytes = frame_bytes_max;
  EXPECT_TRUE(parsed(header));
}

TEST(MessageHeader, is_bounded) {
  MessageHeader header = good();
  header.keys.resize(encrypted_data_keys_max, header.keys[0]);
  EXPECT_TRUE(parsed(header));
  const size_t count_at = 37 + serialise(header.context).size();
  Bytes bytes = serialise_body(header);
  bytes[count_at + 1] = std::byte{17};
  EXPECT_ERROR(corrupt, parse_message_header(bytes));
  bytes[count_at + 1] = std::byte{0};
  EXPECT_ERROR(corrupt, parse_message_header(bytes));
  for (EncryptedDataKey& key : header.keys) key.ciphertext.resize(60'000);
  EXPECT_ERROR(corrupt, parsed(header));
}

TEST(Label, fills_the_header_up_and_is_read_back) {
  for (const size_t ciphertext : {0, 1, 500}) {
    MessageHeader header = good();
    header.keys[0].ciphertext.resize(ciphertext);
    header.keys.push_back(label_entry(some_label(77), header, 1000));
    EXPECT_EQ(serialise_body(header).size(), 1000u);
    EXPECT_EQ(find_label(*parsed(header)), some_label(77));
  }
  EXPECT_EQ(find_label(good()), std::nullopt);
}

TEST(Label, is_refused_unless_it_is_as_format_1_says) {
  MessageHeader header = good();
  const EncryptedDataKey entry = label_entry(some_label(77), header, 1000);
  const auto with = [&](auto change) {
    MessageHeader changed = good();
    changed.keys.push_back(entry);
    change(changed.keys);
    return find_label(changed);
  };
  EXPECT_TRUE(with([](auto&) {}));
  EXPECT_ERROR(corrupt, with([](auto& keys) { keys.push_back(keys[1]); }));
  EXPECT_ERROR(corrupt, with([](auto& keys) { keys[1].ciphertext.back() = std::byte{1}; }));
  EXPECT_ERROR(corrupt, with([](auto& keys) { keys[1].ciphertext[44] = std::byte{1}; }));
  EXPECT_ERROR(corrupt, with([](auto& keys) { keys[1].ciphertext.resize(43); }));
  EXPECT_ERROR(corrupt, with([](auto& keys) { keys[1].info.clear(); }));
  EXPECT_ERROR(corrupt, with([](auto& keys) { keys[1].ciphertext[43] = std::byte{0}; }));
  EXPECT_ERROR(invalid, with([](auto& keys) { keys[1].ciphertext[43] = std::byte{2}; }));
}

TEST(Recipients, are_told_without_bytes_that_a_terminal_obeys) {
  EXPECT_EQ(describe_recipients({{.provider = "aws-kms", .info = base::to_bytes("arn:x")},
                                 {.provider = "seawall", .info = base::to_bytes("label")},
                                 {.provider = "a\x1b[2J", .info = base::to_bytes("b\nc")}}),
            "aws-kms arn:x, a b");
}

// RFC 5869 has no vectors for SHA-512: the inputs of its first one, computed with Python's hmac.
// The published message checks the rest.
TEST(Hkdf, agrees_with_another_implementation) {
  const Bytes secret(22, std::byte{0x0b});
  const Bytes salt = base::from_hex("000102030405060708090a0b0c");
  const Bytes info = base::from_hex("f0f1f2f3f4f5f6f7f8f9");
  Bytes out(42);
  hkdf_sha512(salt, secret, info, out);
  EXPECT_EQ(base::to_hex(out),
            "832390086cda71fb47625bb5ceb168e4c8e26a1a16ed34d9fc7fe92c1481579338da362cb8d9f925d7cb");
}

}  // namespace
}  // namespace crypto
