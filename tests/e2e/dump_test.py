"""Logical dumps: taken, restored, compared."""

import json
import os
import subprocess

from dumps import DumpTest
from harness import PG_BIN, main, run

SCHEMA = r"""
create role breezy login password 'secret-of-breezy' connection limit 7;
create role readers;
create role app login in role readers;
alter role app set statement_timeout = '30s';
grant create on schema public to breezy;
create schema shop authorization breezy;
create schema pgboss authorization breezy;
grant usage on schema shop to readers;
set role breezy;
alter default privileges in schema shop grant select on tables to readers;
create type shop.state as enum ('new', 'paid');
create domain shop.cents as bigint check (value >= 0);
create table shop.clients (id int generated always as identity primary key, name text not null, extra jsonb,
  tags text[] default '{}', state shop.state default 'new', owed shop.cents default 0,
  shout text generated always as (upper(name)) stored);
insert into shop.clients (name, extra, tags) select 'client ' || i, jsonb_build_object('n', i, 'deep', array[i, i + 1]),
  array['a', i::text] from generate_series(1, 500) i;
create table shop."Uploads" (id serial primary key, client int references shop.clients, body bytea, at timestamptz default now());
alter table shop."Uploads" alter body set storage external;
insert into shop."Uploads" (client, body) select i, convert_to(repeat(md5(i::text), 4000), 'UTF8') from generate_series(1, 40) i;
create table shop.events (id bigint, day date, what text) partition by range (day);
create table shop.events_1 partition of shop.events for values from ('2026-01-01') to ('2026-07-01');
create table shop.events_2 partition of shop.events for values from ('2026-07-01') to ('2027-01-01');
insert into shop.events select i, date '2026-01-01' + i % 360, 'e' || i from generate_series(1, 2000) i;
create index on shop.events (day);
create sequence shop.invoice start 100 increment 5;
select nextval('shop.invoice'), nextval('shop.invoice');
create sequence shop.untouched;
create function shop.touch() returns trigger language plpgsql as $$ begin new.state := 'paid'; return new; end $$;
create trigger touched before update on shop.clients for each row execute function shop.touch();
create function shop.owed(int) returns bigint stable language sql as 'select owed from shop.clients where id = $1';
create view shop.names as select id, name from shop.clients;
create materialized view shop.totals as select state, count(*) from shop.clients group by state;
create materialized view shop.hollow as select 1 as one with no data;
comment on table shop.clients is 'who pays; it''s all of them';
grant select (id, name), update (name) on shop.clients to app;
grant execute on function shop.owed(int) to app;
revoke execute on function shop.owed(int) from public;
create table public.staff_sessions (token text primary key, at timestamptz default now());
create table pgboss.version (v int);
create table pgboss.job (name text, id int) partition by list (name);
create table pgboss.j1 partition of pgboss.job for values in ('mail');
create table pgboss.oddly_named partition of pgboss.job for values in ('sms');
insert into pgboss.version values (24);
insert into pgboss.job values ('mail', 1), ('sms', 2);
reset role;
insert into public.staff_sessions select md5(i::text) from generate_series(1, 9) i;
create extension hstore;
create table shop.bags (id int primary key, bag hstore);
insert into shop.bags values (1, 'a=>1'), (2, null);
create table shop.secrets (id int, owner text);
insert into shop.secrets values (1, 'app'), (2, 'other');
alter table shop.secrets enable row level security;
create policy own on shop.secrets to app using (owner = current_user);
grant select on shop.secrets to app;
create unlogged table shop.scratch (x int);
insert into shop.scratch values (1);
select lo_from_bytea(50001, 'a large object of the app');
alter large object 50001 owner to breezy;
grant select on large object 50001 to app;
create statistics shop.s on state, owed from shop.clients;
create publication news for table shop.clients;
"""

LEFT_OUT = {"pgboss.j1", "pgboss.oddly_named", "public.staff_sessions"}


def toc(path):
    lines = run(os.path.join(PG_BIN, "pg_restore"), "-l", path).out.split("\n")
    return [line.split(";", 1)[1].split(None, 2)[2] for line in lines if line and not line.startswith(";")]


