#include "app/alert_routes.h"

#include <charconv>

#include "base/error.h"
#include "base/task_group.h"
#include "net/retry.h"

namespace app {

using base::Error;
using base::ErrorKind;
using std::chrono::seconds;

namespace {

constexpr net::Timeouts timeouts{.connect = seconds(5), .stall = seconds(8), .whole = seconds(8)};
constexpr net::RetryLimits limits{.deadline = seconds(17),  // of the last attempt's begin
                                  .first_pause = seconds(1),
                                  .longest_pause = seconds(4),
                                  .attempts_max = 3};
constexpr seconds longest_wait{10};  // for a service that says when to come back

// How long a service that is asked too often wants to be left alone. Dates are not read.
std::optional<seconds> retry_after(const net::Response& answer) {
  const std::string text = answer.headers.find("Retry-After").value_or("");
  int64_t count = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (failed != std::errc{} || end != text.data() + text.size() || count < 0) return std::nullopt;
  return seconds(count);
}

void take_out(std::string& text, const std::string& secret) {
  for (size_t at = 0; !secret.empty() && (at = text.find(secret)) != std::string::npos;)
    text.replace(at, secret.size(), "...");
}

// The first words of an answer, where it is plain text: "invalid_payload". Not the secret that it
// may repeat.
std::string words(const net::Response& answer, const Post& post) {
  std::string text(answer.text().substr(0, 4096));
  take_out(text, post.secret);
  if (post.secret.empty()) {
    take_out(text, post.url);
    const std::string path = net::Url::parse(post.url).path;
    if (path.size() > 1) take_out(text, path.substr(1));
  }
  text.resize(std::min<size_t>(text.size(), 200));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7F) c = ' ';
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text.empty() ? "" : ": " + text;
}

[[noreturn]] void throw_answer(const Post& post, const net::Response& answer) {
  const bool later = answer.status == 429 || answer.status == 408 || answer.status >= 500;
  const bool denied = answer.status == 401 || answer.status == 403;
  throw Error(later    ? ErrorKind::unavailable
              : denied ? ErrorKind::denied
                       : ErrorKind::invalid,
              fmt::format("{} answers {}{}", post.who, answer.status, words(answer, post)));
}

}  // namespace

Delivery AlertRoute::tell_news(const News&, std::stop_token) { return {.told = true, .why = {}}; }

net::Response post(net::HttpClient& http, const Post& post, std::stop_token stop) {
  net::Request request{.method = "POST", .headers = post.headers};
  try {
    request.url = net::Url::parse(post.url);
  } catch (const Error&) {
    // Its own message would tell the URL.
    throw Error(ErrorKind::invalid, fmt::format("the URL of {} is none", post.who));
  }
  request.headers.set("Content-Type", "application/json");
  request.body = base::as_bytes(post.body);
  request.body_bytes_max = 64 * base::KiB;
  request.timeouts = timeouts;
  request.path_is_secret = true;
  bool waited = false;
  return net::retrying(limits, stop, [&](unsigned) {
    net::Response answer = http.send(request, stop);
    const std::optional<seconds> wait = retry_after(answer);
    if (answer.status == 429 && wait && *wait <= longest_wait && !waited) {
      waited = true;
      if (!base::sleep_for(*wait, stop)) throw Error(ErrorKind::cancelled, "stopped");
      answer = http.send(request, stop);
    }
    if (!answer.ok()) throw_answer(post, answer);
    return answer;
  });
}

Delivery delivered(const std::function<void()>& work) {
  try {
    work();
    return {.told = true, .why = {}};
  } catch (const Error& failure) {
    if (failure.kind() == ErrorKind::cancelled) throw;
    return {.told = false,
            .why = failure.message(),
            .permanent = failure.kind() != ErrorKind::unavailable};
  }
}

std::vector<Delivery> for_each_item(const Bulletin& bulletin, const Delivery& delivery) {
  return std::vector<Delivery>(bulletin.items.size(), delivery);
}

AlertRoutes make_routes(const policy::Policy& policy, net::HttpClient& http) {
  const policy::Monitor& monitor = policy.monitor;
  AlertRoutes routes;
  if (monitor.pagerduty) routes.push_back(pagerduty_route(*monitor.pagerduty, http));
  if (monitor.slack) routes.push_back(slack_route(*monitor.slack, http));
  if (monitor.alertmanager) routes.push_back(alertmanager_route(*monitor.alertmanager, http));
  if (monitor.webhook) routes.push_back(webhook_route(*monitor.webhook, http));
  if (monitor.email) routes.push_back(email_route(*monitor.email, monitor.ca_file.value_or("")));
  return routes;
}

}  // namespace app
