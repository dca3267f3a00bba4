"""Alerts of a real repository and a real server, told to stand-ins of Slack, PagerDuty and others (listeners.py)."""

import datetime
import json
import os
import shutil
import stat
import threading
import time

from faketime import faked
from harness import ClusterTest, main
from listeners import Listener, MailSink, wait_until

SECRET = "T0/B0/s3cr3t"
PAGE = "seawall/test/missed:snapshots-nightly/1"


class AlertsTest(ClusterTest):
    layers = '  snapshots:\n    nightly: {{ at: "{at}", retain: 30d }}\n'
    more = ""

    def setUp(self):
        super().setUp()
        self.listener = Listener()
        self.addCleanup(self.listener.close)
        self.mail = MailSink()
        self.addCleanup(self.mail.close)
        self.env = {"SLACK": f"{self.listener.url}/slack/{SECRET}", "KEY": "r0ut1ngk3y", "HOOK": f"{self.listener.url}/hook",
                    "PING": f"{self.listener.url}/ping", "TOKEN": "r3stt0k3n"}
        os.environ.update(self.env)
        # Missed: it was due three hours ago, by a policy of the day before.
        due = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=3)
        self.primary = self.make_cluster()
        self.write_policy(self.primary, layers=self.layers.format(at=due.strftime("%H:%M")), timezone="UTC", extra=(
            "objectives: { rpo: 1m }\n"
            "monitor:\n"
            '  slack: { webhook: env:SLACK, channel: "#spade-ops", success: each }\n'
            f"  pagerduty: {{ routing_key: env:KEY, endpoint: \"{self.listener.url}\", rest_token: env:TOKEN,\n"
            f"    rest_endpoint: \"{self.listener.url}\" }}\n"
            "  heartbeat_ping: env:PING\n"
            "  runbooks: https://wiki.example.net/runbooks\n" + self.more))
        self.primary.start()
        self.seawall("apply", env=faked(-26 * 3600))

    def watch(self, **options):
        watched = self.seawall("--json", "watch", "--once", check=False, **options)
        self.assertIn(watched.code, (0, 1, 2), watched)
        self.assertEqual(watched.err.count(SECRET) + watched.out.count(SECRET), 0, "a secret was told")
        return watched

    def slack(self):
        return f"/slack/{SECRET}"

    def keys(self, watched):
        return {one["key"]: one for one in watched.json()["findings"]}


class MissedRun(AlertsTest):
    more = ("  alertmanager: { url: \"%s/am\" }\n  webhook: { url: env:HOOK }\n"
            "  email: { server: \"%s\", from: seawall@example.net, to: [ops@example.net] }\n")

    def setUp(self):
        ours = type(self).more
        # The listeners' ports are known only then.
        original = self.write_policy

        def write_policy(*arguments, extra="", **options):
            original(*arguments, extra=extra.replace(ours, ours % (self.listener.url, self.mail.url)), **options)
        self.write_policy = write_policy
        super().setUp()

    def test_one_missed_run_is_one_page_told_again_later_and_mended_once(self):
        first = self.watch()
        self.assertEqual(first.code, 2, first)
        sent = self.listener.new()
        by_path = {one.path: one for one in sent}
        self.assertEqual(sorted(by_path), sorted(["/am/api/v2/alerts", "/hook", "/ping", self.slack(), "/v2/enqueue"]))
        self.assertEqual(len(sent), 5, "each was told once")

        page = by_path["/v2/enqueue"].json()
        self.assertEqual((page["event_action"], page["dedup_key"], page["routing_key"]), ("trigger", PAGE, "r0ut1ngk3y"))
        self.assertEqual(page["payload"]["severity"], "critical")
        self.assertIn("snapshots nightly: the run due at", page["payload"]["summary"])
        self.assertEqual(page["links"][0]["href"], "https://wiki.example.net/runbooks/incident.md#missed-run")
        slack = json.dumps(by_path[self.slack()].json())
        for words in ("was missed", "since ", "Lost now, nothing of the database comes back",
                      "seawall backup snapshots --tier nightly", "incident.md#missed-run"):
            self.assertIn(words, slack)
        self.assertEqual(by_path["/hook"].json()["alerts"][0]["key"], "missed:snapshots-nightly")
        self.assertEqual(by_path["/am/api/v2/alerts"].json()[0]["labels"]["finding"], "missed:snapshots-nightly")
        [mail] = self.mail.mails
        self.assertIn("was missed", mail["Subject"])
        self.assertIn("do: seawall backup snapshots --tier nightly", mail.get_content())

        # Another watcher, another host: nobody is told twice.
        for _ in range(3):
            self.assertEqual(self.watch().json()["told"], 0)
        self.assertEqual({one.path for one in self.listener.new()}, {"/ping"})
        listed = self.seawall("alert", "list").out
        self.assertIn("critical missed:snapshots-nightly", listed)
        self.assertIn("pagerduty told", listed)

        # The server's clock is the true one; it is asked nothing in the time that is to come.
        self.primary.stop()
        self.watch(env=faked(int(4.5 * 3600)))
        again = self.listener.new("/v2/enqueue")
        self.assertEqual([one.json()["dedup_key"] for one in again], [PAGE])
        self.primary.start()

        self.seawall("backup", "snapshots", "--tier", "nightly")
        mended = self.watch()
        self.assertNotEqual(mended.code, 2, mended)
        sent = self.listener.new()
        resolved = [one.json() for one in sent if one.path == "/v2/enqueue"]
        self.assertEqual([(one["event_action"], one["dedup_key"]) for one in resolved], [("resolve", PAGE)])
        texts = [one.json()["text"] for one in sent if one.path == self.slack()]
        self.assertEqual(len([text for text in texts if "mended: snapshots nightly" in text]), 1, texts)
        # What went well is a change at PagerDuty, never an incident; Slack was asked to be told each.
        self.assertEqual(len([one for one in sent if one.path == "/v2/change/enqueue"]), 1)
        self.assertEqual(len([text for text in texts if "snapshots nightly done in" in text]), 1, texts)
        self.watch()
        self.assertEqual({one.path for one in self.listener.new()}, {"/ping"})
        self.assertIn("no open alerts", self.seawall("alert", "list").out)
        self.assertIn("mended missed:snapshots-nightly", self.seawall("alert", "list", "--all").out)
        self.assertEqual(self.seawall("verify").code, 0)

        tested = self.seawall("--json", "alert", "test")
        self.assertTrue(all(one["told"] for one in tested.json()), tested)
        self.assertEqual(len(tested.json()), 5)
        for one in self.listener.new(self.slack()):
            self.assertIn("TEST, nothing is wrong", one.json()["text"])
        self.assertIn("TEST", self.mail.mails[-1]["Subject"])
        self.mail.refuse = "550 no such user"
        refused = self.seawall("alert", "test", "--route", "email", check=False)
        self.assertEqual(refused.code, 1, refused)
        self.assertIn("550", refused.out)


