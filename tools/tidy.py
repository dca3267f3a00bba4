#!/usr/bin/env python3
"""Names every include that leads to a room it may not use, every file that has outgrown its room, and unfinished marks."""

import pathlib
import re
import sys

LINES_MAX = 600
ROOT = pathlib.Path(__file__).resolve().parent.parent


def rooms():
    allowed = {}
    for line in (ROOT / "tools/rooms.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            room, uses = line.split(":")
            allowed[room] = set(uses.split()) | {room}
    return allowed


def findings():
    allowed = rooms()
    for path in sorted((ROOT / "src").rglob("*")):
        if path.suffix not in (".h", ".cc"):
            continue
        room = path.relative_to(ROOT / "src").parts[0]
        name = path.relative_to(ROOT)
        if room not in allowed:
            yield f"{name}: room '{room}' is not in tools/rooms.txt"
            continue
        is_test = path.stem.endswith("_test") or path.name == "testing.h"
        lines = path.read_text().splitlines()
        if len(lines) > LINES_MAX:
            yield f"{name}: {len(lines)} lines; look for a second noun"
        if path.suffix == ".h" and "#pragma once" not in lines:
            yield f"{name}: no #pragma once"
        for number, line in enumerate(lines, 1):
            include = re.match(r'#include "([a-z_]+)/', line)
            if include and include[1] not in allowed[room] and not (is_test and include[1] == "testing"):
                yield f"{name}:{number}: {room} may not use {include[1]}"
            if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line):
                yield f"{name}:{number}: an unfinished mark"
            if "using namespace" in line and path.suffix == ".h":
                yield f"{name}:{number}: using namespace in a header"


if __name__ == "__main__":
    found = list(findings())
    print("\n".join(found))
    sys.exit(1 if found else 0)
