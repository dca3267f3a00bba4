"""What Prometheus is told: checked by promtool, scraped by a real Prometheus that fires the shipped rules."""

import datetime
import http.server
import json
import os
import re
import shutil
import subprocess
import threading
import urllib.request

import harness
from faketime import faked
from harness import ClusterTest, main, run
from listeners import free_port, wait_until

DEPLOY = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "deploy")
SHIPPED = {}
for name in ("prometheus/rules.yaml", "prometheus/rules_test.yaml", "grafana/dashboard.json"):
    with open(os.path.join(DEPLOY, name)) as file:
        SHIPPED[name] = file.read()  # while we may: whom the tests become may not see this folder


class Metrics(ClusterTest):
    def setUp(self):
        super().setUp()
        due = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=3)
        self.primary = self.make_cluster()
        self.write_policy(self.primary, timezone="UTC", extra="objectives: { rpo: 1m }\n",
                          layers=f'  pitr: {{ retain: 7d }}\n  snapshots:\n    nightly: {{ at: "{due:%H:%M}", retain: 30d }}\n')
        self.primary.start()
        self.seawall("apply", env=faked(-26 * 3600))
        for name, text in SHIPPED.items():
            with open(os.path.join(self.folder, os.path.basename(name)), "w") as file:
                file.write(text)

    def promtool(self, *arguments, stdin=""):
        done = subprocess.run(["promtool", *arguments], input=stdin, capture_output=True, text=True, timeout=60, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stderr.strip(), "", "promtool has something to say")

    def sample(self, text, name, **labels):
        for line in text.split("\n"):
            if line.startswith(name + "{") and all(f'{k}="{v}"' in line for k, v in labels.items()):
                return float(line.rpartition(" ")[2])
        return None

    def test_metrics_are_what_prometheus_wants_and_say_what_is_so(self):
        before = self.seawall("metrics").out
        self.assertEqual(self.sample(before, "seawall_missed", tier="nightly"), 1)
        self.assertIsNone(self.sample(before, "seawall_missed", layer="pitr"))
        self.seawall("backup", "snapshots", "--tier", "nightly")
        text = self.seawall("metrics").out
        self.promtool("check", "metrics", stdin=text)
        self.assertEqual(self.sample(text, "seawall_missed", tier="nightly"), 0)
        self.assertLess(self.sample(text, "seawall_last_success_age_seconds", tier="nightly"), 60)
        self.assertGreater(self.sample(text, "seawall_run_bytes", tier="nightly"), 1 << 20)
        self.assertEqual(self.sample(text, "seawall_kept", tier="nightly"), 1)
        self.assertEqual(self.sample(text, "seawall_server_reachable"), 1)
        self.assertEqual(self.sample(text, "seawall_wal_ready_files"), 0)

        # A dashboard that asks for what there is not shows nothing, and nobody notices.
        told = set(re.findall(r"^# TYPE (\S+)", text, re.M)) | {"seawall_replica_missing_dumps"}  # there is no replica here
        for name in ("grafana/dashboard.json", "prometheus/rules.yaml"):
            asked = set(re.findall(r"\bseawall_\w+", SHIPPED[name]))
            self.assertTrue(asked)
            self.assertEqual(asked - told, set(), name)

        file = os.path.join(self.folder, "seawall.prom")
        self.seawall("metrics", "--textfile", file)
        with open(file) as textfile:
            self.promtool("check", "metrics", stdin=textfile.read())
        self.assertEqual(os.stat(file).st_mode & 0o777, 0o644)
        shutil.move(self.repository, self.repository + ".away")
        blind = self.seawall("metrics").out
        self.assertEqual(self.sample(blind, "seawall_repository_readable"), 0)
        self.assertEqual(self.sample(blind, "seawall_findings", severity="critical"), 1)
        self.promtool("check", "metrics", stdin=blind)

    def test_the_rules_are_right_by_their_own_tests(self):
        self.promtool("check", "rules", "rules.yaml")
        self.promtool("test", "rules", "rules_test.yaml")

    def test_prometheus_fires_for_a_missed_run_until_it_is_made_up_for(self):
        """The listener asks the program at each scrape, as the daemon's own port does."""
        test = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                text = run(harness.SEAWALL, "--policy", test.policy, "metrics").out.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        port = free_port()
        with open(os.path.join(self.folder, "prometheus.yml"), "w") as config:
            config.write("global: { scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s }\nrule_files: [rules.yaml]\n"
                         "scrape_configs:\n  - job_name: seawall\n    static_configs:\n"
                         f"      - targets: ['127.0.0.1:{server.server_port}']\n")
        prometheus = subprocess.Popen(
            ["prometheus", "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.path=tsdb",
             "--log.level=warn"], cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def end():
            prometheus.terminate()
            prometheus.wait(20)
        self.addCleanup(end)

        def firing():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/alerts", timeout=5) as answer:
                    alerts = json.load(answer)["data"]["alerts"]
            except OSError:
                return None
            return {one["labels"]["alertname"]: one for one in alerts if one["state"] == "firing"}
        wait_until(lambda: "SeawallMissedRun" in (firing() or {}), 40, "the rule fires")
        alert = firing()["SeawallMissedRun"]
        self.assertEqual(alert["labels"]["tier"], "nightly")
        self.assertEqual(alert["annotations"]["description"], "seawall backup snapshots --tier nightly")
        self.seawall("backup", "snapshots", "--tier", "nightly")
        wait_until(lambda: firing() is not None and "SeawallMissedRun" not in firing(), 40, "the rule ends")


if __name__ == "__main__":
    main()
