// Seals and opens from the outside, for envelope_test.py: what the repository does with objects,
// done to files.
//
//   envelope_tool create KEY_FILE
//   envelope_tool seal KEYS CONTEXT... <plain >sealed          CONTEXT is NAME=VALUE
//   envelope_tool open KEYS CONTEXT... <sealed >plain          at least this context
//   envelope_tool range KEYS SEALED_FILE OFFSET COUNT >plain
//   envelope_tool speed                                        MB/s of one thread, and for a
//   message
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "base/time.h"
#include "cloud/kms_key_wrapper.h"
#include "cloud/transit_key_wrapper.h"
#include "crypto/data_key_cache.h"
#include "crypto/key_derivation.h"
#include "crypto/local_key_file.h"
#include "crypto/open.h"
#include "crypto/seal.h"

namespace {

using base::Bytes;
using base::ByteView;
using crypto::LocalKeyFile;

const crypto::HashKey& hash_key() {
  static const crypto::HashKey key =
      crypto::HashKey::from(Bytes(crypto::HashKey::size, std::byte{7}));
  return key;
}

crypto::EncryptionContext parse_context(std::span<char*> arguments) {
  crypto::EncryptionContext context;
  for (const std::string_view text : arguments) {
    const size_t at = text.find('=');
    if (at == std::string_view::npos) {
      throw base::error(base::ErrorKind::invalid, "'{}' is not NAME=VALUE", text);
    }
    context.emplace(text.substr(0, at), text.substr(at + 1));
  }
  return context;
}

std::unique_ptr<crypto::KeyWrapper> parse_key(const std::string& text) {
  const net::RetryLimits limits{.deadline = std::chrono::seconds(3)};
  const auto variable = [](const char* name) {
    return cloud::process_environment(name).value_or("");
  };
  if (text.starts_with("kms:")) {
    const cloud::Settings settings = cloud::Settings::load(cloud::process_environment, {});
    const auto http = std::make_shared<net::HttpClient>(
        net::HttpClient::Options{.ca_file = settings.ca_file(), .timeouts = {}});
    return cloud::make_kms_key_wrapper(
        text.substr(4), settings, cloud::default_credentials(cloud::process_environment, {}, http),
        http, limits);
  }
  if (text.starts_with("vault:")) {
    const size_t slash = text.rfind('/');
    cloud::TransitOptions options{.address = net::Url::parse(variable("VAULT_ADDR")),
                                  .vault_namespace = variable("VAULT_NAMESPACE"),
                                  .mount = text.substr(6, slash - 6),
                                  .key = text.substr(slash + 1),
                                  .token = [variable] {
                                    return cloud::vault_token(
                                        cloud::process_environment("VAULT_TOKEN"),
                                        variable("VAULT_TOKEN_FILE"));
                                  }};
    const auto http = std::make_shared<net::HttpClient>(
        net::HttpClient::Options{.ca_file = variable("VAULT_CACERT"), .timeouts = {}});
    return std::make_unique<cloud::TransitKeyWrapper>(std::move(options), http, limits);
  }
  return std::make_unique<LocalKeyFile>(LocalKeyFile::load(text));
}

std::unique_ptr<crypto::KeyWrapper> parse_keys(std::string_view text) {
  std::vector<std::unique_ptr<crypto::KeyWrapper>> wrappers;
  for (size_t at = 0; at <= text.size();) {
    const size_t plus = std::min(text.find('+', at), text.size());
    wrappers.push_back(parse_key(std::string(text.substr(at, plus - at))));
    at = plus + 1;
  }
  std::unique_ptr<crypto::KeyWrapper> keys = std::make_unique<crypto::AnyOf>(std::move(wrappers));
  const std::optional<std::string> folder = cloud::process_environment("ENVELOPE_CACHE");
  if (!folder) return keys;
  std::string why_not;
  std::optional<crypto::DataKeyFile> file = crypto::DataKeyFile::in(*folder, why_not);
  if (!file) throw base::Error(base::ErrorKind::invalid, why_not);
  return std::make_unique<crypto::DataKeyCache>(std::move(keys), base::system_clock(),
                                                crypto::DataKeyCache::Limits{}, std::move(file));
}

template <typename Use>
void read_stdin(const Use& use) {
  const base::File in(dup(STDIN_FILENO), "stdin");
  Bytes piece(100'003);  // not a multiple of anything
  while (const size_t got = in.read_some(piece)) use(ByteView(piece).first(got));
}

void seal(crypto::KeyWrapper& key, const crypto::EncryptionContext& context) {
  const base::File out(dup(STDOUT_FILENO), "stdout");
  Bytes message;
  crypto::KeyedDigest digest(hash_key());
  crypto::Sealer sealer(key.generate(context, {}), context,
                        [&](ByteView sealed) { base::append(message, sealed); });
  read_stdin([&](ByteView plain) {
    digest.update(plain);
    sealer.write(plain);
  });
  out.write_all(sealer.finish({.content = digest.finish()}));
  out.write_all(ByteView(message).subspan(crypto::envelope_header_bytes));
}

void open(crypto::KeyWrapper& key, const crypto::EncryptionContext& context) {
  const base::File out(dup(STDOUT_FILENO), "stdout");
  crypto::KeyedDigest digest(hash_key());
  crypto::Opener opener(key, context,
                        [&](ByteView plain) {
                          digest.update(plain);
                          out.write_all(plain);
                        },
                        {});
  read_stdin([&](ByteView sealed) { opener.write(sealed); });
  opener.finish();
  const std::optional<crypto::Label> label = crypto::find_label(*opener.header());
  if (label && label->content != digest.finish()) {
    throw base::error(base::ErrorKind::corrupt, "the label tells of another content");
  }
}

void range(crypto::KeyWrapper& key, const char* path, uint64_t offset, uint64_t count) {
  const base::File file = base::File::open(path, O_RDONLY);
  Bytes head(std::min<uint64_t>(file.size(), crypto::message_header_max));
  file.read_exactly_at(0, head);
  const std::optional<crypto::MessageHeader> header = crypto::parse_message_header(head);
  if (!header) throw base::error(base::ErrorKind::corrupt, "the header ends early");
  crypto::FrameOpener frames(crypto::open_header(*header, crypto::unwrap(key, *header, {})),
                             *header, file.size());
  const crypto::StoredRange where = frames.layout().stored_range(offset, count);
  Bytes stored(where.bytes);
  file.read_exactly_at(where.offset, stored);
  Bytes plain(count);
  frames.open(stored, offset, plain);
  base::File(dup(STDOUT_FILENO), "stdout").write_all(plain);
}

// Of this thread: what else the machine does is not counted.
class CpuWatch {
 public:
  double seconds() const { return now() - start_; }

 private:
  static double now() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
  }
  double start_ = now();
};

void speed() {
  const CpuWatch starting;
  crypto::AesGcm(crypto::AesGcm::Direction::seal, Bytes(32));
  Bytes derived(32);
  crypto::hkdf_sha512(derived, derived, {}, derived);
  std::printf("%-28s %8.0f us\n", "starting OpenSSL", starting.seconds() * 1e6);
  const base::TemporaryFolder folder;
  LocalKeyFile key = LocalKeyFile::create(folder.path() / "key", base::system_clock().now());
  const crypto::DataKey data_key = key.generate({}, {});
  const Bytes plain(16 * base::MiB, std::byte{0x5A});
  constexpr int rounds = 64;
  const auto report = [&](const char* what, double seconds, double bytes) {
    std::printf("%-28s %8.0f MB/s\n", what, bytes / seconds / 1e6);
  };
  const double all = static_cast<double>(plain.size()) * rounds;
  const CpuWatch sealing;
  for (int i = 0; i < rounds; ++i) {
    crypto::Sealer sealer(data_key, {}, [](ByteView) {});
    sealer.write(plain);
    sealer.finish({});
  }
  report("seal 16 MiB", sealing.seconds(), all);
  for (const uint32_t frame : {16u, 32u, 64u, 128u, 256u, 1024u}) {
    crypto::AesGcm cipher(crypto::AesGcm::Direction::seal, Bytes(32));
    Bytes out(frame * base::KiB + 16);
    const base::ByteSpan room(out);
    const uint64_t times = plain.size() * rounds / (frame * base::KiB);
    const CpuWatch watch;
    for (uint64_t i = 0; i < times; ++i) {
      crypto::GcmIv iv{};
      base::store(iv.data(), i);
      cipher.seal(iv, {}, ByteView(plain).first(frame * base::KiB), room.first(frame * base::KiB),
                  room.last<16>());
    }
    report(fmt::format("frames of {} KiB", frame).c_str(), watch.seconds(), all);
  }
  const Bytes message = crypto::seal(plain, data_key, {}, {});
  const crypto::MessageHeader header = *crypto::parse_message_header(message);
  crypto::FrameOpener frames(crypto::open_header(header, data_key.plain), header, message.size());
  Bytes out(plain.size());
  const CpuWatch opening;
  for (int i = 0; i < rounds; ++i) {
    frames.open(ByteView(message).subspan(crypto::envelope_header_bytes), 0, out);
  }
  report("open 16 MiB", opening.seconds(), all);
  constexpr int messages = 20'000;
  const CpuWatch small;
  for (int i = 0; i < messages; ++i) crypto::seal({}, data_key, {}, {});
  std::printf("%-28s %8.1f us\n", "an empty message", small.seconds() / messages * 1e6);
}

void run(std::span<char*> arguments) {
  const std::string_view verb = arguments.empty() ? "" : arguments[0];
  if (verb == "speed") return speed();
  if (arguments.size() < 2) throw base::error(base::ErrorKind::invalid, "see the source for usage");
  if (verb == "create") {
    const LocalKeyFile key = LocalKeyFile::create(arguments[1], base::system_clock().now());
    std::puts(key.id().c_str());
    return;
  }
  const std::unique_ptr<crypto::KeyWrapper> key = parse_keys(arguments[1]);
  if (verb == "seal") return seal(*key, parse_context(arguments.subspan(2)));
  if (verb == "open") return open(*key, parse_context(arguments.subspan(2)));
  if (verb == "range" && arguments.size() == 5) {
    return range(*key, arguments[2], std::stoull(arguments[3]), std::stoull(arguments[4]));
  }
  throw base::error(base::ErrorKind::invalid, "see the source for usage");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run({argv + 1, static_cast<size_t>(argc - 1)});
    return 0;
  } catch (const base::Error& failure) {
    std::fprintf(stderr, "%s: %s\n", std::string(base::name(failure.kind())).c_str(),
                 failure.what());
    return base::exit_code(failure.kind());
  }
}