class Undeliverable(AlertsTest):
    def test_what_slack_does_not_take_is_said_to_pagerduty_and_told_later(self):
        self.listener.answers[self.slack()] = (404, "no_service")
        first = self.watch()
        pages = [one.json() for one in self.listener.new("/v2/enqueue")]
        self.assertEqual([page["dedup_key"] for page in pages], [PAGE, "seawall/test/undeliverable:slack/1"])
        self.assertIn("slack could not be told of 1 alert: Slack answers 404: no_service", pages[1]["payload"]["summary"])
        self.assertIn("404", first.json()["untold"][0])
        status = self.seawall("--json", "status", check=False)
        self.assertIn("undeliverable:slack", self.keys(status))
        self.assertNotIn(SECRET, status.out + status.err + self.seawall("alert", "list").out)

        # It asks to be left alone for a moment, and then takes it: within one look.
        calls = []

        def limited(_):
            calls.append(1)
            return (429, "rate_limited", {"Retry-After": "1"}) if len(calls) == 1 else (200, "ok")
        self.listener.answers[self.slack()] = limited
        self.primary.stop()  # its clock is not ahead
        self.assertEqual(self.watch(env=faked(120)).json()["told"], 1)
        self.assertEqual(len(calls), 2)
        self.watch(env=faked(180))
        resolved = [one.json() for one in self.listener.new("/v2/enqueue")]
        self.assertEqual([(one["event_action"], one["dedup_key"]) for one in resolved],
                         [("resolve", "seawall/test/undeliverable:slack/1")])

    def test_a_service_that_does_not_answer_holds_up_nobody_else(self):
        self.listener.answers["/v2/enqueue"] = None
        begun = time.monotonic()
        watched = self.watch()
        self.assertLess(time.monotonic() - begun, 45)
        self.assertEqual(watched.json()["told"], 1)
        self.assertIn("pagerduty: ", watched.json()["untold"][0])
        self.assertEqual(len(self.listener.new(self.slack())), 1)

    def test_a_fire_drill_says_who_answered_and_after_how_long(self):
        paged = threading.Event()

        def page(one):
            if one.json()["event_action"] == "trigger":
                paged.set()
            return (202, '{"status": "success"}')

        def incidents(one):
            self.assertTrue(paged.is_set())
            self.assertEqual(one.headers["Authorization"], "Token token=r3stt0k3n")
            asked.append(one.path)
            at = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
            taken = [] if len(asked) == 1 else [{"at": at, "acknowledger": {"summary": "the person on call"}}]
            return (200, json.dumps({"incidents": [{"status": "acknowledged" if taken else "triggered",
                                                    "acknowledgements": taken}]}))
        asked = []
        self.listener.answers["/v2/enqueue"] = page
        self.listener.answers["/incidents"] = incidents
        drill = self.seawall("fire-drill", "--wait", "30s")
        self.assertIn("the person on call answered after", drill.out)
        self.assertEqual(len(asked), 2)
        self.assertIn("incident_key=seawall%2Ftest%2Ffire-drill", asked[0])
        events = [one.json()["event_action"] for one in self.listener.sent if one.path == "/v2/enqueue"]
        self.assertEqual(events, ["trigger", "resolve"])
        [record] = os.listdir(os.path.join(self.repository, "alerts", "fire-drills"))
        self.assertEqual(self.seawall("verify").code, 0, record)
        self.listener.answers["/incidents"] = (200, '{"incidents": [{"status": "triggered"}]}')
        nobody = self.seawall("fire-drill", "--wait", "1s", check=False)
        self.assertEqual(nobody.code, 1, nobody)
        self.assertIn("nobody answered", nobody.out)


