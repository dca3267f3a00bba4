"""One table as it was, into a live database: compared by content, and what is refused."""

import os

from harness import ClusterTest, main

SCHEMA = r"""
create schema shop;
create type shop.state as enum ('new', 'paid');
create table shop.owners (id int primary key);
insert into shop.owners select generate_series(1, 5);
create table shop."Clients" (id serial primary key, code bigint generated always as identity, name text not null unique,
  state shop.state default 'new', owner int references shop.owners, body text, check (id > 0));
alter table shop."Clients" alter body set storage external;
create index clients_state on shop."Clients" (state, upper(name));
create statistics shop.stats on state, owner from shop."Clients";
comment on table shop."Clients" is 'who pays';
create function shop.touch() returns trigger language plpgsql as $$ begin raise exception 'touched'; end $$;
insert into shop."Clients" (name, owner, body) select 'client ' || i, i % 5 + 1, repeat(md5(i::text), 200)
  from generate_series(1, 3000) i;
create trigger touched before update on shop."Clients" for each row execute function shop.touch();
alter table shop."Clients" enable row level security;
create role app; create policy own on shop."Clients" to app using (true);
create publication news for table shop."Clients";
create table shop.parts (id int, day date) partition by range (day);
create table shop.parts_1 partition of shop.parts for values from ('2026-01-01') to ('2027-01-01');
insert into shop.parts select i, '2026-05-05' from generate_series(1, 50) i;
create table staff_sessions (token text); insert into staff_sessions values ('s');
"""


class RestoreTable(ClusterTest):
    exclude = ("public.staff_sessions",)

    def table(self, table, *arguments, check=True, into="shop"):
        return self.seawall("--json", "restore", "table", table, "--into", self.primary.url(into), "--scratch",
                            self.scratch, *arguments, check=check)

    def hash_of(self, table, database="shop"):
        return self.primary.sql(f"select count(*) || md5(string_agg(r::text, '|' order by id)) from {table} r", database)

    def test_a_table_comes_back_beside_the_live_one(self):
        self.primary = self.make_cluster()
        space = os.path.join(self.folder, "space")
        os.mkdir(space)
        self.scratch = os.path.join(self.folder, "scratch")
        self.write_policy(self.primary, database="shop")
        self.primary.start()
        self.primary.sql("create database shop")
        self.primary.sql(f"create tablespace apart location '{space}'")
        self.primary.sql(SCHEMA, "shop")
        self.primary.sql("create table shop.far (id int) tablespace apart; insert into shop.far values (7)", "shop")
        self.seawall("apply")
        self.seawall("backup", "snapshots")
        self.primary.sql("insert into shop.\"Clients\" (name) values ('the last good one')", "shop")
        before = self.hash_of('shop."Clients"')
        lsn = self.primary.sql("select pg_current_wal_insert_lsn()")
        self.primary.sql("alter table shop.\"Clients\" disable trigger touched; delete from shop.\"Clients\" where id > 100; "
                         "insert into shop.\"Clients\" (name) values ('new')", "shop")
        damaged = self.hash_of('shop."Clients"')
        self.archive_now(self.primary)

        done = self.table('shop."Clients"', "--lsn", lsn).json()
        self.assertEqual((done["as"], done["rows"]), ('shop."Clients_restored"', 3001))
        self.assertEqual(self.hash_of('shop."Clients_restored"'), before)
        self.assertEqual(self.hash_of('shop."Clients"'), damaged)
        left = " ".join(done["left_out"])
        for words in ("foreign key", "trigger touched", "row security policy own", "statistics stats"):
            self.assertIn(words, left)
        # It is a table like the one it was: keys, defaults, checks, identity, with a sequence of its own.
        self.assertEqual(self.primary.sql("select string_agg(contype, '' order by contype) from pg_constraint where "
                                          "conrelid = 'shop.\"Clients_restored\"'::regclass", "shop"), "cpu")
        self.assertEqual(self.primary.sql("select count(*) from pg_index where indrelid = "
                                          "'shop.\"Clients_restored\"'::regclass", "shop"), "3")
        self.primary.sql("insert into shop.\"Clients_restored\" (name) values ('goes on')", "shop")
        self.assertGreater(int(self.primary.sql("select id from shop.\"Clients_restored\" where name = 'goes on'", "shop")), 3001)
        self.assertEqual(self.primary.sql("select count(*) from pg_class where relkind = 'S' and relname like '%restored%'",
                                          "shop"), "2")
        # Nothing is left behind, no server, no folder.
        self.assertEqual(os.listdir(self.scratch), [])
        self.assertEqual(os.listdir(space) != [], True)

        # Never over what is there; what the policy empties, and what is not one table, is refused before a byte moves.
        for arguments, code, words in [
                (('shop."Clients"', "--lsn", lsn), 5, "already"), (('shop."Clients"', "--at", "latest", "--as", "nowhere.x"), 3, "schema"),
                (("public.staff_sessions", "--at", "latest"), 2, "not brought back"), (("clients", "--at", "latest"), 2, "schema"),
                (("shop.far", "--at", "latest", "--data-only", "--as", "shop.nothing"), 3, "no table"),
                (("shop.far",), 2, "--lsn")]:
            refused = self.table(*arguments, check=False)
            self.assertEqual(refused.code, code, refused)
            self.assertIn(words, refused.err + refused.out)
        self.assertEqual(self.table("shop.parts", "--at", "latest", check=False).code, 2)
        self.assertEqual(os.listdir(self.scratch), [])

        # A partition by itself, under another name, in another schema of another database.
        self.primary.sql("create database copy")
        self.primary.sql("create schema other", "copy")
        done = self.table("shop.parts_1", "--at", "latest", "--as", "other.parts_of_may", into="copy").json()
        self.assertEqual(done["rows"], 50)
        self.assertEqual(self.hash_of("other.parts_of_may", "copy"), self.hash_of("shop.parts_1"))
        # Rows alone, all or none of them, and the live sequence is where it was.
        value = self.primary.sql("select last_value from shop.\"Clients_id_seq\"", "shop")
        refused = self.table('shop."Clients"', "--lsn", lsn, "--data-only", check=False)
        self.assertEqual(refused.code, 6, refused)  # duplicate keys
        self.assertEqual(self.hash_of('shop."Clients"'), damaged)
        self.primary.sql("truncate shop.\"Clients\"", "shop")
        done = self.table('shop."Clients"', "--lsn", lsn, "--data-only").json()
        self.assertEqual(self.hash_of('shop."Clients"'), before)
        self.assertEqual(self.primary.sql("select last_value from shop.\"Clients_id_seq\"", "shop"), value)


if __name__ == "__main__":
    main()
