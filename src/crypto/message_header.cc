#include "crypto/message_header.h"

#include <algorithm>

#include "base/error.h"
#include "crypto/big_endian.h"

namespace crypto {

using base::ByteView;
using base::ErrorKind;

namespace {
constexpr size_t field_max = 65'535;
constexpr std::string_view label_info = "label";
constexpr size_t label_bytes = 60;  // without the zeros behind it
constexpr std::string_view reserved_prefix = "aws-crypto-";
constexpr std::string_view public_key_name = "aws-crypto-public-key";
constexpr std::byte framed{2};
constexpr size_t behind_keys = 1 + 4 + 32;  // content type, frame length, commitment

template <typename Field>
void append_field(base::Bytes& out, const Field& field) {
  CHECK(field.size() <= field_max);
  append_big(out, static_cast<uint16_t>(field.size()));
  if constexpr (std::is_same_v<Field, base::Bytes>) {
    base::append(out, ByteView(field));
  } else {
    base::append(out, base::as_bytes(field));
  }
}

base::Error corrupt(std::string why) { return {ErrorKind::corrupt, std::move(why)}; }

base::Error not_ours(std::string why) {
  return {ErrorKind::invalid, std::move(why), "the AWS Encryption SDK itself may open it"};
}

// The stream ended before the header did.
struct EndsEarly {};

// Reads fields one after the other.
class Cursor {
 public:
  explicit Cursor(ByteView bytes) : bytes_(bytes) {}
  ByteView take(size_t count) {
    if (count > bytes_.size() - at_) throw EndsEarly();
    at_ += count;
    return bytes_.subspan(at_ - count, count);
  }
  template <typename T>
  T number() {
    return load_big<T>(take(sizeof(T)).data());
  }
  ByteView field() { return take(number<uint16_t>()); }
  std::string text() { return std::string(base::as_text(field())); }
  template <size_t N>
  void array(std::array<std::byte, N>& out) {
    std::ranges::copy(take(N), out.begin());
  }
  size_t at() const { return at_; }

