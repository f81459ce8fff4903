# SPDX-License-Identifier: BSD-2-Clause
"""What bench.py makes of its runs: a table with medians and ranges, held against targets and against the table stored last; as text, as
Markdown and as a plot (SVG). Stored is what `--save` has put into bench/results/."""
import datetime
import html
import json
import os
import platform
import statistics

HIGHER_IS_BETTER = {"max_rate", "goodput", "routes_per_s"}
NOTABLE = 0.10  # a figure that differs from the stored one by more is told


class Figure:
    """Median and range of what was measured in several repeats."""

    def __init__(self, values):
        self.values = list(values)
        self.median = statistics.median(self.values) if self.values else None

    def __bool__(self):
        return self.median is not None

    def __str__(self):
        if not self:
            return "-"
        low, high = min(self.values), max(self.values)
        return f"{self.median:.3g}" if len(self.values) == 1 else f"{self.median:.3g} ({low:.3g}-{high:.3g})"


def add_sums(runs):
    """A client and the server that works for it, where a target is on both."""
    for run in runs:
        result = run["result"]
        if result.get("purge_cpu_per_M") is not None and result.get("server_cpu_per_M") is not None:
            result["both_cpu_per_M"] = result["purge_cpu_per_M"] + result["server_cpu_per_M"]


def values(runs, row, peer, figure):
    return {r["repeat"]: r["result"][figure] for r in runs if r["row"] == row and r["peer"] == peer and r["result"].get(figure) is not None}


def lines_of(runs, ratios, limits):
    """One line for each target that was measured: dictionaries, in the order of the targets."""
    rows, lines = {r["row"] for r in runs}, []
    for row, figure, peer, target, *enough in ratios:
        ours, theirs = values(runs, row, "new", figure), values(runs, row, peer, figure)
        if row not in rows or not ours:
            continue
        pairs = [(ours[i], theirs[i]) for i in ours if theirs.get(i) and ours[i]]
        ratio = Figure([o / t if figure in HIGHER_IS_BETTER else t / o for o, t in pairs])
        scores = [ratio.median / target] if ratio else []
        scores += [Figure(ours.values()).median / rate for rate in enough]
        lines.append({"row": row, "figure": figure, "peer": peer, "theirs": Figure(theirs.values()), "ours": Figure(ours.values()), "ratio": ratio,
                      "target": " or ".join([f"{target:g}x", *(f"{rate:.4g}" for rate in enough)]), "score": max(scores, default=None)})
    for row, figure, limit in limits:
        ours = Figure(values(runs, row, "new", figure).values())
        if row in rows and ours:
            score = ours.median / limit if figure in HIGHER_IS_BETTER else limit / ours.median if ours.median else None
            lines.append({"row": row, "figure": figure, "peer": "limit", "theirs": Figure([]), "ours": ours, "ratio": Figure([]), "target": f"{limit:.4g}", "score": score})
    return lines


def verdict(line):
    return "" if line["score"] is None else "reached" if line["score"] >= 1 else "MISSED"


COLUMNS = [("row", 20), ("figure", 20), ("compared to", 11), ("its", 22), ("ours", 22), ("ratio", 20), ("target", 8), ("", 8)]


def cells(line):
    ratio = f"{line['ratio']}x" if line["ratio"] else "-"
    return [line["row"], line["figure"], line["peer"], str(line["theirs"]), str(line["ours"]), ratio, line["target"], verdict(line)]


def print_table(lines):
    print("\n" + " ".join(f"{title:{width}}" for title, width in COLUMNS))
    for line in lines:
        print(" ".join(f"{cell:{width}}" for cell, (_, width) in zip(cells(line), COLUMNS)).rstrip())


def machine():
    try:
        model = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.machine()
    return f"{os.cpu_count()} processors ({model}), Linux {platform.release()}"


