"""Snapshots over the replication protocol, of a cluster whose files are never looked at."""

import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import harness
from harness import PG_BIN, Cluster, ClusterTest, main, read, run

TOOLS = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../tools/without-seawall"))
PASSWORD = "correct horse"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def logged(cluster):
    """The content of all tables but the unlogged one, which a backup empties."""
    content = cluster.content()
    content.pop("public.scratch", None)
    return content


class Remote(ClusterTest):
    """A cluster reached over TCP, by a role with a password and no more rights than are needed; its WAL is streamed."""

    def setUp(self):
        super().setUp()
        self.receivers = []
        self.addCleanup(self.stop_receivers)
        self.passfile = os.path.join(self.folder, "pgpass")
        with open(self.passfile, "w") as passfile:
            passfile.write(f"127.0.0.1:*:*:seawall:{PASSWORD}\n")
        os.chmod(self.passfile, 0o600)

    def remote_cluster(self):
        cluster = self.make_cluster(archive=False, port=free_port())
        self.listen(cluster)
        cluster.start()
        cluster.sql(f"create role seawall login replication password '{PASSWORD}'; "
                    "grant pg_read_all_settings, pg_read_all_data, pg_monitor to seawall")
        return cluster

    @staticmethod
    def listen(cluster):
        """Over TCP to this role alone; Cluster.start() closes TCP unless the file is the last word."""
        cluster.configure({"wal_keep_size": "64MB"})
        with open(os.path.join(cluster.data, "pg_hba.conf"), "w") as hba:
            hba.write("local all postgres trust\nlocal replication postgres trust\n"
                      "host all seawall 127.0.0.1/32 scram-sha-256\n"
                      "host replication seawall 127.0.0.1/32 scram-sha-256\n")
        cluster.start = lambda timeout=60: run(
            os.path.join(PG_BIN, "pg_ctl"), "-D", cluster.data, "-l", cluster.log, "-w", "-t", timeout, "-o",
            f"-k {cluster.socket} -p {cluster.port} -c listen_addresses=127.0.0.1", "start", timeout=timeout + 10)

    def write_remote_policy(self, cluster, access="replication"):
        with open(self.policy, "w") as policy:
            policy.write("version: 1\nname: test\ntimezone: UTC\n"
                         f"database:\n  access: {access}\n"
                         f"  url: postgresql://seawall@127.0.0.1:{cluster.port}/postgres\n"
                         f"repository:\n  store: file://{self.repository}\n"
                         "layers:\n  pitr: { retain: 7d, receive: { slot: seawall, flush: 1s } }\n"
                         '  snapshots: { nightly: { at: "03:00", retain: 30d } }\n')

    def seawall(self, *arguments, **options):
        options["env"] = {"PGPASSFILE": self.passfile, **options.get("env", {})}
        return super().seawall(*arguments, **options)

    def receive(self, cluster):
        # Of its own: a receiver follows its policy, and tests change ours.
        policy = os.path.join(self.folder, "receiver.yaml")
        shutil.copy(self.policy, policy)
        receiver = subprocess.Popen([harness.SEAWALL, "--policy", policy, "-q", "wal", "receive"],
                                    env={**os.environ, "PGPASSFILE": self.passfile})
        self.receivers.append(receiver)
        self.wait_for(lambda: cluster.sql("select count(*) from pg_replication_slots where active") == "1",
                      what="a receiver")

    def stop_receivers(self):
        for receiver in self.receivers:
            receiver.terminate()
        for receiver in self.receivers:
            receiver.wait(20)
        self.receivers = []

    def backup(self, *arguments, **options):
        return self.seawall("--json", "backup", "snapshots", *arguments, **options).json()

    def fill(self, cluster, rows=40000):
        cluster.sql("create table notes (id int primary key, body text); "
                    f"insert into notes select i, repeat(md5(i::text), 20) from generate_series(1, {rows}) i; "
                    "create unlogged table scratch as select generate_series(1, 1000) i")

    def space_for(self, cluster, name="fast"):
        location = os.path.join(self.folder, name)
        os.mkdir(location, 0o700)
        cluster.sql(f"create tablespace {name} location '{location}'")
        cluster.sql(f"create table aside (id int, body text) tablespace {name}; "
                    "insert into aside select i, md5(i::text) from generate_series(1, 20000) i")
        return location


