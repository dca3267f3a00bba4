#include "net/mail.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/errors.h"

namespace net {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::chrono::system_clock::time_point date{std::chrono::seconds(1795383187)};

Mail mail() {
  return {.from = "backup@example.net",
          .to = {"a@example.net", "b@example.net"},
          .subject = "shop: critical",
          .text = "one\ntwo = 2\n",
          .id = "x"};
}

TEST(Mail, has_the_headers_that_a_mail_needs) {
  const std::string text = compose(mail(), date);
  EXPECT_THAT(text, HasSubstr("Date: Sun, 22 Nov 2026 21:33:07 +0000\r\n"));
  EXPECT_THAT(text, HasSubstr("To: a@example.net,\r\n b@example.net\r\n"));
  EXPECT_THAT(text, HasSubstr("Subject: shop: critical\r\n"));
  EXPECT_THAT(text, HasSubstr("Message-ID: <x@example.net>\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\n\r\none\r\ntwo =3D 2\r\n"));
}

TEST(Mail, a_subject_cannot_add_headers) {
  Mail forged = mail();
  forged.subject = "x\r\nBcc: c@example.net";
  EXPECT_THAT(compose(forged, date), Not(HasSubstr("\nBcc:")));
  forged = mail();
  forged.to = {"a@example.net>\r\nDATA"};
  EXPECT_ERROR(invalid, compose(forged, date));
}

TEST(Mail, what_is_not_ascii_is_encoded_and_lines_are_short) {
  Mail long_one = mail();
  long_one.subject = "größer " + std::string(200, 'a') + " ü";
  long_one.text = std::string(500, 'b') + " \xC3\xBC \n";
  const std::string text = compose(long_one, date);
  EXPECT_THAT(text, HasSubstr("=?UTF-8?Q?gr=C3=B6=C3=9Fer"));
  size_t begin = 0;
  for (size_t end; (end = text.find("\r\n", begin)) != std::string::npos; begin = end + 2)
    EXPECT_LE(end - begin, 100u) << text.substr(begin, end - begin);
  for (const char c : text) EXPECT_LT(static_cast<unsigned char>(c), 0x80);
}

TEST(Mail, knows_this_host_by_its_numbers_and_not_by_a_name_that_looks_alike) {
  EXPECT_TRUE(is_loopback("smtp://127.0.0.1:25"));
  EXPECT_TRUE(is_loopback("smtp://[::1]:25"));
  EXPECT_TRUE(is_loopback("smtp://localhost"));
  EXPECT_FALSE(is_loopback("smtp://127.0.0.1.example.net"));
  EXPECT_FALSE(is_loopback("smtp://localhost.example.net"));
  EXPECT_FALSE(is_loopback("smtp://mail.example.net:587"));
}

TEST(Mail, a_server_that_is_not_there_is_unavailable) {
  EXPECT_ERROR(unavailable, send_mail({.url = "smtp://127.0.0.1:1"}, mail(), {}));
}

}  // namespace
}  // namespace net
