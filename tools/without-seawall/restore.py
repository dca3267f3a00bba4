#!/usr/bin/env python3
"""Lays out a PostgreSQL data directory from a seawall repository in a folder, without seawall.

    restore.py REPOSITORY SNAPSHOT DATA [--tablespace OID=FOLDER]...

Needs Python 3 and the zstd program; run it as the user PostgreSQL runs as. DATA must be absent or empty, and so must the
folder of each tablespace (its old location, unless --tablespace says another). docs/guide/without-seawall.md says what to do
before and after; docs/formats/ says why each line below is as it is.
"""

import argparse
import glob
import json
import os
import struct
import subprocess
import sys
import tempfile

BLOCK = 8192
HEADER = 144  # the frame that zstd skips
ZEROS = 0xFFFFFFFF  # the frame that stands for blocks of zeros


def unzstd(data, what, *options):
    done = subprocess.run(["zstd", "-dcq", *options], input=data, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f"damaged: {what}")
    return done.stdout


def read(path, offset=0, size=-1):
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(size)


def write(path, content, mode=0o600):
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, mode)


def snapshot_root(repository, name):
    found = sorted(glob.glob(f"{glob.escape(repository)}/snapshots/*/{name}.json"))
    if not found:
        sys.exit(f"there is no {repository}/snapshots/*/{name}.json")
    root = json.loads(read(found[-1]))
    if root["seawall"] != "snapshot" or root["version"] > 1:
        sys.exit(f"{found[-1]} is not a snapshot of format 1")
    return root["body"]


def shard_content(repository, shard):
    """A shard that is a difference is made whole with the one it was made from."""
    stored = read(os.path.join(repository, shard["key"]))
    if "prefix" not in shard:
        return unzstd(stored, shard["key"])
    with tempfile.NamedTemporaryFile() as prefix:
        prefix.write(unzstd(read(os.path.join(repository, shard["prefix"])), shard["prefix"]))
        prefix.flush()
        return unzstd(stored[HEADER:], shard["key"], "--patch-from=" + prefix.name)  # the prefix is for the first frame


class Shard:
    """Which block is where, for a stretch of files."""

    def __init__(self, content):
        files, packs, frames, extents, blocks, names = struct.unpack_from("<IIIIQQ", content)
        part, at = [], 32
        for size in (16 * packs, 24 * frames, 40 * files, 16 * extents, 16 * blocks, names):
            part.append(content[at:at + size])
            at += size
        self.packs = [part[0][i:i + 16].hex() for i in range(0, 16 * packs, 16)]
        self.frames = list(struct.iter_unpack("<QIIII", part[1]))  # offset, pack, stored, raw, zero
        self.extents = list(struct.iter_unpack("<IIII", part[3]))  # first block, blocks, frame, offset in the frame
        self.files = []
        for size, _, at, length, kind, _, mode, first, count, link in struct.iter_unpack("<QQIHBBIIII", part[2]):
            name = os.fsdecode(part[5][at:at + length])
            target = os.fsdecode(part[5][at + length:at + length + link])
            self.files.append((name, kind, size, mode & 0o7777, target, self.extents[first:first + count]))


def lay_out(shard, folder_of_packs, place):
    """Writes the files of one shard; place() says where a path goes, or None for nowhere."""
    wanted = {}  # frame -> [(file, offset in the file, bytes, offset in the frame)]
    for name, kind, size, mode, target, extents in shard.files:
        path = place(name)
        if path is None:
            continue
        if kind == 1:
            os.makedirs(path, exist_ok=True)
            os.chmod(path, mode)
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if kind == 2:
            os.symlink(target, path)
        else:
            write(path, b"", mode)
            os.truncate(path, size)  # blocks of zeros are there by this
            for first, blocks, frame, offset in extents:
                if frame != ZEROS:
                    length = min(blocks * BLOCK, size - first * BLOCK)
                    wanted.setdefault(frame, []).append((path, first * BLOCK, length, offset))
    order = sorted(wanted, key=lambda f: (shard.frames[f][1], shard.frames[f][0]))
    for batch in (order[i:i + 64] for i in range(0, len(order), 64)):  # 64 MiB at once
        stored = b"".join(read(f"{folder_of_packs}/{shard.packs[shard.frames[f][1]]}.zst", shard.frames[f][0],
                               shard.frames[f][2]) for f in batch)
        raw = unzstd(stored, "a pack; zstd -t says which")
        begin = 0
        for f in batch:
            for path, at, length, offset in wanted[f]:
                with open(path, "r+b") as file:
                    file.seek(at)
                    file.write(raw[begin + offset:begin + offset + length])
            begin += shard.frames[f][3]


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("repository", "snapshot", "data"):
        ask.add_argument(name)
    ask.add_argument("--tablespace", action="append", default=[], metavar="OID=FOLDER")
    options = ask.parse_args()
    root = snapshot_root(options.repository, options.snapshot)
    data = os.path.abspath(options.data)
    spaces = {str(t["oid"]): t["location"] for t in root["tablespaces"]}
    for oid, folder in (t.split("=", 1) for t in options.tablespace):
        spaces[oid] = os.path.abspath(folder)
    external = {e["path"] for e in root["external"]}
    for folder in [data, *spaces.values()]:
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o700)
        if os.listdir(folder):
            sys.exit(f"{folder} is not empty")

    def place(name):
        parts = name.rstrip("/").split("/", 2)
        if name == "global/pg_control":
            return None
        if parts[0] == "pg_tblspc" and len(parts) > 1 and parts[1] in spaces:
            return os.path.join(spaces[parts[1]], parts[2]) if len(parts) > 2 else None
        return data + "." + name if name in external else os.path.join(data, name)

    for shard in root["shards"]:
        lay_out(Shard(shard_content(options.repository, shard)), f"{options.repository}/packs/{root['epoch']:04}", place)
    os.makedirs(os.path.join(data, "pg_tblspc"), exist_ok=True)
    for oid, folder in spaces.items():
        os.symlink(folder, os.path.join(data, "pg_tblspc", oid))
    if root["tablespace_map"]:
        write(os.path.join(data, "tablespace_map"), "".join(f"{o} {f}\n" for o, f in spaces.items()).encode())
    write(os.path.join(data, "backup_label"), root["backup_label"].encode())
    os.sync()
    write(os.path.join(data, "global/pg_control"), bytes.fromhex(root["control_file"]).ljust(8192, b"\0"))
    os.sync()
    for file in root["external"]:
        print(f"{file['original']} is now {data}.{file['path']}")
    print(f"laid out in {data}; it needs WAL of timeline {root['timeline']} from {root['start_lsn']} to {root['stop_lsn']} at "
          f"least, from {options.repository}/wal/{root['epoch']:04}")


if __name__ == "__main__":
    main()
