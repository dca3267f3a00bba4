// seawall-wal: the program that PostgreSQL starts for each segment, as small as it can be. It takes
// the command lines of `seawall wal push` and `seawall wal get`, and does what needs nothing but
// the daemon's socket (docs/formats/push_socket.md) or the folder that segments were fetched ahead
// to. For all else, and at every doubt, it becomes the seawall that stands beside it.
//
// Linked statically and without a room of ours: to load what those need takes longer than to do
// what is done here.
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define OPENSSL_SUPPRESS_DEPRECATED  // the digest without the machinery that chooses among digests
#include <openssl/sha.h>

#include <array>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Json = nlohmann::json;

constexpr size_t file_bytes_max = 1 << 20;
constexpr size_t line_bytes_max = 16 << 10;
constexpr int protocol_version = 1;
constexpr int taken_within_seconds = 2;
constexpr int done_within_seconds = 90;
constexpr const char* usual_socket = "/run/seawall/push.sock";
constexpr size_t segment_name_size = 24;
constexpr unsigned spooled_enough = 8;  // more than half of what is fetched ahead
constexpr int patience_tries = 10'000;
constexpr int between_tries_us = 500;
constexpr int cannot_start = 126;  // for restore_command too: above 125, so recovery stops

// What the command line says, if it is one of ours.
struct Order {
  std::string policy;
  std::string plan;
  std::vector<std::string> words;
};

std::optional<Order> parse(int argc, char** argv) {
  Order order;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const bool has_value = word == "--policy" || word == "--plan";
    if (has_value && i + 1 < argc) {
      (word == "--policy" ? order.policy : order.plan) = argv[++i];
    } else if (word == "-q" || word == "--quiet") {
      continue;  // we say nothing but what is wrong
    } else if (word.starts_with('-')) {
      return std::nullopt;
    } else {
      order.words.emplace_back(word);
    }
  }
  return order;
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }
  bool ok() const { return number_ >= 0; }

 private:
  int number_;
};

std::optional<std::string> read_file(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!file.ok() || fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode))
    return std::nullopt;
  if (static_cast<size_t>(status.st_size) > file_bytes_max) return std::nullopt;
  std::string text(static_cast<size_t>(status.st_size), '\0');
  const ssize_t got = pread(file.number(), text.data(), text.size(), 0);
  if (got != static_cast<ssize_t>(text.size())) return std::nullopt;
  return text;
}

std::string variable(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): no thread is here
  return value == nullptr ? "" : value;
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

