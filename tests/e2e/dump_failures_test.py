"""Everything that can go wrong while a dump is taken or restored: told, and nothing left behind."""

import os
import signal
import subprocess
import time

import harness
from dumps import DumpTest
from harness import PG_BIN, main, run


class Failures(DumpTest):
    def fill(self):
        self.sql("create table kept (id serial primary key, body text); "
                 "insert into kept (body) select md5(i::text) || md5((i + 1)::text) from generate_series(1, 120000) i; "
                 "create table other (x int); create sequence numbers")

    def nothing_is_left_and_a_retry_succeeds(self):
        self.assertEqual(self.objects(), [])
        self.assertEqual(len(self.take()["relations"]), 2)
        self.assertEqual(len(self.objects()), 2)

    def test_pg_dump_killed_midway(self):
        self.fill()
        marker = os.path.join(self.folder, "pid")
        folder = self.wrapper("pg_dump", f"""
if [ "$1" != --version ] && [[ "$*" != *schema-only* ]]; then
  {PG_BIN}/pg_dump "$@" | (head -c 300000; kill -9 $$)
  exit 0
fi
exec {PG_BIN}/pg_dump "$@"
""")
        error = self.fails(6, "backup", "dumps", env=self.with_path(folder))
        self.assertIn("pg_dump ended with 137", error)
        self.nothing_is_left_and_a_retry_succeeds()

    def test_pg_dump_that_claims_success_with_half_an_archive(self):
        self.fill()
        folder = self.wrapper("pg_dump", f"""
if [ "$1" != --version ] && [[ "$*" != *schema-only* ]]; then {PG_BIN}/pg_dump "$@" | head -c 300000; exit 0; fi
exec {PG_BIN}/pg_dump "$@"
""")
        self.assertIn("ends early", self.fails(7, "backup", "dumps", env=self.with_path(folder)))
        self.nothing_is_left_and_a_retry_succeeds()

    def test_pg_dump_that_speaks_of_an_error_and_ends_with_0(self):
        self.fill()
        folder = self.wrapper("pg_dump", f'[ "$1" = --version ] || echo "pg_dump: error: odd" >&2\nexec {PG_BIN}/pg_dump "$@"')
        self.assertIn("error: odd", self.fails(6, "backup", "dumps", env=self.with_path(folder)))
        self.nothing_is_left_and_a_retry_succeeds()

    def test_relations_that_the_archive_lacks_are_named(self):
        self.fill()
        for option, missing in (("--exclude-table=other", "TABLE public.other, TABLE DATA public.other"),
                                ("--exclude-table=numbers", "SEQUENCE public.numbers, SEQUENCE SET public.numbers"),
                                ("--exclude-table-data=other", "TABLE DATA public.other")):
            folder = self.wrapper("pg_dump", f'[ "$1" = --version ] || set -- "$@" {option}\nexec {PG_BIN}/pg_dump "$@"')
            error = self.fails(7, "backup", "dumps", env=self.with_path(folder))
            self.assertIn(f"pg_dump left out what the catalog has: {missing}\n", error)
        self.nothing_is_left_and_a_retry_succeeds()

    def test_rows_that_are_in_the_archive_but_left_out_by_the_policy(self):
        self.fill()
        self.sql("create schema pgboss; create table pgboss.job (x int); insert into pgboss.job values (1)")
        folder = self.wrapper("pg_dump", f"""
all=("$@"); for i in "${{!all[@]}}"; do [[ "${{all[$i]}}" == --exclude* ]] && unset "all[$i]"; done
exec {PG_BIN}/pg_dump "${{all[@]}}"
""")
        self.assertIn("pgboss.job", self.fails(7, "backup", "dumps", env=self.with_path(folder)))
        self.assertEqual(self.objects(), [])

    def test_a_client_older_than_the_server(self):
        folder = self.wrapper("pg_dump", "echo 'pg_dump (PostgreSQL) 14.0'")
        error = self.fails(2, "backup", "dumps", "--pg-bin", folder)
        self.assertIn("pg_dump 14 is older than the server", error)
        self.assertIn("postgresql-client-", error)
        self.assertIn("there is no pg_dump", self.fails(2, "backup", "dumps", "--pg-bin", self.folder))
        self.assertEqual(self.objects(), [])
        # Along PATH the old one is passed over.
        self.seawall("backup", "dumps", env=self.with_path(folder))

    def test_the_disk_fills_up(self):
        self.fill()
        error = self.fails(8, "backup", "dumps", program=("prlimit", "--fsize=1000000"))
        self.assertIn("File too large", error)
        self.nothing_is_left_and_a_retry_succeeds()

    def test_a_store_that_cannot_be_written(self):
        self.fill()
        os.mkdir(self.dumps)
        os.chmod(self.dumps, 0o500)
        self.fails(4, "backup", "dumps")
        os.chmod(self.dumps, 0o700)
        self.nothing_is_left_and_a_retry_succeeds()

    def test_stopped_by_a_signal(self):
        self.fill()
        folder = self.wrapper("pg_dump", f'[ "$1" = --version ] || sleep 20\nexec {PG_BIN}/pg_dump "$@"')
        process = subprocess.Popen([harness.SEAWALL, "--policy", self.policy, "backup", "dumps"], stderr=subprocess.PIPE,
                                   env={**os.environ, **self.with_path(folder)}, stdin=subprocess.DEVNULL)
        self.wait_for(lambda: self.sql("select count(*) from pg_stat_activity where application_name = 'seawall'") == "1")
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(timeout=30), 9, process.stderr.read())
        process.stderr.close()
        self.nothing_is_left_and_a_retry_succeeds()

    def test_no_secret_is_in_any_argument(self):
        self.fill()
        seen = os.path.join(self.folder, "seen")
        folder = self.wrapper("pg_dump", f"""
[ "$1" = --version ] || {{ echo "$*" >>{seen}; echo "$PGPASSWORD" >>{seen}.password; }}
exec {PG_BIN}/pg_dump "$@"
""")
        url = self.primary.url("breezycorp") + "&password=hush"
        self.write_policy(self.primary, database="breezycorp", layers=self.layers())
        with open(self.policy) as file:
            text = file.read().replace(self.primary.url("breezycorp"), "env:DATABASE_URL")
        with open(self.policy, "w") as file:
            file.write(text)
        self.seawall("backup", "dumps", env={**self.with_path(folder), "DATABASE_URL": url})
        with open(seen) as file:
            arguments = file.read()
        self.assertNotIn("hush", arguments)
        whole = [line for line in arguments.split("\n") if "--compress=9 --no-owner --no-privileges" in line]
        self.assertEqual(len(whole), 1, arguments)
        with open(seen + ".password") as file:
            self.assertEqual(set(file.read().split()), {"hush"})

    def test_a_foreign_key_into_rows_left_out_is_told_and_stops_the_restore(self):
        self.sql("create schema pgboss; create table staff_sessions (token int primary key); "
                 "create table audit (session int constraint of_session references staff_sessions, day date) partition by range (day); "
                 "create table audit_1 partition of audit default; "
                 "create table pgboss.job (id int primary key) partition by range (id); "
                 "create table pgboss.any partition of pgboss.job default; "
                 "create table result (job int constraint of_job references pgboss.job); "
                 "create table people (id int primary key); "
                 "create table pgboss.j1 (person int references people, job int references pgboss.job); "
                 "insert into staff_sessions values (1); insert into audit values (1)")
        record = self.take()
        told = "refers to {}, whose rows are left out: restoring it will fail"
        self.assertEqual(record["warnings"], ["of_session of public.audit " + told.format("public.staff_sessions"),
                                              "of_job of public.result " + told.format("pgboss.job")])
        error = self.fails(6, "restore", "dump", "latest", "--into", self.primary.url("n"), "--create")
        self.assertIn("violates foreign key constraint", error)
        self.assertIn("half restored", error)

    def test_a_restore_that_lost_rows_is_told(self):
        self.fill()
        self.take()
        folder = self.wrapper("pg_restore", f"""
{PG_BIN}/pg_restore "$@" || exit $?
[ "$1" = --version ] || {PG_BIN}/psql -X -q -d "${{2#--dbname=}}" -c "delete from kept where id = 7; select nextval('numbers')" >/dev/null
""")
        done = run(harness.SEAWALL, "--policy", self.policy, "--json", "restore", "dump", "latest", "--into",
                   self.primary.url("n"), "--create", env=self.with_path(folder), check=False)
        self.assertEqual(done.code, 7, done)
        wrong = {one["relation"]: one["restored"] for one in done.json()["compared"] if not one["same"]}
        self.assertEqual(wrong, {'"public"."kept"': "119999 rows", '"public"."numbers"': "at 1"})


if __name__ == "__main__":
    main()
