"""Medians beside their bars, as one table, and everything as JSON."""

import json

from measure import median

# case, what of it, which of the peer's settings count (by their name), the bar for each cluster, how it is called
BARS = [
    ("full", "wall", "", {"A": 0.5, "B": 0.6}, "a full snapshot"),
    ("full", "stored", "", {"B": 1.03}, "... bytes stored"),
    ("changed", "wall", "", {"A": 0.2, "B": 0.33}, "the next, 1 % of the pages changed"),
    ("changed", "stored", "", {"A": 0.4, "B": 0.4}, "... bytes stored"),
    ("unchanged", "wall", "", {"A": 0.5, "B": 0.5}, "the next, nothing changed"),
    ("restore", "wall", "", {"A": 0.85, "B": 0.85}, "restore, files durable"),
    ("open", "wall", "", {}, "restore, until it answers"),
    ("delta", "wall", "", {"A": 0.33, "B": 0.33}, "delta restore, 30 blocks damaged"),
    ("delta cold", "wall", "", {}, "... not in the page cache"),
    ("push", "wall", " sync", {"A": 0.33, "B": 0.4}, "wal push, one waits"),
    ("backlog", "wall", " sync", {"A": 0.33, "B": 0.4}, "wal push, all wait"),
    ("backlog", "wall", " async", {"A": 0.5, "B": 0.5}, "wal push, all wait"),
    ("backlog", "stored", " async", {}, "... bytes stored"),
    ("get", "wall", " async", {"A": 0.25, "B": 0.25}, "wal get, at once"),
    ("get paced", "wall", " async", {}, "wal get, 50 ms of replay between"),
]
MEMORY_MB = 64


def _value(usages, what):
    return median([getattr(usage, what) for usage in usages])


def _text(value, what):
    return f"{value / 1e6:.1f} MB" if what == "stored" else f"{value:.3f} s"


def rows(samples, second):
    """Ours beside the fastest of the peer's settings."""
    for case, what, word, bars, title in BARS:
        for cluster in sorted({key[1] for key in samples}):
            ours = samples.get((case, cluster, "seawall"))
            alike = {case, "push"} if word == " sync" else {case}  # a synchronous push takes as long, whoever waits
            peers = {name: usages for (of, at, name), usages in samples.items()
                     if of in alike and at == cluster and name != "seawall" and word in name and second not in name}
            if not ours or not peers:
                continue
            best = min(peers, key=lambda name: _value(peers[name], "wall"))
            mine, theirs = _value(ours, what), _value(peers[best], what)
            bar = bars.get(cluster)
            verdict = "" if bar is None else "met" if mine <= bar * theirs else "MISSED"
            yield {"cluster": cluster, "case": title, "what": what, "seawall": mine, "peer": theirs, "setting": best, "ratio": mine / theirs,
                   "bar": bar, "verdict": verdict, "cpu": [_value(ours, "cpu"), _value(peers[best], "cpu")],
                   "rss_mb": [_value(ours, "rss_mb"), _value(peers[best], "rss_mb")]}


def memory(samples):
    for (case, cluster, name), usages in sorted(samples.items()):
        if name == "seawall" and case in ("full", "changed", "restore"):
            yield {"cluster": cluster, "case": case, "rss_mb": max(usage.rss_mb for usage in usages)}


def table(found, peaks):
    lines = ["| cluster | case | seawall | peer | its setting | ratio | bar | | CPU s | MB |", "|---|---|---|---|---|---|---|---|---|---|"]
    for row in found:
        lines.append("| {cluster} | {case} | {ours} | {theirs} | {setting} | **{ratio:.2f}** | {bar} | {verdict} | {cpu[0]:.2f} / {cpu[1]:.2f} | "
                     "{rss_mb[0]:.0f} / {rss_mb[1]:.0f} |".format(**{**row, "bar": row["bar"] or ""}, ours=_text(row["seawall"], row["what"]),
                                                                   theirs=_text(row["peer"], row["what"])))
    lines += ["", f"Largest process of ours, MB (bar {MEMORY_MB}): " +
              ", ".join(f"{p['cluster']} {p['case']} {p['rss_mb']:.0f}" for p in peaks)]
    return "\n".join(lines)


def write_json(path, samples, found, peaks, facts):
    with open(path, "w") as file:
        json.dump({"facts": facts, "rows": found, "memory": peaks,
                   "samples": [{"case": case, "cluster": cluster, "contestant": name, **usage.__dict__}
                               for (case, cluster, name), usages in samples.items() for usage in usages]}, file, indent=1)