bool is_there(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

// ---- push

std::string find_policy(const Order& order) {
  if (!order.policy.empty()) return order.policy;
  if (std::string named = variable("SEAWALL_POLICY"); !named.empty()) return named;
  for (const char* usual : {"seawall.yaml", "/etc/seawall/seawall.yaml"})
    if (is_there(usual)) return usual;
  return "";
}

// Of the policy's environment file: empty where there is none.
std::optional<std::string> environment_text(const std::string& policy) {
  if (const std::string named = variable("SEAWALL_ENV_FILE"); !named.empty())
    return read_file(named);
  const std::string usual = folder_of(policy) + "env";
  struct stat status {};
  if (stat(usual.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return "";
  return read_file(usual);
}

// What stands behind "socket:" in the policy. Should that be another socket, or a comment, nobody
// answers there, or he declines.
std::string socket_in(const std::string& policy_text) {
  constexpr std::string_view key = "socket:";
  const size_t at = policy_text.find(key);
  if (at == std::string::npos) return usual_socket;
  size_t begin = policy_text.find_first_not_of(" \"'", at + key.size());
  if (begin == std::string::npos) return usual_socket;
  const size_t end = policy_text.find_first_of(" \"',}\r\n", begin);
  return policy_text.substr(begin, end == std::string::npos ? end : end - begin);
}

std::string digest(const std::string& policy_text, const std::string& environment) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> bytes{};
  SHA256_CTX sha;
  SHA256_Init(&sha);
  SHA256_Update(&sha, policy_text.c_str(), policy_text.size() + 1);
  SHA256_Update(&sha, environment.data(), environment.size());
  SHA256_Final(bytes.data(), &sha);
  std::string hex;
  for (const unsigned char byte : bytes) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

class Daemon {
 public:
  explicit Daemon(const std::string& name)
      : socket_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (!socket_.ok() || name.size() >= sizeof address.sun_path) return;
    name.copy(address.sun_path, name.size());
    set_patience(taken_within_seconds);
    connected_ =
        connect(socket_.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

  bool connected() const { return connected_; }

  void set_patience(int seconds) {
    const timeval patience{.tv_sec = seconds, .tv_usec = 0};
    setsockopt(socket_.number(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(socket_.number(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }

  bool send_line(std::string line) {
    line += '\n';
    const ssize_t sent = send(socket_.number(), line.data(), line.size(), MSG_NOSIGNAL);
    return sent == static_cast<ssize_t>(line.size());
  }

  // The next line as an object; nothing when none comes in time, or it is none.
  std::optional<Json> answer() {
    for (;;) {
      if (const size_t end = read_.find('\n'); end != std::string::npos) {
        Json json = Json::parse(read_.substr(0, end), nullptr, false);
        read_.erase(0, end + 1);
        return json.is_object() ? std::optional(std::move(json)) : std::nullopt;
      }
      std::array<char, 4096> piece{};
      const ssize_t got = recv(socket_.number(), piece.data(), piece.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0 || read_.size() > line_bytes_max) return std::nullopt;
      read_.append(piece.data(), static_cast<size_t>(got));
    }
  }

 private:
  Descriptor socket_;
  bool connected_ = false;
  std::string read_;
};

std::string text_of(const Json& json, const char* name) {
  const auto at = json.find(name);
  return at != json.end() && at->is_string() ? at->get<std::string>() : "";
}

// The exit code of what the daemon says of the file or the store: nobody else would fare better.
std::optional<int> final_code(const std::string& kind) {
  if (kind == "invalid") return 2;
  if (kind == "conflict") return 5;
  if (kind == "unavailable") return 6;
  if (kind == "full") return 8;
  return std::nullopt;
}

// The exit code, once the daemon has done it.
std::optional<int> push(const Order& order) {
  const std::string policy = find_policy(order);
  const std::optional<std::string> text = read_file(policy);
  if (!text) return std::nullopt;
  const std::optional<std::string> environment = environment_text(policy);
  std::array<char, PATH_MAX> canonical{};
  std::array<char, PATH_MAX> here{};
  if (!environment || realpath(policy.c_str(), canonical.data()) == nullptr ||
      getcwd(here.data(), here.size()) == nullptr)
    return std::nullopt;
  const std::string& file = order.words[2];
  const Json request = {{"seawall", "push"},
                        {"version", protocol_version},
                        {"policy", canonical.data()},
                        {"digest", digest(*text, *environment)},
                        {"file", file.starts_with('/') ? file : here.data() + ("/" + file)}};
  Daemon daemon(socket_in(*text));
  if (!daemon.connected() ||
      !daemon.send_line(request.dump(-1, ' ', false, Json::error_handler_t::replace)))
    return std::nullopt;
  const std::optional<Json> taken = daemon.answer();
  if (!taken || taken->value("version", Json()) != Json(protocol_version) ||
      taken->value("taken", Json()) != Json(true))
    return std::nullopt;
  daemon.set_patience(done_within_seconds);
  const std::optional<Json> result = daemon.answer();
  if (!result) return std::nullopt;
  if (text_of(*result, "outcome") == "stored") return 0;
  const std::optional<int> code = final_code(text_of(*result, "kind"));
  if (!code || text_of(*result, "outcome") != "failed") return std::nullopt;
  const std::string hint = text_of(*result, "hint");
  std::fprintf(stderr, "seawall: error: %s%s%s\n", text_of(*result, "message").c_str(),
               hint.empty() ? "" : "; ", hint.c_str());
  return code;
}

// ---- get

unsigned spooled(const std::string& spool) {
  unsigned count = 0;
  if (DIR* const folder = opendir(spool.c_str())) {
    while (const dirent* entry = readdir(folder)) {  // NOLINT(concurrency-mt-unsafe)
      if (std::string_view(entry->d_name).size() == segment_name_size) ++count;
    }
    closedir(folder);
  }
  return count;
}

// Whether one is at work that fetches ahead: it holds this lock while it lives.
bool is_fetched_ahead(const std::string& spool) {
  const Descriptor lock(open((spool + "/lock").c_str(), O_RDWR | O_CLOEXEC));
  return lock.ok() && flock(lock.number(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

// Whether the segment lay there, or came while we waited for who was fetching it just then: that is
// sooner than to fetch it a second time.
bool take(const std::string& spool, const std::string& name, const std::string& to) {
  const std::string from = spool + "/" + name;
  const std::string under_way = from + ".seawall";
  for (int tries = 0; rename(from.c_str(), to.c_str()) != 0; ++tries) {
    const bool comes = tries < patience_tries && is_there(under_way) && is_fetched_ahead(spool);
    if (!comes) return rename(from.c_str(), to.c_str()) == 0;
    usleep(between_tries_us);
  }
  return true;
}

// 0 when the segment lay there, and what comes next is seen to.
std::optional<int> get(const Order& order) {
  const std::string& name = order.words[2];
  const std::string& to = order.words[3];
  const std::optional<std::string> text = read_file(order.plan);
  if (!text || name.find('/') != std::string::npos) return std::nullopt;
  const Json plan = Json::parse(*text, nullptr, false);
  const std::string spool = plan.is_object() ? text_of(plan, "spool") : "";
  if (spool.empty() || !take(spool, name, to)) return std::nullopt;
  if (spooled(spool) > spooled_enough || is_fetched_ahead(spool)) return 0;
  return std::nullopt;  // seawall finds the segment in its place, and fetches ahead
}

std::optional<int> carry_out(const Order& order) {
  const std::vector<std::string>& words = order.words;
  if (words.size() < 3 || words[0] != "wal") return std::nullopt;
  if (words[1] == "push" && words.size() == 3 && order.plan.empty()) return push(order);
  if (words[1] == "get" && words.size() == 4 && !order.plan.empty()) return get(order);
  return std::nullopt;
}

// Never returns.
void become_seawall(char** argv) {
  std::array<char, PATH_MAX> self{};
  const ssize_t size = readlink("/proc/self/exe", self.data(), self.size() - 1);
  const std::string program = folder_of(size > 0 ? self.data() : "") + "seawall";
  execv(program.c_str(), argv);
  std::fprintf(stderr, "seawall: error: %s cannot be started: %m\n", program.c_str());
  _exit(cannot_start);
}

}  // namespace

int main(int argc, char** argv) {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);  // it would hold what the environment file does
  if (const std::optional<Order> order = parse(argc, argv)) {
    if (const std::optional<int> code = carry_out(*order)) return *code;
  }
  become_seawall(argv);
}