def markdown(lines, when):
    text = [f"# Results of {when}\n", f"On {machine()}. Written by `./dev bench --save`; how rows are measured: `bench/README.md`. Median (least-greatest) of the repeats; a ratio is the",
            "median of those within each repeat. CPU in seconds for a million unless the figure's name says otherwise.\n",
            "![ratios](results.svg)\n", "| " + " | ".join(title for title, _ in COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    text += ["| " + " | ".join(cells(line)) + " |" for line in lines]
    return "\n".join(text) + "\n"


STYLE = """text { font: 13px system-ui, sans-serif; fill: #1b1f24 } .dim { fill: #59636e } .good { fill: #1a7f5a } .bad { fill: #bf4b1f }
.grid { stroke: #d1d9e0 } .one { stroke: #1b1f24; stroke-width: 2 } .back { fill: #ffffff }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .dim { fill: #9198a1 } .good { fill: #3fb98c } .bad { fill: #e5814f } .grid { stroke: #30363d }
.one { stroke: #e6edf3 } .back { fill: #0d1117 } }"""


def plot(lines, when):
    """A bar for each target: how many times it was reached. The line at 1 is the target itself."""
    shown = [line for line in lines if line["score"] is not None]
    left, width, step, top = 330, 520, 24, 56
    height = top + step * len(shown) + 30
    most = min(4.0, max([2.0, *(line["score"] for line in shown)]))
    x = lambda score: left + width * min(score, most) / most
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 140} {height}" role="img" aria-label="targets reached">',
           f"<style>{STYLE}</style>", f'<rect class="back" width="100%" height="100%"/>',
           f'<text x="16" y="24" font-weight="600">How many times each target is reached ({html.escape(when)})</text>',
           '<text x="16" y="42" class="dim">1 is the target; on the right what was measured, and the target</text>']
    for i in range(int(most) + 1):
        out.append(f'<line class="{"one" if i == 1 else "grid"}" x1="{x(i):.1f}" y1="{top - 6}" x2="{x(i):.1f}" y2="{height - 24}"/>')
        out.append(f'<text class="dim" x="{x(i):.1f}" y="{height - 8}" text-anchor="middle">{i}</text>')
    for i, line in enumerate(shown):
        y = top + i * step
        name = line["row"] + ("" if line["figure"].startswith("cpu_per") else f" {line['figure']}") + ("" if line["peer"] in ("pmacct", "limit") else f" ({line['peer']})")
        measured = f"{line['ratio'].median:.3g}x / {line['target']}" if line["ratio"] else f"{line['ours'].median:.3g} / {line['target']}"
        out.append(f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{html.escape(name)}</text>')
        out.append(f'<rect class="{"good" if line["score"] >= 1 else "bad"}" x="{left}" y="{y + 2}" width="{max(1, x(line["score"]) - left):.1f}" height="14" rx="2"/>')
        out.append(f'<text class="dim" x="{left + width + 10}" y="{y + 13}">{html.escape(measured)}</text>')
    return "\n".join(out) + "\n</svg>\n"


def compare(lines, folder):
    """Tells what differs notably from the table that was stored last, ratio against ratio where there is one, since machines differ."""
    try:
        stored = {(s["row"], s["figure"], s["peer"]): s for s in json.loads((folder / "results.json").read_text())["lines"]}
    except (OSError, ValueError, KeyError):
        return
    told = 0
    for line in lines:
        before = stored.get((line["row"], line["figure"], line["peer"]), {}).get("score")
        if before and line["score"] and abs(line["score"] / before - 1) > NOTABLE:
            told += 1
            print(f"{'better' if line['score'] > before else 'WORSE '} than the stored table by {abs(line['score'] / before - 1):.0%}: {line['row']} {line['figure']}")
    if stored and not told:
        print(f"no figure differs from the stored table by more than {NOTABLE:.0%}")


def save(lines, folder):
    """Into the stored table: rows that were measured now take the place of those that were there; others stay."""
    folder.mkdir(parents=True, exist_ok=True)
    when = datetime.date.today().isoformat()
    path = folder / "results.json"
    kept = json.loads(path.read_text())["lines"] if path.exists() else []
    fresh = [{"row": line["row"], "figure": line["figure"], "peer": line["peer"], "target": line["target"], "score": line["score"], "when": when,
              "theirs": line["theirs"].values, "ours": line["ours"].values, "ratio": line["ratio"].values} for line in lines]
    names = {(f["row"], f["figure"], f["peer"]) for f in fresh}
    everything = sorted([k for k in kept if (k["row"], k["figure"], k["peer"]) not in names] + fresh, key=lambda f: (f["row"], f["figure"], f["peer"]))
    path.write_text(json.dumps({"machine": machine(), "lines": everything}, indent=1) + "\n")
    whole = [{**f, "theirs": Figure(f["theirs"]), "ours": Figure(f["ours"]), "ratio": Figure(f["ratio"])} for f in everything]
    (folder / "results.md").write_text(markdown(whole, when))
    (folder / "results.svg").write_text(plot(whole, when))
    print(f"written: {folder}/results.md, results.svg, results.json")


def finish(runs, ratios, limits, folder, keep):
    """Prints what a run has shown; keeps it in `folder` if asked to."""
    add_sums(runs)
    lines = lines_of(runs, ratios, limits)
    print_table(lines)
    compare(lines, folder)
    if keep:
        save(lines, folder)
    lost = [f"{r['row']} #{r['repeat']}" for r in runs if r["peer"] == "new" and abs(r["result"].get("loss") or 0) > 1e-9]
    print(f"lost something: {', '.join(lost)}" if lost else "nothing lost by this build")
