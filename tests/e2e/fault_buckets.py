"""A cluster whose repository and dumps are in buckets behind a proxy that misbehaves."""

import os
import re
import shutil

import cloud
import harness
from buckets import BucketTest

# As what a bucket holds is named; packs and the log are most of it.
PACKS, LOG, ROOTS = "/app/packs/", "/app/wal/0001/0", "/app/snapshots/"


class FaultyBucketTest(BucketTest):
    """Commands go through `self.proxy`; `self.s3` goes past it. What fails is given up after seconds."""

    exclude = ("public.sessions",)
    deadline = "60s"

    def setUp(self):
        super().setUp()
        self.dice = harness.dice()
        self.proxy = cloud.FaultyProxy.of(self, self.rgw.endpoint)
        self.endpoint = self.proxy.endpoint

    def policy_of(self, cluster, deadline=None, **options):
        super().policy_of(cluster, **options)
        with open(self.policy) as file:
            text = file.read()
        text = re.sub(r"^s3: \{(.*?)( , deadline: \w+)? \}$", rf"s3: {{\1 , deadline: {deadline or self.deadline} }}", text,
                      flags=re.M)
        with open(self.policy, "w") as file:
            file.write(text)

    def make(self, rows=4000, **options):
        self.primary = self.bucket_cluster(**options)
        self.primary.sql("create table t (id int primary key, body text); create table sessions (token text); "
                         "insert into sessions values ('secret'); create table noise (bytes bytea)")
        self.fill(rows)
        return self.primary

    def fill(self, rows=500):
        self.primary.sql(f"insert into t select coalesce((select max(id) from t), 0) + i, "
                         f"repeat(md5(random()::text), 20) from generate_series(1, {rows}) i")

    def noise(self, megabytes):
        """What no compression makes smaller: packs and dumps of several parts."""
        self.primary.sql("insert into noise select decode(string_agg(md5(random()::text), ''), 'hex') from "
                         f"generate_series(1, {megabytes} * 65536) i group by i % ({megabytes} * 32)")

    def content(self):
        content = self.primary.content()
        content["public.sessions"] = "0"
        return content

    def compared(self, expected, *arguments, name="restored"):
        restored = self.restored(*(arguments or ("--at", "latest")), name=name)
        self.assertEqual(restored.content(), expected)
        restored.stop("immediate")
        shutil.rmtree(restored.data)

    def all_is_right(self):
        self.assertEqual(self.seawall("--json", "verify").json()["damage"], [])
        self.seawall("wal", "audit")

    def refused(self, code, words, *arguments, **options):
        """It fails with this code and one clear sentence, and a secret is in none of it."""
        done = self.seawall(*arguments, check=False, **options)
        self.assertEqual(done.code, code, done)
        said = [line for line in done.err.splitlines() if line.startswith("seawall: error: ")]
        if code < 128:
            self.assertEqual(len(said), 1, done)
        self.assertRegex(done.err, words)
        self.assertNotIn(os.environ.get("AWS_SECRET_ACCESS_KEY") or "no secret is set", done.out + done.err)
        return done

    def archived(self):
        return self.primary.sql("select coalesce(last_archived_wal, '') from pg_stat_archiver")

    def failures(self):
        return int(self.primary.sql("select failed_count from pg_stat_archiver"))
