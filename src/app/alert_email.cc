// E-mail: one for each look.
#include "app/alert_routes.h"
#include "app/secret.h"
#include "base/bytes.h"
#include "net/mail.h"

namespace app {

namespace {

std::string new_message_id() {
  std::array<std::byte, 16> random{};
  base::fill_random(random);
  return "seawall-" + base::to_hex(random);
}

class EmailRoute final : public AlertRoute {
 public:
  EmailRoute(const policy::Email& email, const std::string& ca_file)
      : email_(email), ca_file_(ca_file) {}

  std::string name() const override { return "email"; }

  std::vector<Delivery> tell(const Bulletin& bulletin, std::stop_token stop) override {
    return for_each_item(
        bulletin, delivered([&] {
          net::MailServer server{
              .url = email_.server, .user = {}, .password = {}, .ca_file = ca_file_};
          if (email_.user) server.user = *email_.user;
          if (email_.password)
            server.password = read_secret(*email_.password, "the mail server's password");
          net::send_mail(server,
                         {.from = email_.from,
                          .to = email_.to,
                          .subject = headline(bulletin),
                          .text = plain_text(bulletin),
                          .id = new_message_id()},
                         stop);
        }));
  }

 private:
  const policy::Email email_;
  const std::string ca_file_;
};

}  // namespace

std::unique_ptr<AlertRoute> email_route(const policy::Email& email, const std::string& ca_file) {
  return std::make_unique<EmailRoute>(email, ca_file);
}

}  // namespace app