class Before15:
    """A proxy that makes the replication connections of a newer server look as version 14's: one copy for each archive, without
    the two blocks at its end. It takes the command in version 14's grammar alone."""

    COMMAND = re.compile(rb"Q....BASE_BACKUP LABEL ('[^']*') PROGRESS FAST NOWAIT TABLESPACE_MAP\0", re.DOTALL)

    def __init__(self, server_port):
        self.server_port = server_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.translated = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        server = socket.create_connection(("127.0.0.1", self.server_port))
        startup = client.recv(4)
        startup += client.recv(struct.unpack("!I", startup)[0] - 4)
        while startup[4:8] in (b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30"):  # TLS, GSS: not here
            client.sendall(b"N")
            startup = client.recv(4)
            startup += client.recv(struct.unpack("!I", startup)[0] - 4)
        server.sendall(startup)
        threading.Thread(target=self.pass_commands, args=(client, server), daemon=True).start()
        with server.makefile("rb") as messages, client.makefile("wb") as out:
            translate = self.translate if b"replication\0true" in startup else lambda *message: [message]
            self.archives = 0
            while head := messages.read(5):
                kind, length = head[:1], struct.unpack("!I", head[1:])[0]
                for kind, body in translate(kind, messages.read(length - 4)):
                    out.write(kind + struct.pack("!I", len(body) + 4) + body)
                out.flush()

    def pass_commands(self, client, server):
        while data := client.recv(65536):
            if command := self.COMMAND.fullmatch(data):
                self.translated += 1
                text = (b"BASE_BACKUP (LABEL " + command.group(1) + b", PROGRESS, CHECKPOINT 'fast', WAIT false, MANIFEST 'no', "
                        b"TABLESPACE_MAP)\0")
                data = b"Q" + struct.pack("!I", len(text) + 4) + text
            server.sendall(data)
        server.shutdown(socket.SHUT_RDWR)
        client.close()

    def translate(self, kind, body):
        if kind == b"S" and body.startswith(b"server_version\0"):
            return [(kind, b"server_version\0" + b"14.9\0")]
        if kind == b"H":
            return []
        if kind != b"d":
            return [(kind, body)]
        if body[:1] == b"n":
            self.archives += 1
            return ([(b"c", b"")] if self.archives > 1 else []) + [(b"H", b"\0\0\0")]
        return [(b"d", body[1:])] if body[:1] == b"d" and body[1:] != bytes(1024) else []


class RemoteSnapshots(Remote):
    def test_a_cluster_under_writes_comes_back_with_its_tablespace(self):
        primary = self.remote_cluster()
        self.write_remote_policy(primary)
        self.fill(primary)
        self.space_for(primary)
        self.seawall("apply")
        self.receive(primary)
        writer = subprocess.Popen(["psql", "-X", "-q", "-d", primary.url(), "-c", "create table beside (id int, at timestamptz)"]
                                  + ["-c", "insert into beside select i, now() from generate_series(1, 3000) i"] * 60,
                                  stdout=subprocess.DEVNULL)
        first = self.backup()
        self.assertEqual((first["from"], first["access"], first["base"]), ("primary", "replication", None))
        self.assertEqual(len(first["tablespaces"]), 1)
        self.assertIn("fast", first["tablespace_map"])
        writer.wait(60)
        primary.sql("update notes set body = 'changed' where id = 17")
        primary.sql("checkpoint")
        second = self.backup()
        self.assertEqual(second["base"], first["id"])
        self.assertLess(second["totals"]["new_bytes"], first["totals"]["new_bytes"] / 3)
        self.assertEqual((second["damaged"], second["suspects"]), ([], []))
        primary.sql("insert into notes values (0, 'the last word')")
        before = logged(primary)
        self.wait_until_received(primary)
        self.seawall("verify")
        oid = second["tablespaces"][0]["oid"]
        restored = self.restored("--at", "latest", "--tablespace", f"{oid}={os.path.join(self.folder, 'slow')}")
        self.assertEqual(logged(restored), before)
        restored.stop()
        os.rename(os.path.join(restored.data, "base"), os.path.join(restored.data, "base-gone"))
        self.seawall("restore", "--at", "latest", "--delta", "--to", restored.data, "--tablespace",
                     f"{oid}={os.path.join(self.folder, 'slow')}")
        restored.start()
        self.assertEqual(logged(restored), before)

    def wait_until_received(self, cluster):
        """All that is written until now is durable in the repository."""
        goal = cluster.sql("select pg_current_wal_flush_lsn()")
        self.wait_for(lambda: cluster.sql("select coalesce(bool_or(flush_lsn >= "
                                          f"'{goal}'), false) from pg_stat_replication") == "t",
                      what=f"{goal} received")

    def test_file_and_remote_snapshots_build_upon_each_other(self):
        primary = self.remote_cluster()
        self.write_remote_policy(primary)
        self.fill(primary)
        self.space_for(primary)
        self.seawall("apply")
        self.receive(primary)
        self.write_policy(primary)
        by_files = self.backup()
        self.assertEqual(by_files["access"], "files")
        self.write_remote_policy(primary)
        remote = self.backup()
        self.assertEqual((remote["base"], remote["access"]), (by_files["id"], "replication"))
        self.assertLess(remote["totals"]["new_bytes"], 1500000)  # what a checkpoint and a backup touch
        self.write_policy(primary)
        again = self.backup()
        self.assertEqual(again["base"], remote["id"])
        self.assertLess(again["totals"]["new_bytes"], 1500000)
        before = logged(primary)
        trees = {snapshot["id"]: self.laid_out(snapshot) for snapshot in (by_files, remote, again)}
        self.assertEqual(trees[remote["id"]], trees[by_files["id"]])
        self.assertEqual(trees[again["id"]], trees[by_files["id"]])
        self.wait_until_received(primary)
        restored = self.restore_snapshot(remote)
        self.assertEqual(logged(restored), before)
        # A page that storage has damaged: the server says so at the end, and the snapshot is kept with a list.
        primary.sql("checkpoint")  # or the page would be written anew
        path = primary.sql("select pg_relation_filepath('notes')")
        with open(os.path.join(primary.data, path), "r+b") as file:
            file.seek(10 * 8192 + 4000)
            file.write(b"damage")
        self.write_remote_policy(primary)
        damaged = self.backup()
        self.assertEqual(damaged["damaged"], [{"path": path, "block": 10}])

    def laid_out(self, snapshot):
        """Names, kinds and modes of all files of a snapshot, laid out by the script that knows the format alone."""
        data = os.path.join(self.folder, "laid-out-" + snapshot["id"])
        run(os.path.join(TOOLS, "restore.py"), self.repository, snapshot["id"], data,
            f"--tablespace={snapshot['tablespaces'][0]['oid']}={data}.space")
        tree = set()
        for top in (data, data + ".space"):
            for folder, folders, files in os.walk(top):
                for name in folders + files:
                    path = os.path.join(folder, name)
                    if not os.path.islink(path):
                        tree.add((os.path.relpath(path, top), os.lstat(path).st_mode))
        return tree

    def restore_snapshot(self, snapshot, *arguments):
        spaces = [["--tablespace", f"{space['oid']}={os.path.join(self.folder, 'slow-' + snapshot['id'])}"]
                  for space in snapshot["tablespaces"]]
        return self.restored("--snapshot", snapshot["id"], *sum(spaces, []), *arguments, name=snapshot["id"])

    def test_one_cut_short_leaves_nothing_that_looks_like_a_snapshot(self):
        primary = self.remote_cluster()
        self.write_remote_policy(primary)
        self.fill(primary)
        self.seawall("apply")
        self.receive(primary)
        unhurried = harness.read(self.policy)
        with open(self.policy, "a") as policy:
            policy.write("limits: { store_per_second: 1MB }\n")
        for phase in range(3):
            running = subprocess.Popen([harness.SEAWALL, "--policy", self.policy, "-q", "backup", "snapshots"],
                                       env={**os.environ, "PGPASSFILE": self.passfile})
            self.wait_for(lambda: primary.sql("select count(*) from pg_stat_progress_basebackup where phase like "
                                              "'streaming%'") == "1" or running.poll() is not None, what="a backup")
            time.sleep(0.05 * phase)
            running.send_signal(signal.SIGKILL)
            running.wait()
            self.assertEqual(running.returncode, -signal.SIGKILL, "it was too fast to be cut short")
            self.assertEqual(self.seawall("--json", "list").json()["snapshots"], [])
        self.wait_for(lambda: primary.sql("select count(*) from pg_stat_progress_basebackup") == "0", what="an end")
        with open(self.policy, "wb") as policy:
            policy.write(unhurried)
        snapshot = self.backup()
        before = logged(primary)
        self.seawall("verify")
        self.assertEqual(logged(self.restore_snapshot(snapshot)), before)

    def test_a_standby_serves_as_well(self):
        primary = self.remote_cluster()
        self.fill(primary, rows=5000)
        standby = self.standby_of(primary)
        self.write_remote_policy(standby)
        self.seawall("apply")
        self.receive(standby)
        running = subprocess.Popen([harness.SEAWALL, "--policy", self.policy, "--json", "backup", "snapshots"],
                                   env={**os.environ, "PGPASSFILE": self.passfile}, stdout=subprocess.PIPE)
        while running.poll() is None:  # a standby cannot end a segment itself
            primary.sql("insert into notes select coalesce(max(id), 0) + 1, 'beside' from notes; select pg_switch_wal()")
            time.sleep(0.3)
        snapshot = json.loads(running.communicate()[0])
        self.assertEqual((running.returncode, snapshot["from"]), (0, "standby"))
        restored = self.restore_snapshot(snapshot)
        self.assertGreaterEqual(int(restored.sql("select count(*) from notes")), 5000)
        self.assertEqual(restored.sql("select count(*) from notes where body = repeat(md5(id::text), 20)"), "5000")

    def standby_of(self, primary):
        folder = os.path.join(self.folder, "standby")
        os.mkdir(folder, 0o700)
        standby = Cluster(folder, port=free_port())
        run(os.path.join(PG_BIN, "pg_basebackup"), "-D", standby.data, "-R", "-c", "fast", "-d", primary.url())
        standby.configure({"port": standby.port, "unix_socket_directories": standby.socket})
        self.clusters.append(standby)
        self.listen(standby)
        return standby.start() and standby

    def test_check_names_what_is_missing_and_a_wrong_password_is_denied(self):
        primary = self.remote_cluster()
        self.write_remote_policy(primary)
        outside = os.path.join(self.folder, "outside_hba.conf")
        shutil.copy(os.path.join(primary.data, "pg_hba.conf"), outside)
        primary.configure({"hba_file": outside, "max_wal_senders": 1})
        primary.stop()
        primary.start()
        wrong = self.seawall("apply", check=False, env={"PGPASSFILE": "/dev/null", "PGPASSWORD": "wrong"})
        self.assertEqual(wrong.code, 4, wrong)  # denied
        self.seawall("apply", env={"PGPASSFILE": "/dev/null", "PGPASSWORD": PASSWORD})
        said = self.seawall("check", check=False)
        self.assertIn("max_wal_senders = 4", said.out)
        self.assertIn("no receiver is connected", said.out)
        self.assertIn(f"outside the data directory, so in no snapshot: {outside}", said.out)
        self.assertNotIn("pg_backup_start", said.out)
        with open(outside) as hba:
            kept = hba.read()
        with open(outside, "w") as hba:
            hba.write(kept.replace("host replication", "# host replication"))
        primary.sql("alter role seawall noreplication; select pg_reload_conf()")
        said = self.seawall("check", check=False)
        self.assertNotEqual(said.code, 0)
        self.assertIn('ALTER ROLE "seawall" REPLICATION;', said.out)
        self.assertIn('host replication "seawall" 127.0.0.1/32 scram-sha-256', said.out)
        with open(outside, "w") as hba:
            hba.write(kept)
        primary.sql("alter role seawall replication; grant pg_read_server_files to seawall; grant execute on function "
                    "pg_read_binary_file(text, bigint, bigint, boolean) to seawall")
        primary.sql("alter system set max_wal_senders = 4")
        primary.stop()
        primary.start()
        self.receive(primary)
        snapshot = self.backup()
        self.assertEqual([file["original"] for file in snapshot["external"]], [outside])
        said = self.seawall("check", check=False)
        self.assertEqual(said.code, 0, said)
        restored = self.restore_snapshot(snapshot, "--configuration", os.path.join(self.folder, "configuration"))
        self.assertEqual(read(os.path.join(self.folder, "configuration", "outside_hba.conf")).decode(), kept)
        self.assertTrue(restored.running())

    def test_servers_before_15_send_one_copy_for_each_archive(self):
        primary = self.remote_cluster()
        self.fill(primary, rows=5000)
        self.space_for(primary)
        self.write_remote_policy(primary)
        self.seawall("apply")
        self.receive(primary)
        proxy = Before15(primary.port)
        self.addCleanup(proxy.listener.close)
        before = logged(primary)
        primary.port = proxy.port
        self.write_remote_policy(primary)
        snapshot = self.backup()
        self.assertEqual(proxy.translated, 1)
        self.assertEqual(len(snapshot["tablespaces"]), 1)
        self.assertEqual(logged(self.restore_snapshot(snapshot)), before)


if __name__ == "__main__":
    main()
