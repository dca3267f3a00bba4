"""Alerts by mail over TLS: whom seawall trusts, and what it says in clear."""

import os
import ssl

from harness import ClusterTest, main
from listeners import MailSink
from services import Certificates

PASSWORD = "c0rrect-h0rse"


class Mail(ClusterTest):
    def setUp(self):
        super().setUp()
        self.trusted = self.certificates("trusted")
        self.primary = self.make_cluster()

    def certificates(self, name):
        folder = os.path.join(self.folder, name)
        os.mkdir(folder)
        return Certificates(folder)

    def sink(self, certificates=None, **options):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if certificates:
            context.load_cert_chain(certificates.certificate, certificates.key)
        sink = MailSink(context, login=("seawall", PASSWORD), **options)
        self.addCleanup(sink.close)
        return sink

    def tell(self, sink, password=PASSWORD, ca_file=None):
        trust = f"  ca_file: {ca_file}\n" if ca_file else ""
        self.write_policy(self.primary, extra=f"monitor:\n{trust}  email: {{ server: \"{sink.url}\", from: seawall@example.net, "
                                              "to: [ops@example.net], user: seawall, password: env:MAIL_PASSWORD }\n")
        told = self.seawall("alert", "test", "--route", "email", check=False, env={"MAIL_PASSWORD": password})
        self.assertNotIn(PASSWORD, told.out + told.err)
        return told

    def test_with_the_right_authority_it_is_told_once_by_each_way(self):
        for implicit in (True, False):
            sink = self.sink(self.trusted, implicit=implicit)
            told = self.tell(sink, ca_file=self.trusted.ca)
            self.assertEqual(told.code, 0, told)
            self.assertEqual(len(sink.mails), 2, "opened and resolved")
            self.assertIn("TEST", sink.mails[0]["Subject"])
            self.assertEqual({word.partition(" ")[0] for word in sink.in_clear} - {"EHLO", "STARTTLS"}, set(), sink.in_clear)

    def test_a_certificate_of_another_authority_gets_nothing(self):
        other = self.certificates("other")
        for implicit in (True, False):
            sink = self.sink(other, implicit=implicit)
            refused = self.tell(sink, ca_file=self.trusted.ca)
            self.assertEqual(refused.code, 1, refused)
            self.assertIn("certificate", refused.out)
            self.assertEqual(sink.mails, [])

    def test_a_wrong_password_is_said(self):
        sink = self.sink(self.trusted)
        refused = self.tell(sink, password="wrong", ca_file=self.trusted.ca)
        self.assertEqual(refused.code, 1, refused)
        self.assertIn("email", refused.out)
        self.assertEqual(sink.mails, [])

    def test_a_file_that_is_not_there_is_said(self):
        refused = self.tell(self.sink(self.trusted), ca_file="/nonexistent/ca.pem")
        self.assertEqual(refused.code, 1, refused)
        self.assertIn("/nonexistent/ca.pem", refused.out)


if __name__ == "__main__":
    main()
