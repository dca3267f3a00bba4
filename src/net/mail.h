// One mail over SMTP, by libcurl. Safe to call from several threads. Certificates are verified, and
// a password is never sent in clear: without TLS from the start (smtps), STARTTLS is demanded,
// except towards this host itself, whose certificate is verified where a ca_file is given.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

namespace net {

struct MailServer {
  std::string url;  // smtps://host:465, smtp://host:587
  std::string user;
  std::string password;
  std::string ca_file;               // PEM, in place of the system's authorities; empty: those
  std::chrono::seconds timeout{20};  // from begin to end
};

struct Mail {
  std::string from;  // an address, "backup@example.net"
  std::vector<std::string> to;
  std::string subject;
  std::string text;  // UTF-8
  std::string id;    // for Message-ID, so that a mail that is sent twice is seen to be the same
};

// Whether the server at this URL is this host: localhost, 127.0.0.0/8, [::1].
bool is_loopback(const std::string& url);

// The message as it is sent: headers, and the text quoted-printable. Throws invalid for an address
// with a line break, a space or an angle bracket in it.
std::string compose(const Mail& mail, std::chrono::system_clock::time_point date);

// Throws unavailable when it was not taken and may be later, denied when the server refuses who we
// are or its certificate does not hold, invalid for an address or a URL that it will never take;
// cancelled soon after `stop`.
void send_mail(const MailServer& server, const Mail& mail, std::stop_token stop);

}  // namespace net