class Causes(AlertsTest):
    """Each trouble is told apart, and named."""

    layers = '  pitr: {{ retain: 7d }}\n  snapshots:\n    nightly: {{ at: "{at}", retain: 30d }}\n'

    def test_troubles_have_names_of_their_own(self):
        self.primary.sql("create table t (id serial primary key)")
        self.seawall("backup", "snapshots", "--tier", "nightly")
        self.primary.sql("insert into t default values")
        self.archive_now(self.primary)
        quiet = self.watch()
        self.assertEqual(quiet.code, 0, quiet)
        self.assertIn("nothing was written since", quiet.json()["loss_now"])

        with self.subTest("an archiver that fails"):
            self.primary.configure({"archive_command": "false"})
            self.primary.sql("select pg_reload_conf(); insert into t default values; select pg_switch_wal()")
            self.wait_for(lambda: self.primary.sql("select failed_count from pg_stat_archiver") != "0", what="a failure")
            found = self.keys(self.watch())["archiver:failing"]
            self.assertIn("wait in pg_wal", found["what"])
            self.assertIsNotNone(found["since"])
            self.assertNotIn("nothing was written since", self.watch().json()["loss_now"])

        with self.subTest("no archiver at all, and a server that cannot be asked"):
            self.primary.configure({"archive_command": ""})
            self.primary.sql("select pg_reload_conf()")
            self.wait_for(lambda: "archiver:off" in self.keys(self.watch()), what="archiver:off")
            self.primary.stop()
            away = self.keys(self.watch())
            self.assertEqual(away["server:unreachable"]["severity"], "notice")
            self.assertNotIn("archiver:off", away)
            opened = {one["key"] for one in self.seawall("--json", "alert", "list").json()}
            self.assertIn("archiver:off", opened, "what cannot be seen is not mended")

        with self.subTest("a wrong clock"):
            self.assertIn("clock:store", self.keys(self.watch(env=faked(3600, files_too=False))))

        with self.subTest("a store that answers and has lost objects"):
            packs = os.path.join(self.repository, "packs")
            shutil.move(packs, packs + ".away")
            found = self.keys(self.watch())["lost:snapshots"]
            self.assertIn("is not there any more", found["what"])
            shutil.move(packs + ".away", packs)
            self.assertNotIn("lost:snapshots", self.keys(self.watch()))

        with self.subTest("a repository that may not be read, and one that is gone"):
            os.chmod(self.repository, 0)
            self.assertIn("store:denied", self.keys(self.watch()))
            os.chmod(self.repository, 0o700)
            self.listener.new()
            shutil.move(self.repository, self.repository + ".away")
            self.assertIn("store:gone", self.keys(self.watch()))
            self.assertEqual([one for one in self.listener.new() if one.path == "/ping"], [], "its silence pages")
            shutil.move(self.repository + ".away", self.repository)

    def test_one_who_may_only_read_tells_once_and_remembers(self):
        for at, _, names in os.walk(self.repository):
            os.chmod(at, stat.S_IRUSR | stat.S_IXUSR)
        watcher = self.start_seawall("watch", "--every", "1s")
        try:
            wait_until(lambda: len([one for one in self.listener.sent if one.path == "/ping"]) >= 4, 30, "four looks")
        finally:
            watcher.terminate()
            ended = self.finished(watcher)
            for at, _, names in os.walk(self.repository):
                os.chmod(at, stat.S_IRWXU)
        self.assertEqual(ended.code, 0, ended)
        self.assertIn("remembered by this process only", ended.err)
        pages = [one.json()["dedup_key"] for one in self.listener.sent if one.path == "/v2/enqueue"]
        self.assertEqual(len(pages), len(set(pages)), pages)
        self.assertIn(PAGE, pages)
        self.assertFalse(os.path.exists(os.path.join(self.repository, "alerts")))


if __name__ == "__main__":
    main()
