"""Drills of every kind on real servers: what passes, what is measured, what is recorded and told."""

import os
import re

from drills import DrillTest, in_browser
from harness import main


class Passes(DrillTest):
    exclude = ("public.staff_sessions", "jobs.*")

    def test_every_kind_passes_and_is_recorded(self):
        self.dump_more = f", replica: {{ store: \"file://{self.folder}/replica\" }}"
        self.make().protect()
        latest = self.drill("latest")
        self.assertEqual([one["name"] for one in latest["steps"]], ["fetch", "replay", "scrub", "ready", "checks"])
        self.assertEqual(latest["rpo_by"], "heartbeat")
        self.assertLess(latest["rpo_seconds"], 60)
        self.assertGreater(latest["rto_seconds"], 0)
        counts = {one["table"]: one["rows"] for one in latest["tables"]}
        self.assertEqual((counts["public.orders"], counts["public.staff_sessions"], counts["jobs.job"]), (20100, 0, 0))
        verdicts = {one["name"]: one["verdict"] for one in latest["checks"]}
        for name in ("checksums", "tables", "left out", "sequences", "extensions", "collations", "roles", "amcheck",
                     "staff can log in", "there are clients", "rto", "rpo"):
            self.assertEqual(verdicts.pop(name), "passed", (name, latest["checks"]))
        self.assertEqual(verdicts, {})
        self.assertEqual([(one["check"], one["caught"]) for one in latest["known_bad"]],
                         [("checksums", True), ("tables", True), ("left out", True), ("sequences", True)])
        self.assertIn("public.staff_users", str(latest["known_bad"]))

        moment = self.drill("moment", "--seed", "7")
        self.assertEqual(moment["seed"], "7")
        again = self.drill("moment", "--at", re.search(r"\S+Z", moment["target"])[0])
        self.assertEqual([one["rows"] for one in again["tables"]], [one["rows"] for one in moment["tables"]])

        weekly = self.drill("weekly")
        self.assertEqual(weekly["rpo_by"], "snapshot")
        counts = {one["table"]: one["rows"] for one in weekly["tables"]}
        self.assertEqual(counts["public.orders"], 20000)

        dump = self.drill("dump")
        self.assertEqual([one["name"] for one in dump["steps"]], ["ready", "fetch", "replay", "checks"])
        self.assertIn("each as", self.check_of(dump, "tables")["seen"])
        self.assertIn("each where the dump had it", self.check_of(dump, "sequences")["seen"])

        replica = self.drill("replica")
        self.assertIn("/replica", replica["place"])
        self.assertEqual(self.check_of(replica, "replica")["verdict"], "passed")

        kept = self.seawall("--json", "drill", "list").json()["drills"]
        self.assertEqual([one["kind"] for one in kept], ["replica", "dump", "weekly", "moment", "moment", "latest"])
        self.assertTrue(all(one["outcome"] == "passed" for one in kept))
        self.assertEqual(self.findings("drill '"), [])
        self.assertIn("passed", self.seawall("drill", "list").out)
        self.seawall("verify")
        # What is next is what was not drilled for the longest.
        self.assertEqual(self.seawall("--json", "drill", "due", check=False).json()["next_kind"], "latest")
        self.assertEqual(self.drill()["kind"], "latest")
        page = os.path.join(self.folder, "drill.html")
        self.seawall("drill", "report", moment["id"], "-o", page)
        with open(page) as file:
            html = file.read()
        self.assertIn(moment["id"], html)
        self.assertIn("<svg", html)
        self.assertNotIn("http://", html.replace("http://www.w3.org/2000/svg", ""))
        dom = in_browser(page)
        self.assertIn("<td>checksums</td>", dom)
        self.assertEqual(dom.count("<circle"), 7 + 5, "a dot for each drill, one for each kind in the legend")
        picture = os.path.join(self.folder, "drill.png")
        in_browser(page, picture)
        with open(picture, "rb") as file:
            self.assertEqual(file.read(8), b"\x89PNG\r\n\x1a\n")
        if os.environ.get("SEAWALL_KEEP") == "1":
            print(picture)
        signed = self.seawall("--json", "drill", "sign-off", "--by", "Jane <Doe>", "--note", "as & planned").json()
        self.assertEqual(len(signed["drills"]), 7)
        self.seawall("drill", "report", "-o", page)
        with open(page) as file:
            self.assertIn("signed off by Jane &lt;Doe&gt;", file.read())
        self.assertEqual(self.seawall("--json", "drill", "due", check=False).json()["not_signed_off"], [])


if __name__ == "__main__":
    main()
