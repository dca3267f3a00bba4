"""The strategy document and its runbooks: written, true, linked, and each of their commands run against a real repository."""

import html.parser
import os
import re
import shlex
import subprocess

import harness
from harness import PG_BIN, ClusterTest, main, run

DOCUMENTS = ("backup-strategy", "docs/retention-policy", "runbooks/restore-drill", "runbooks/secret-rotation",
             "runbooks/incident")


def commands(text):
    """The lines of each block of commands, in order. Every fenced block is one, and nothing else is."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)
    assert all(language == "sh" for language, _ in blocks), blocks
    return [body.rstrip("\n").split("\n") for _, body in blocks]


def content_of(*path):
    with open(os.path.join(*path), errors="replace") as file:
        return file.read()


def unescaped(text):
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text)


class Page(html.parser.HTMLParser):
    """What a page names from elsewhere, its anchors and links, and whether its tags match."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.open, self.foreign = set(), [], [], []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in ("meta", "br", "input"):
            self.open.append(tag)
        if "id" in attrs:
            self.ids.add(attrs["id"])
        if tag == "a" and "href" in attrs:  # else a place that others link to
            self.links.append(attrs["href"])
        if tag in ("script", "link", "img", "iframe") or "src" in attrs:
            self.foreign.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag


class Documents(ClusterTest):
    exclude = ("public.staff_sessions", "pgboss.job")

    def setUp(self):
        super().setUp()
        self.primary = self.make_cluster()
        self.dumps = os.path.join(self.folder, "dumps")
        self.key = os.path.join(self.folder, "main.key")
        run(harness.SEAWALL, "key", "create", self.key)
        self.dumps_layer = (f'      at: "03:30"\n      retain: 90d\n      store: file://{self.dumps}\n'
                            f"      encryption: {{ key: file:{self.key} }}\n")
        self.encrypted = f"  encryption: {{ key: file:{self.key} }}\n"
        self.write()
        self.primary.start()
        self.primary.sql("create database shop")
        self.shop("create table clients (id int primary key, name text); create table staff_sessions (token text); "
                  "insert into clients select i, 'client ' || i from generate_series(1, 3000) i; "
                  "create schema pgboss; create table pgboss.job (id int); insert into pgboss.job values (1); "
                  "insert into staff_sessions values ('s')")
        self.seawall("apply")
        self.seawall("backup", "snapshots", "--tier", "nightly")
        self.seawall("backup", "dumps", "--tier", "nightly")
        self.shop("insert into clients values (4000, 'late')")
        self.archive_now(self.primary)

    def encryption(self):
        return self.encrypted + "# Snapshots are quick;\n# dumps go anywhere.\n"

    def write(self):
        self.write_policy(self.primary, database="shop", layers=(
            '  pitr: { retain: 7d }\n  snapshots:\n    nightly: { at: "03:00", retain: 30d }\n'
            '    weekly: { at: "Sun 03:00", retain: 12w }\n  dumps:\n    nightly:\n') + self.dumps_layer,
            extra=("objectives: { rto: 15m, rpo: 1h }\n"
                   f"drill: {{ weekly: \"Sun 06:00\", quarterly: true, scratch: {self.folder}/drills }}\n"
                   "uncovered: [{ what: \"file uploads <in S3>\", why: \"not *carried* yet\" }]\n"))

    def shop(self, text):
        return self.primary.sql(text, "shop")

    def written(self, *options):
        out = os.path.join(self.folder, "handbook")
        self.seawall("strategy", "--out", out, *options)
        extension = ".html" if "html" in options else ".md"
        texts = {}
        for name in DOCUMENTS:
            texts[name] = content_of(out, name + extension)
        return out, texts

    def test_the_strategy_tells_the_truth(self):
        said = self.seawall("--json", "strategy").json()
        rows = {row["layer"]: row for row in said["rows"]}
        self.assertEqual(set(rows), {"Point-in-time recovery", "Snapshots (nightly)", "Snapshots (weekly)",
                                     "Logical dumps (nightly)"})
        status = self.seawall("--json", "status", check=False).json()
        self.assertEqual(rows["Logical dumps (nightly)"]["last_success"],
                         [r for r in status["rows"] if r["layer"] == "dumps"][0]["last_success"])
        self.assertEqual(rows["Point-in-time recovery"]["newest_restorable"],
                         [r for r in status["rows"] if r["layer"] == "pitr"][0]["newest_restorable"])
        self.assertTrue(all(row["last_proven_restore"] is None and row["lock"] is None for row in rows.values()))
        self.assertEqual(said["not_backed_up"]["rows_of"], list(self.exclude))
        text = self.seawall("strategy").out
        for words in ("# Backup Strategy", "| Layer | Cadence | Retention | Storage | Evidence |",
                      "| Point-in-time recovery | Continuous WAL archiving | 7 days |", "Nightly 03:00 Asia/Singapore",
                      "Sunday 03:00 Asia/Singapore", "12 weeks", "**not drilled yet**", "no lock can be seen",
                      "`pg_dump --format=custom --compress=9 --no-owner --no-privileges`", "Snapshots are quick; dumps go anywhere.",
                      "file uploads \\<in S3\\>", "**uncovered**", "`public.staff_sessions`", "no copy of the key file"):
            self.assertIn(words, text)
        # What is gone is said to be gone, and the document does not go on about the day it was there.
        for name in os.listdir(self.dumps):
            os.remove(os.path.join(self.dumps, name))
        row = [r for r in self.seawall("--json", "strategy").json()["rows"] if r["layer"].startswith("Logical")][0]
        self.assertIsNone(row["last_success"])
        self.assertIn("last success **never**", self.seawall("strategy").out)
        # Without a repository there is no strategy to be had, and still a runbook.
        os.rename(self.repository, self.repository + ".away")
        self.assertEqual(self.seawall("strategy", check=False).code, 3)
        book = self.seawall("runbook", "incident").out
        self.assertIn("restore dump latest --tier nightly --into", book)
        self.assertIn("**Not read:**", self.seawall("runbook", "restore-drill").out)

    def test_links_resolve_and_pages_stand_alone(self):
        out, texts = self.written()
        for name, text in texts.items():
            anchors = set(re.findall(r'<a id="([^"]+)"></a>', text))
            for target in re.findall(r"\]\(([^)]+)\)", text):
                path, _, anchor = target.partition("#")
                there = os.path.normpath(os.path.join(out, os.path.dirname(name), path)) if path else None
                if there:
                    self.assertTrue(os.path.exists(there), f"{name} links to {target}")
                if anchor:
                    found = anchors if not path else set(re.findall(r'<a id="([^"]+)"></a>', content_of(there)))
                    self.assertIn(anchor, found, f"{name} links to {target}")
        html_out, pages = self.written("--format", "html")
        for name, text in pages.items():
            page = Page(text)
            self.assertEqual(page.foreign, [], name)
            for target in page.links:
                path, _, anchor = target.partition("#")
                other = page if not path else Page(
                    content_of(os.path.normpath(os.path.join(html_out, os.path.dirname(name), path))))
                if anchor:
                    self.assertIn(anchor, other.ids, f"{name} links to {target}")
        self.assertIn("file uploads &lt;in S3&gt;", pages["backup-strategy"])
        # Written again over its own, never over what somebody else wrote.
        self.written()
        with open(os.path.join(out, "backup-strategy.md"), "w") as file:
            file.write("mine")
        self.assertEqual(self.seawall("strategy", "--out", out, check=False).code, 5)
        self.assertEqual(content_of(out, "backup-strategy.md"), "mine")

    def environment(self):
        """seawall and PostgreSQL's programs by PATH, and libpq told where the server is."""
        programs = os.path.join(self.folder, "programs")
        os.makedirs(programs, exist_ok=True)
        if not os.path.exists(os.path.join(programs, "seawall")):
            os.symlink(harness.SEAWALL, os.path.join(programs, "seawall"))
        return {**os.environ, "PATH": f"{programs}:{PG_BIN}:{os.environ['PATH']}", "PGHOST": self.primary.socket,
                "PGPORT": str(self.primary.port), "PGUSER": "postgres"}

    def run_commands(self, text, values, answers):
        """Runs every line. `values` replaces those of assignments; `answers` says which exit codes a command may have."""
        assigned = "set -u\n"
        ran = []
        for block in commands(text):
            for line in block:
                name = re.match(r"(export )?([A-Z_]+)=(.*)$", line)
                if name:
                    value = values.get(name[2])
                    assigned += f"{name[1] or ''}{name[2]}={shlex.quote(value)}\n" if value is not None else line + "\n"
                    continue
                done = subprocess.run(["bash", "-c", assigned + line], capture_output=True, text=True, timeout=60,
                                      env=self.environment(), stdin=subprocess.DEVNULL)
                allowed = next((codes for start, codes in answers.items() if line.startswith(start)), (0,))
                self.assertIn(done.returncode, allowed, f"{line}\n{done.stdout}\n{done.stderr}")
                ran.append(line)
        return ran

    def test_every_command_runs(self):
        _, texts = self.written()
        moment = self.primary.sql("select to_char(now() at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS.US') || ' UTC'")
        self.shop("update clients set name = 'all the same'")
        self.archive_now(self.primary)
        into = os.path.join(self.folder, "into")
        os.mkdir(into)
        drill = os.path.join(into, "drill")
        # Findings are no failure of a command that tells them; a due slot that is served says so.
        answers = {"seawall status": (0, 1, 2), "seawall check": (0, 1)}
        values = {"PG_BIN": PG_BIN, "TARGET": drill, "SOCKET": drill + ".s", "SCRATCH": self.primary.url("drill"),
                  "SEAWALL_POLICY": self.policy}
        self.assertIn(f"export SEAWALL_POLICY={self.policy}", texts["runbooks/restore-drill"])
        ran = self.run_commands(texts["runbooks/restore-drill"], values, answers)
        self.assertEqual(len([line for line in ran if "restore" in line and "seawall" in line]), 3, ran)
        self.assertFalse(os.path.exists(drill))
        self.assertEqual([line for line in ran if line.startswith("seawall drill ")],
                         ["seawall drill latest", "seawall drill dump", "seawall drill list"])
        results = self.seawall("runbook", "restore-drill").out.split("Results so far")[1]
        self.assertEqual(len(re.findall(r"\| (latest|dump) \| passed \|", results)), 2, results)
        self.assertEqual(self.primary.sql("select count(*) from clients", "drill"), "3000")

        values = {"TARGET": os.path.join(into, "rescued"), "MOMENT": moment, "TABLE": "public.clients",
                  "NEW": self.primary.url("again")}
        ran = self.run_commands(texts["runbooks/incident"], values, answers)
        for wanted in ("seawall rescue", "seawall restore table", "seawall verify", "df -h"):
            self.assertTrue([line for line in ran if line.startswith(wanted)], wanted)
        self.assertEqual(self.shop("select count(distinct name) from clients_restored"), "3001")

        new_key = os.path.join(into, "next.key")
        values = {"NEW_KEY": new_key, "COPY": os.path.join(into, "copy.key")}
        ran = self.run_commands(texts["runbooks/secret-rotation"], values, answers)
        self.assertIn(f"file:{new_key}", content_of(self.policy))
        self.assertTrue([line for line in ran if "rewrap" in line])
        ran = self.run_commands(texts["docs/retention-policy"], {}, answers)
        self.assertEqual(ran, ["seawall prune", "seawall prune --apply"])
        self.assertEqual(commands(texts["backup-strategy"]), [])
        # The rotation is in the runbook's history from now on.
        self.seawall("apply")
        self.assertIn(new_key, unescaped(self.seawall("runbook", "secret-rotation").out.split("Keys so far")[1]))

    def test_evidence_is_whole_and_has_no_secret(self):
        self.primary.sql("create role somebody login password 'not for auditors'")
        text = content_of(self.policy)
        with open(self.policy, "w") as file:
            file.write(text.replace("      retain: 90d\n", "      retain: 90d\n      roles_with_passwords: true\n"))
        self.seawall("backup", "dumps", "--like", "nightly", "--again")
        self.seawall("verify", check=False)
        quarter = self.primary.sql("select to_char(now() at time zone 'Asia/Singapore', 'YYYY\"Q\"Q')")
        packed = {}
        for suffix in ("tar.zst", "tar.gz"):
            file = os.path.join(self.folder, "evidence." + suffix)
            said = self.seawall("--json", "evidence", "--quarter", quarter, "-o", file).json()
            self.assertEqual(said["left_out"], [])
            self.assertEqual(len(said["redacted"]), 1, said)
            self.assertGreaterEqual(said["packed"]["runs"], 3)
            self.assertEqual((said["packed"]["dumps"], said["packed"]["verifications"]), (2, 1))
            self.assertGreaterEqual(said["packed"]["policies"], 1)
            folder = os.path.join(self.folder, suffix)
            os.mkdir(folder)
            run("tar", "-xf", file, cwd=folder)
            top = os.path.join(folder, f"seawall-evidence-test-{quarter}")
            sums = run("sha256sum", "-c", "--strict", "SHA256SUMS", cwd=top)
            self.assertNotIn("FAILED", sums.out)
            files = {os.path.relpath(os.path.join(at, name), top) for at, _, names in os.walk(top) for name in names}
            self.assertEqual(files - {"SHA256SUMS"}, {line.rsplit(": ", 1)[0] for line in sums.out.strip().split("\n")})
            packed[suffix] = files
            for path in files:
                content = content_of(top, path)
                self.assertNotIn("SCRAM-SHA-256$", content, path)
                self.assertNotIn(content_of(self.key).split('"key":')[1][:40], content, path)
            for wanted in ("status.json", "strategy.json", "check.json", "index.json", "policy.yaml",
                           "documents/backup-strategy.html", "documents/runbooks/restore-drill.md"):
                self.assertIn(wanted, files)
            run_records = [f for f in files if f.startswith("records/runs/")]
            # As it is kept, in clear: its own checksum holds.
            body = run("jq", "-r", ".body.outcome", os.path.join(top, run_records[0])).out.strip()
            self.assertEqual(body, "ok")
        self.assertEqual(packed["tar.zst"], packed["tar.gz"])
        # Nothing of another quarter; never over a file; only names that say how it is packed.
        old = os.path.join(self.folder, "old.tar.gz")
        said = self.seawall("--json", "evidence", "--quarter", "2020Q1", "-o", old).json()
        self.assertNotIn("runs", said["packed"])
        self.assertEqual(self.seawall("evidence", "-o", old, check=False).code, 5)
        self.assertEqual(self.seawall("evidence", "-o", old + ".zip", check=False).code, 2)
        self.assertEqual(self.seawall("evidence", "--quarter", "2999Q1", "-o", old + ".tar.gz", check=False).code, 2)
        self.assertFalse(os.path.exists(old + ".tar.gz"))


if __name__ == "__main__":
    main()
