#!/usr/bin/env python3
"""Runs clang-tidy over all sources of src/, a few at a time as one.

Nearly all of clang-tidy's time goes to the standard library that each source includes, so the sources of a room are
included into units, as a unity build would, and the library is looked at once per unit. Two sources that give one
name to different things in their unnamed namespaces go to different units. The flags are those of build/release,
without what only g++ knows.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
UNITS = ROOT / "build/tidy"
SOURCES_MAX = 20  # in a unit: small enough that two cores are busy to the end
FOR_GCC_ONLY = {"-fpch-preprocess", "-Winvalid-pch"}
DEFINITION = re.compile(
    r"(?:(?:enum )?(?:class|struct)|enum|union|#define|using(?=.*=))\s+(\w+)|(?!template\b|using\b)\w.*?\b(\w+)\s*[({=\[;]"
)


def flags_of(command):
    """What of a compiler's command clang needs: no outputs, no precompiled header."""
    words = iter(shlex.split(command))
    next(words)
    for word in words:
        if word in ("-o", "-c", "-include"):
            next(words)
        elif word not in FOR_GCC_ONLY:
            yield word


def own_names(source):
    """Names that a source gives to what is its own: in unnamed namespaces, constants, macros."""
    room = source.relative_to(ROOT / "src").parts[0]  # which is its namespace
    inside = False
    for line in source.read_text().splitlines():
        if line == "namespace {":
            inside = True
        elif line == "}  // namespace":
            inside = False
        elif inside or line.startswith(("#define", "static ", "constexpr ")):
            found = DEFINITION.match(line)
            if found:
                yield room, found[1] or found[2]


def units():
    """Yields (file of the unit, its sources, flags)."""
    groups = {}
    for entry in json.loads((ROOT / "build/release/compile_commands.json").read_text()):
        source = pathlib.Path(entry["file"])
        if source.suffix != ".cc" or ROOT / "src" not in source.parents:
            continue
        kind = "tests" if source.stem.endswith("_test") else "product"
        groups.setdefault(kind, []).append((source, list(flags_of(entry["command"]))))
    for kind, members in groups.items():
        flags = list(dict.fromkeys(flag for _, own in members for flag in own))
        open_units = []
        for source, _ in sorted(members):
            names = set(own_names(source))
            for sources, taken in open_units:
                if len(sources) < SOURCES_MAX and not names & taken:
                    break
            else:
                sources, taken = [], set()
                open_units.append((sources, taken))
            sources.append(source)
            taken |= names
        for number, (sources, _) in enumerate(open_units):
            yield UNITS / f"{kind}_{number}.cc", sources, flags


def tidy(file, flags):
    run = subprocess.run(["clang-tidy", "--quiet", file, "--", *flags], capture_output=True, text=True, cwd=ROOT)
    return run.stdout + ("" if run.returncode == 0 or ": error:" in run.stdout else run.stderr)


def tidy_unit(unit):
    file, sources, flags = unit
    content = "".join(f'#include "{source}"\n' for source in sources)
    if not file.exists() or file.read_text() != content:
        file.write_text(content)
    said = tidy(file, flags)
    if "[clang-diagnostic-error]" in said and len(sources) > 1:  # they do not go together after all
        said = "".join(tidy(source, flags) for source in sources)
    return said


def main():
    UNITS.mkdir(parents=True, exist_ok=True)
    work = sorted(units(), key=lambda unit: -len(unit[1]))
    said = set()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for text in pool.map(tidy_unit, work):
            for finding in re.split(r"(?m)^(?=\S+:\d+:\d+: error:)", text):
                if finding.strip() and finding not in said:  # a header's is found by each unit
                    said.add(finding)
                    print(finding, end="")
    sys.exit(1 if said else 0)


if __name__ == "__main__":
    main()