def offsets(archive):
    """(id, has data, offset flag, offset) of each entry of an archive of version 1.14: docs/formats/dump.md, read anew."""
    at = 11

    def integer():
        nonlocal at
        at += 5
        value = int.from_bytes(archive[at - 4:at], "little")
        return -value if archive[at - 5] else value

    def text():
        nonlocal at
        length = integer()
        at += max(length, 0)
        return None if length < 0 else archive[at - length:at]

    assert archive[:7] == b"PGDMP\x01\x0e"
    for _ in range(8):
        integer()
    for _ in range(3):
        text()
    entries = []
    for _ in range(integer()):
        dump_id, has_data = integer(), integer()
        for _ in range(4):
            text()
        integer()
        for _ in range(8):
            text()
        while text() is not None:
            pass
        entries.append((dump_id, has_data, archive[at], int.from_bytes(archive[at + 1:at + 9], "little")))
        at += 9
    return entries


class WholeLife(DumpTest):
    """One rich database, taken once, restored in each way."""

    def content(self, database, cluster=None):
        content = (cluster or self.primary).content(database)
        return {table: rows for table, rows in content.items() if table not in LEFT_OUT}

    def definitions(self, database, cluster=None):
        """Every definition with owners and grants, as pg_dump sees it: what a copy must share."""
        url = (cluster or self.primary).url(database)
        text = run(os.path.join(PG_BIN, "pg_dump"), "--schema-only", "-d", url).out
        return [line for line in text.split("\n") if not line.startswith(("--", "\\"))]

    def test_everything_comes_back(self):
        self.sql(SCHEMA)
        self.sql("alter database breezycorp set work_mem = '7MB'; alter database breezycorp owner to breezy; "
                 "revoke connect on database breezycorp from public; grant connect on database breezycorp to app; "
                 "alter role app in database breezycorp set search_path = shop, \"$user\"")
        record = self.take()
        day = self.sql("select to_char(now() at time zone 'Asia/Singapore', 'YYYY-MM-DD')")
        self.assertEqual(record["name"], f"breezycorp_{day}.dump")
        self.assertEqual(self.objects(), [record["name"], record["name"] + ".json"])
        self.check_record(record)
        self.check_archive(record)
        before = self.content("breezycorp")
        self.check_stock_tools(record, before)
        self.check_restore_on_another_server(before)
        self.check_restore_to_an_owner(before)
        self.check_refusals(record)

    def check_record(self, record):
        self.assertEqual(record["sha256"], run("sha256sum", self.path(record)).out.split()[0])
        self.assertEqual(record["size"], os.path.getsize(self.path(record)))
        with open(self.path(record) + ".json") as file:
            self.assertEqual(json.load(file)["body"], record)
        rows = {f"{r['schema']}.{r['name']}": r["rows"] for r in record["relations"]}
        self.assertEqual((rows["shop.clients"], rows["shop.Uploads"], rows["shop.events_1"] + rows["shop.events_2"]),
                         (500, 40, 2000))
        self.assertEqual((rows["pgboss.version"], rows["pgboss.job"], rows["pgboss.j1"], rows["pgboss.oddly_named"],
                          rows["public.staff_sessions"]), (1, None, None, None, None))
        self.assertEqual((rows["shop.totals"], rows["shop.hollow"]), (1, None))
        values = {s["name"]: (s["last_value"], s["is_called"]) for s in record["sequences"]}
        self.assertEqual(values, {"clients_id_seq": (500, True), "Uploads_id_seq": (40, True), "invoice": (105, True),
                                  "untouched": (1, False)})
        self.assertNotIn("SCRAM", json.dumps(record))
        self.assertEqual({x["name"] for x in record["extensions"]}, {"plpgsql", "hstore"})
        self.assertEqual(record["warnings"], [])

    def check_archive(self, record):
        entries = toc(self.path(record))
        data = [entry for entry in entries if entry.startswith("TABLE DATA")]
        for table in ("j1", "oddly_named", "staff_sessions"):
            self.assertFalse([entry for entry in data if f" {table} " in entry])
            self.assertTrue([entry for entry in entries if entry.startswith("TABLE ") and f" {table} " in entry])
        self.assertFalse([entry for entry in entries if entry.startswith(("ACL", "DEFAULT ACL"))])
        self.assertTrue(record["offsets"])
        with open(self.path(record), "rb") as file:
            archive = file.read()
        blocks = {dump_id: (flag, offset) for dump_id, has_data, flag, offset in offsets(archive) if has_data}
        self.assertEqual(len(blocks), len(data) + 1)  # and the large objects
        for dump_id, (flag, offset) in blocks.items():
            self.assertEqual((flag, int.from_bytes(archive[offset + 2:offset + 6], "little")), (2, dump_id))

    def check_stock_tools(self, record, before):
        self.primary.sql("create database stock")
        run(os.path.join(PG_BIN, "pg_restore"), "-e", "-j2", "-d", self.primary.url("stock"), self.path(record))
        self.assertEqual(self.content("stock"), before)
        self.primary.sql("drop database stock")

    def check_restore_on_another_server(self, before):
        other = self.make_cluster("other", archive=False, port=5433).start()
        told = self.restore_into("copy", "--create", "-j2", cluster=other)
        self.assertTrue(told["same"])
        self.assertEqual(sorted(told["roles_made"]), ["app", "breezy", "readers"])
        self.assertEqual(self.content("copy", other), before)
        self.assertEqual(self.definitions("copy", other), self.definitions("breezycorp"))
        for table in LEFT_OUT:
            self.assertEqual(self.sql(f"select count(*) from {table}", "copy", cluster=other), "0")
        for query in ("select lo_get(50001)", "select shop.owed(3)", "select nextval('shop.untouched')",
                      "select rolconnlimit, rolcanlogin from pg_roles where rolname = 'breezy'",
                      "select rolconfig from pg_roles where rolname = 'app'",
                      "select rolcanlogin, rolpassword from pg_authid where rolname = 'readers'"):
            self.assertEqual(self.sql(query, "copy", cluster=other), self.sql(query), query)
        self.assertEqual(self.sql("select rolpassword is null from pg_authid where rolname = 'breezy'", "copy",
                                  cluster=other), "t")
        for query in ("select count(*), max(name) from clients", "select lo_get(50001)", "select * from secrets",
                      "select shop.owed(3)", "show search_path", "show work_mem", "select count(*) from names",
                      "show statement_timeout"):
            self.assertEqual(self.sql(query, "copy", "app", other), self.sql(query, user="app"), query)
        for query in ("update clients set extra = null", "insert into clients (name) values ('x')",
                      "select * from pgboss.version"):
            for database, cluster in (("copy", other), ("breezycorp", self.primary)):
                with self.assertRaisesRegex(AssertionError, "permission denied"):
                    self.sql(query, database, "app", cluster)
        self.sql("create table shop.later (x int)", "copy", "breezy", other)  # default privileges hold
        self.assertEqual(self.sql("select count(*) from shop.later", "copy", "app", other), "0")

    def check_restore_to_an_owner(self, before):
        self.primary.sql("create role heir")
        self.primary.sql("create database heirs")
        told = self.restore_into("heirs", "--owner", "heir", "--no-globals")
        self.assertTrue(told["same"])
        self.assertEqual(self.content("heirs"), before)
        strangers = self.sql(
            "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname in "
            "('shop', 'pgboss') and relowner <> 'heir'::regrole", "heirs")
        self.assertEqual(strangers, "")
        self.assertEqual(self.sql("select distinct proowner::regrole from pg_proc where pronamespace = "
                                  "'shop'::regnamespace", "heirs"), "heir")
        self.assertEqual(self.sql("select lomowner::regrole from pg_largeobject_metadata", "heirs"), "heir")
        self.assertEqual(self.sql("select distinct nspowner::regrole from pg_namespace where nspname in ('shop', "
                                  "'pgboss')", "heirs"), "heir")
        self.assertIn("PUBLICATION", " ".join(told["notes"]))

    def check_refusals(self, record):
        into = ("restore", "dump", "latest", "--into")
        self.assertIn("not empty", self.fails(5, *into, self.primary.url("heirs")))
        self.assertIn("a database heirs already", self.fails(5, *into, self.primary.url("heirs"), "--create"))
        self.assertIn("no role nobody", self.fails(3, *into, self.primary.url("n"), "--create", "--owner", "nobody"))
        self.assertIn(record["name"], self.fails(3, "restore", "dump", "1999-01-01", "--into", self.primary.url("n")))
        self.assertIn("pg_restore", self.fails(2, *into, self.primary.url("n"), "--create", "--pg-bin", self.folder))
        os.chmod(self.path(record), 0o600)
        with open(self.path(record), "r+b") as file:
            file.seek(record["size"] // 2)
            byte = file.read(1)
            file.seek(record["size"] // 2)
            file.write(bytes([byte[0] ^ 1]))
        self.assertIn("damaged", self.fails(7, *into, self.primary.url("n"), "--create"))
        self.assertEqual(self.primary.sql("select count(*) from pg_database where datname = 'n'"), "0")


class Names(DumpTest):
    def test_a_day_has_one_dump_unless_asked_again(self):
        self.sql("create table t (x int); insert into t values (1)")
        first = self.take()
        error = self.fails(5, "backup", "dumps")
        self.assertIn("--again", error)
        self.sql("insert into t values (2)")
        second = self.take("--again")
        third = self.take("--again")
        stem = first["name"][:-len(".dump")]
        self.assertEqual([second["name"], third["name"]], [stem + ".2.dump", stem + ".3.dump"])
        self.assertEqual(len(self.objects()), 6)
        told = self.restore_into("newest", "--create")
        self.assertEqual(told["dump"], third["name"])
        self.seawall("restore", "dump", first["name"], "--into", self.primary.url("oldest"), "--create")
        self.assertEqual([self.sql("select count(*) from t", at) for at in ("oldest", "newest")], ["1", "2"])

    def test_a_dump_without_its_record_does_not_count(self):
        self.sql("create table t (x int)")
        first = self.take()
        os.unlink(self.path(first) + ".json")  # as a crash between the two leaves it
        self.assertIn("no record", self.fails(5, "restore", "dump", "latest", "--into", self.primary.url("n"), "--create"))
        second = self.take()
        self.assertTrue(second["name"].endswith(".2.dump"))
        self.write_policy(self.primary, database="breezycorp",
                          layers=self.layers() + '  pitr: { retain: 7d }\n  snapshots:\n    nightly: { at: "03:00", retain: 30d }\n')
        self.seawall("apply")
        listed = self.seawall("--json", "list").json()
        self.assertEqual([dump["finished"] is None for dump in listed["dumps"]], [True, False])
        table = self.seawall("list").out
        self.assertIn("unfinished", table)
        self.assertIn(second["name"], table)

    def test_passwords_are_recorded_only_if_the_policy_says_so(self):
        self.sql("create role guarded login password 'x'")
        roles = {role["name"]: role for role in self.take()["globals"]["roles"]}
        self.assertNotIn("password", roles["guarded"])
        self.write_policy(self.primary, database="breezycorp", layers=self.layers(", roles_with_passwords: true"))
        roles = {role["name"]: role for role in self.take("--again")["globals"]["roles"]}
        self.assertTrue(roles["guarded"]["password"].startswith("SCRAM"))


class Busy(DumpTest):
    def test_rows_and_record_agree_while_the_database_is_written(self):
        self.sql("create table t (id serial primary key, body text); insert into t (body) select md5(i::text) from "
                 "generate_series(1, 60000) i")
        writer = subprocess.Popen(
            ["psql", "-X", "-q", "-d", self.primary.url("breezycorp"), "-c",
             "do $$ begin for i in 1..100000 loop insert into t (body) values ('more'); commit; end loop; end $$"],
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.wait_for(lambda: int(self.sql("select count(*) from t")) > 60050)
            record = self.take()
        finally:
            writer.kill()
            writer.wait()
        self.assertGreater(record["relations"][0]["rows"], 60050)
        told = self.restore_into("copy", "--create")
        self.assertTrue(told["same"])
        self.assertGreater(int(self.sql("select count(*) from t")), record["relations"][0]["rows"])


if __name__ == "__main__":
    main()