 private:
  ByteView bytes_;
  size_t at_ = 0;
};

EncryptionContext parse_context(ByteView bytes) {
  EncryptionContext context;
  if (bytes.empty()) return context;
  try {
    Cursor cursor(bytes);
    const uint16_t count = cursor.number<uint16_t>();
    if (count == 0) throw corrupt("the message's encryption context is empty and has a size");
    for (uint16_t i = 0; i < count; ++i) {
      std::string name = cursor.text();
      std::string value = cursor.text();
      if (!context.empty() && name <= context.rbegin()->first) {
        throw corrupt("the message's encryption context is not in order, or has a name twice");
      }
      context.emplace_hint(context.end(), std::move(name), std::move(value));
    }
    if (cursor.at() != bytes.size()) throw corrupt("the message's encryption context has a tail");
  } catch (const EndsEarly&) {  // its size is known: this is not a stream that may go on
    throw corrupt("the message's encryption context ends within a name or value");
  }
  return context;
}

void require_public_key_where_signed(const MessageHeader& header) {
  for (const auto& [name, value] : header.context) {
    if (!name.starts_with(reserved_prefix)) continue;
    if (name != public_key_name || header.suite != Suite::committing_and_signed) {
      throw corrupt(
          "the message's encryption context has a name of AWS's own that does not belong there");
    }
  }
  if (header.suite == Suite::committing_and_signed &&
      !header.context.contains(std::string(public_key_name))) {
    throw corrupt("the message is signed, and says by no key");
  }
}

void parse_keys(Cursor& cursor, std::vector<EncryptedDataKey>& keys) {
  const uint16_t count = cursor.number<uint16_t>();
  if (count == 0) throw corrupt("the message has no data key");
  if (count > encrypted_data_keys_max) {
    throw corrupt(
        fmt::format("the message has {} data keys, above {}", count, encrypted_data_keys_max));
  }
  for (uint16_t i = 0; i < count; ++i) {
    EncryptedDataKey key;
    key.provider = cursor.text();
    const ByteView info = cursor.field();
    key.info.assign(info.begin(), info.end());
    const ByteView ciphertext = cursor.field();
    key.ciphertext.assign(ciphertext.begin(), ciphertext.end());
    keys.push_back(std::move(key));
  }
}

MessageHeader parse(ByteView bytes) {
  Cursor cursor(bytes);
  const uint8_t version = cursor.number<uint8_t>();
  if (version == 1) {
    throw not_ours("the message is of format 1, which does not commit to its key");
  }
  if (version != 2) throw corrupt("the bytes do not begin as a sealed message does");
  const uint16_t suite = cursor.number<uint16_t>();
  MessageHeader header{.suite = static_cast<Suite>(suite)};
  if (header.suite != Suite::committing && header.suite != Suite::committing_and_signed) {
    throw not_ours(fmt::format("the message is of the algorithm suite {:#06x}", suite));
  }
  cursor.array(header.id);
  header.context = parse_context(cursor.field());
  require_public_key_where_signed(header);
  parse_keys(cursor, header.keys);
  const std::byte content_type = cursor.take(1)[0];
  if (content_type == std::byte{1}) throw not_ours("the message is not framed");
  if (content_type != framed) throw corrupt("the message's content is of no known type");
  header.frame_bytes = cursor.number<uint32_t>();
  if (header.frame_bytes == 0) throw corrupt("the message has frames of no size");
  if (header.frame_bytes > frame_bytes_max) {
    throw not_ours(fmt::format("the message has frames of {}, above {}",
                               base::human_bytes(header.frame_bytes),
                               base::human_bytes(frame_bytes_max)));
  }
  cursor.array(header.commitment);
  const ByteView body = bytes.first(cursor.at());
  cursor.array(header.tag);
  header.body.assign(body.begin(), body.end());
  return header;
}
}  // namespace

base::Bytes serialise(const EncryptionContext& context) {
  base::Bytes out;
  if (context.empty()) return out;
  append_big(out, static_cast<uint16_t>(context.size()));
  for (const auto& [name, value] : context) {
    append_field(out, name);
    append_field(out, value);
  }
  return out;
}

void require_usable(const EncryptionContext& context) {
  size_t bytes = 2;
  for (const auto& [name, value] : context) {
    bytes += 4 + name.size() + value.size();
    if (name.empty()) throw base::error(ErrorKind::invalid, "an encryption context has no name");
    if (name.starts_with(reserved_prefix)) {
      throw base::error(ErrorKind::invalid, "'{}' in an encryption context is AWS's own", name);
    }
  }
  if (bytes > field_max) {
    throw base::error(ErrorKind::invalid, "the encryption context has {} bytes, above {}", bytes,
                      field_max);
  }
}

base::Bytes serialise_body(const MessageHeader& header) {
  CHECK(!header.keys.empty() && header.keys.size() <= encrypted_data_keys_max);
  base::Bytes out;
  out.reserve(envelope_header_bytes);
  append_big(out, uint8_t{2});
  append_big(out, static_cast<uint16_t>(header.suite));
  base::append(out, ByteView(header.id));
  append_field(out, serialise(header.context));
  append_big(out, static_cast<uint16_t>(header.keys.size()));
  for (const EncryptedDataKey& key : header.keys) {
    append_field(out, key.provider);
    append_field(out, key.info);
    append_field(out, key.ciphertext);
  }
  out.push_back(framed);
  append_big(out, header.frame_bytes);
  base::append(out, ByteView(header.commitment));
  return out;
}

std::optional<MessageHeader> parse_message_header(ByteView bytes) {
  try {
    return parse(bytes.first(std::min(bytes.size(), message_header_max)));
  } catch (const EndsEarly&) {
    if (bytes.size() >= message_header_max) {
      throw corrupt(
          fmt::format("the message's header is above {}", base::human_bytes(message_header_max)));
    }
    return std::nullopt;
  }
}

std::optional<Label> find_label(const MessageHeader& header) {
  const auto is_label = [](const EncryptedDataKey& key) { return key.provider == label_provider; };
  const auto at = std::ranges::find_if(header.keys, is_label);
  if (at == header.keys.end()) return std::nullopt;
  if (std::any_of(at + 1, header.keys.end(), is_label)) throw corrupt("the message has two labels");
  const base::Bytes& bytes = at->ciphertext;
  if (base::as_text(at->info) != label_info || bytes.size() < label_bytes) {
    throw corrupt("the message's label is not as it should be");
  }
  const uint32_t format = load_big<uint32_t>(bytes.data() + 56);
  if (format > envelope_format) {
    throw base::Error(
        ErrorKind::invalid,
        fmt::format("the envelope is of format {}, written by a newer seawall", format),
        "use that version or a later one");
  }
  if (format == 0 || std::any_of(bytes.begin() + label_bytes, bytes.end(),
                                 [](std::byte byte) { return byte != std::byte{0}; })) {
    throw corrupt("the message's label is not as it should be");
  }
  Label label;
  std::copy_n(bytes.begin(), 16, label.content.bytes.begin());
  std::copy_n(bytes.begin() + 16, 16, label.name.bytes.begin());
  std::copy_n(bytes.begin() + 32, 16, label.nonce.begin());
  label.plain_bytes = load_big<uint64_t>(bytes.data() + 48);
  return label;
}

EncryptedDataKey label_entry(const Label& label, const MessageHeader& header, size_t body_bytes) {
  // All that is not this entry's ciphertext.
  size_t taken = 1 + 2 + 32 + 2 + serialise(header.context).size() + 2 + behind_keys;
  for (const EncryptedDataKey& key : header.keys)
    taken += 6 + key.provider.size() + key.info.size() + key.ciphertext.size();
  taken += 6 + label_provider.size() + label_info.size();
  if (taken + label_bytes > body_bytes || header.keys.size() >= encrypted_data_keys_max) {
    throw base::Error(
        ErrorKind::invalid,
        fmt::format("{} wrapped data keys and their context do not fit into a header of {} bytes",
                    header.keys.size(), body_bytes),
        "name fewer keys in the policy");
  }
  EncryptedDataKey entry{.provider = std::string(label_provider),
                         .info = base::to_bytes(label_info),
                         .ciphertext = base::Bytes(body_bytes - taken)};
  std::ranges::copy(label.content.bytes, entry.ciphertext.begin());
  std::ranges::copy(label.name.bytes, entry.ciphertext.begin() + 16);
  std::ranges::copy(label.nonce, entry.ciphertext.begin() + 32);
  store_big(entry.ciphertext.data() + 48, label.plain_bytes);
  store_big(entry.ciphertext.data() + 56, envelope_format);
  return entry;
}

void require_context(const MessageHeader& header, const EncryptionContext& expected) {
  for (const auto& [name, value] : expected) {
    const auto at = header.context.find(name);
    if (at == header.context.end()) {
      throw corrupt(
          fmt::format("the message was sealed without a {}, where '{}' is expected", name, value));
    }
    if (at->second != value) {
      throw corrupt(
          fmt::format("the message was sealed for {} '{}', not '{}'", name, at->second, value));
    }
  }
}

std::string describe_recipients(const std::vector<EncryptedDataKey>& keys) {
  std::string text;
  for (const EncryptedDataKey& key : keys) {
    if (key.provider == label_provider) continue;
    if (!text.empty()) text += ", ";
    // What others wrote goes to a terminal: printable characters only, and not many.
    for (const ByteView part : {base::as_bytes(key.provider), ByteView(key.info)}) {
      for (const std::byte byte : part.first(std::min<size_t>(part.size(), 128))) {
        const char c = static_cast<char>(byte);
        if (c < ' ' || c > '~') break;
        text.push_back(c);
      }
      text.push_back(' ');
    }
    text.pop_back();
  }
  return text;
}

}  // namespace crypto
